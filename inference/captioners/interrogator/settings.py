"""The settings of a card of the family `interrogator`."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Annotated, Final, Literal, get_args

from annotated_types import Ge, MinLen

from inference.checkpoints.card import Card
from inference.checkpoints.settings import parse_settings

Mode = Literal["classic", "fast", "best"]
MODES: Final = get_args(Mode)

Count = Annotated[int, Ge(0)]


@dataclass(frozen=True, slots=True)
class Settings:
    """The table `settings` of a card.

    captioner, clip: names of the captioner and dual encoder; areas: of things that the encoder knows, in order of
    precedence; candidates: number of phrases that a chain may choose from; details: phrases that `classic` and `fast`
    add at most; most: phrases that a chain adds at most; gain: least gain in similarity of a phrase in a chain.
    """

    captioner: str
    clip: str
    mode: Mode
    areas: Annotated[tuple[str, ...], MinLen(1)]
    candidates: Count = 64
    details: Count = 3
    most: Count = 4
    gain: Annotated[float, Ge(0)] = 0.0

    @classmethod
    def from_card(cls, card: Card, areas: Collection[str]) -> Settings:
        """Return the settings of a card. Raises `CheckpointError` for one that is missing, unknown or invalid."""
        settings = parse_settings(cls, card)
        if not set(settings.areas) <= set(areas):
            raise card.field_error("settings.areas")
        return settings
