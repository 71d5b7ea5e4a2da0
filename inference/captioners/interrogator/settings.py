"""The settings of a card of the family `interrogator`."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import MISSING, dataclass, fields
from typing import Final

from inference.checkpoints.registry import Card

MODES: Final = ("classic", "fast", "best")

_KINDS: Final = {"candidates": int, "details": int, "most": int, "gain": float, "areas": tuple}


@dataclass(frozen=True, slots=True)
class Settings:
    """The table `settings` of a card.

    captioner, clip: names of the captioner and dual encoder; mode: one of `MODES`; areas: of things that the encoder
    knows, in order of precedence; candidates: number of phrases that a chain may choose from; details: phrases that
    `classic` and `fast` add at most; most: phrases that a chain adds at most; gain: least gain in similarity of a
    phrase in a chain.
    """

    captioner: str
    clip: str
    mode: str
    areas: tuple[str, ...]
    candidates: int = 64
    details: int = 3
    most: int = 4
    gain: float = 0.0

    @classmethod
    def from_card(cls, card: Card, areas: Collection[str]) -> Settings:
        """Read the settings of a card. Raises `CheckpointError` naming one that is missing, unknown or impossible."""
        values = {name: tuple(value) if isinstance(value, list) else value for name, value in card.settings.items()}
        kinds = {each.name: _KINDS.get(each.name, str) for each in fields(cls)}
        required = [each.name for each in fields(cls) if each.default is MISSING]
        wrong = [name for name in required if name not in values]
        wrong += [name for name, value in values.items() if type(value) is not kinds.get(name)]
        wrong += [name for name, value in values.items() if isinstance(value, int | float) and value < 0]
        if not wrong:
            wrong = ["mode"] * (values["mode"] not in MODES) + ["areas"] * (not _are_known(values["areas"], areas))
        if wrong:
            raise card.field_error(f"settings.{wrong[0]}")
        return cls(**values)  # type: ignore[arg-type]


def _are_known(values: object, areas: Collection[str]) -> bool:
    return isinstance(values, tuple) and bool(values) and set(values) <= set(areas)
