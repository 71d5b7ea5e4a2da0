"""The interface of captioners: their prompts, the protocol, and how a checkpoint is loaded."""

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
    """The input of a captioner for one listing.

    features: the dual encoder's features of the images, for families that take them instead of pixels;
    masked: the seller's text with mask tokens for numbers, empty without text; seed: of the random generator;
    sheets: the facts about the thing, or about each thing of a set.
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

    max_photos: images that it takes of one prompt; reads_attributes: uses the seller's text and can do without photos,
    otherwise it describes the photos only.
    """

    name: str
    max_photos: int
    reads_attributes: bool

    def generate(self, prompts: Sequence[Prompt]) -> list[str]:
        """Generate one draft per prompt, as a batch; a draft does not depend on the other prompts."""
        ...


@dataclass(frozen=True, slots=True)
class LoadContext:
    """The resources of a captioner besides its own folder.

    clip: the dual encoder that computes the features of prompts; device: of the captioner's weights;
    load_clip, load_captioner: load the checkpoints that its card requires, by name.
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
