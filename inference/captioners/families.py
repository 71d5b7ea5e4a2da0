"""The families of captioners by name. Importing them does not import torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from inference.captioners import (
    blip2,
    chat,
    clipcap,
    encoder_decoder,
    flamingo,
    interrogator,
    prefix,
    rudolph,
    soft_prompt,
)
from inference.checkpoints.formats import Family
from inference.errors import CheckpointError

if TYPE_CHECKING:
    from inference.checkpoints.card import Card

FAMILIES: Mapping[str, Family] = {
    package.FAMILY.name: package.FAMILY
    for package in (blip2, chat, clipcap, encoder_decoder, flamingo, interrogator, prefix, rudolph, soft_prompt)
}


def get_family(card: Card) -> Family:
    """Return the family of a card. Raises `CheckpointError` for an unknown one."""
    if card.family not in FAMILIES:
        raise CheckpointError("checkpoint-family", checkpoint=card.id, family=card.family)
    return FAMILIES[card.family]
