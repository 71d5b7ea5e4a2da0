"""Generate batches in parts, so that memory for photos does not grow with the batch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence

import torch

from inference.captioners.base import Prompt
from inference.checkpoints.card import Card


class MicrobatchCaptioner(ABC):
    """A captioner that generates from the seller's text and photos, a part of the batch at a time."""

    reads_attributes = True

    def __init__(self, card: Card) -> None:
        self.name = card.name
        self.max_photos = card.max_photos

    @torch.inference_mode()
    def generate(self, prompts: Sequence[Prompt]) -> list[str]:
        """Generate one draft per prompt, in order."""
        return [text for part in split_microbatches(prompts) for text in self._generate_batch(part)]

    @abstractmethod
    def _generate_batch(self, prompts: Sequence[Prompt]) -> list[str]:
        """Generate one draft per prompt of a part; its photos are encoded in one pass."""


def split_microbatches(prompts: Sequence[Prompt], photos: int = 16) -> Iterator[list[Prompt]]:
    """Split a batch, in order, into parts of at most `photos` photos.

    A prompt is never split: one with more photos is a part of its own. A prompt without photos counts as one photo.
    """
    part: list[Prompt] = []
    taken = 0
    for prompt in prompts:
        cost = max(1, len(prompt.images))
        if part and taken + cost > photos:
            yield part
            part, taken = [], 0
        part.append(prompt)
        taken += cost
    if part:
        yield part
