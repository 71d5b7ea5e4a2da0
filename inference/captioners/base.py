"""Captioners: what they read, what they promise, and which code loads which family of checkpoints."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Protocol, cast

from PIL import Image

from inference.captioners.families import FAMILIES
from inference.checkpoints.card import Card
from inference.checkpoints.formats import Family
from inference.clip.dual_encoder import Clip, ImageFeatures
from inference.devices import Device
from inference.errors import CheckpointError
from inference.facts.sheet import FactSheet
from inference.listing.types import DiversityToken


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a captioner reads of one listing.

    views: what the dual encoder saw in the images, for families that read it instead of the pixels;
    masked: the attributes with tokens for numbers, empty where there are none; seed: makes the text repeatable;
    sheets: what is known of the thing, or of each thing of a set.
    """

    images: tuple[Image.Image, ...]
    features: ImageFeatures
    masked: str
    token: DiversityToken
    mask_tokens: frozenset[str] = field(default_factory=frozenset)
    seed: int = 0
    sheets: tuple[FactSheet, ...] = ()


class Captioner(Protocol):
    """Writes drafts: texts whose numbers are mask tokens.

    reads_attributes: whether it reads the seller's words, and may write without photos; else it writes the look only.
    """

    name: str
    max_photos: int
    reads_attributes: bool

    def generate(self, prompts: Sequence[Prompt]) -> list[str]:
        """One draft a prompt, always as a batch; a draft does not depend on the other prompts."""
        ...


@dataclass(frozen=True, slots=True)
class LoadContext:
    """What a captioner may stand on besides its own folder.

    clip: the dual encoder whose views come with every prompt; device: where its own weights belong;
    load_clip, load_captioner: other checkpoints that its card requires, by name.
    """

    clip: Clip
    device: Device
    load_clip: Callable[[str], Clip]
    load_captioner: Callable[[str], Captioner]


Load = Callable[[Card, LoadContext], Captioner]


def get_family(card: Card) -> Family:
    """Return the family of a card. Raises `CheckpointError` for an unknown one."""
    if card.family not in FAMILIES:
        raise CheckpointError("checkpoint-family", checkpoint=card.id, family=card.family)
    return FAMILIES[card.family]


def load_captioner(card: Card, context: LoadContext) -> Captioner:
    """Load the captioner of a card's folder. Raises `CheckpointError` for an unknown family."""
    module, _, name = get_family(card).captioner.partition(":")
    return cast(Load, getattr(import_module(module), name).load)(card, context)
