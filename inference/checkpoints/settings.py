"""Read the table `settings` of a card as the data class of its family."""

from __future__ import annotations

from typing import TypeVar

from inference.checkpoints.card import Card
from inference.checkpoints.schema import FieldError, validate

T = TypeVar("T")


def parse_settings(kind: type[T], card: Card) -> T:
    """Return the table `settings` of a card as the data class of its family; fields it lacks keep their defaults.

    Raises `CheckpointError` ("card-field") that names a setting which is unknown or invalid.
    """
    try:
        return validate(kind, card.settings)
    except FieldError as error:
        raise card.field_error(f"settings.{error.field}") from error
