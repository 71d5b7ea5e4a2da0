"""What a card of the family `interrogator` lets its owner choose."""

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

    captioner, clip: the checkpoints that caption and compare; mode: one of `MODES`; areas: the things that the encoder
    knows, in the order in which a noun of several is looked up; candidates: the likest open phrases that a chain may
    use; details, most: phrases that `classic` and `fast`, and that a chain, add at most; gain: the likeness that a
    phrase of a chain has to bring.
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
    def of(cls, card: Card, areas: Collection[str]) -> Settings:
        """What the card asks for. Raises `CheckpointError` naming a setting that is missing, unknown or impossible."""
        asked = {name: tuple(value) if isinstance(value, list) else value for name, value in card.settings.items()}
        kinds = {each.name: _KINDS.get(each.name, str) for each in fields(cls)}
        needed = [each.name for each in fields(cls) if each.default is MISSING]
        wrong = [name for name in needed if name not in asked]
        wrong += [name for name, value in asked.items() if type(value) is not kinds.get(name)]
        wrong += [name for name, value in asked.items() if isinstance(value, int | float) and value < 0]
        if not wrong:
            wrong = ["mode"] * (asked["mode"] not in MODES) + ["areas"] * (not _are_known(asked["areas"], areas))
        if wrong:
            raise card.field_error(f"settings.{wrong[0]}")
        return cls(**asked)  # type: ignore[arg-type]


def _are_known(asked: object, areas: Collection[str]) -> bool:
    return isinstance(asked, tuple) and bool(asked) and set(asked) <= set(areas)
