"""The table `settings` of a card: what its family lets it choose, as the family's own dataclass."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from inference.checkpoints.registry import Card

Settings = TypeVar("Settings")
Valid = Mapping[str, Callable[[Any], bool]]

NO_RULES: Valid = MappingProxyType({})


def read_settings(kind: type[Settings], card: Card, valid: Valid = NO_RULES) -> Settings:
    """What the card chooses, the family's defaults for the rest.

    kind: a dataclass whose fields are of plain types, unions of them or `Literal`; valid: what else a field has to be.
    Raises `CheckpointError` naming a setting that is unknown, of a wrong type or not valid.
    """
    hints = get_type_hints(kind)
    for name, value in card.settings.items():
        if name not in hints or not _fits(value, hints[name]) or not valid.get(name, _anything)(value):
            raise card.field_error(f"settings.{name}")
    return kind(**card.settings)


def _fits(value: object, hint: Any) -> bool:
    """Whether a value has the type: `True` is no number, but 1 is a share."""
    if get_origin(hint) is Literal:
        return value in get_args(hint)
    kinds = get_args(hint) or (hint,)
    return type(value) in kinds or (float in kinds and type(value) is int)


def _anything(value: object) -> bool:
    return True
