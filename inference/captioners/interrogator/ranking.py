"""Rank the phrases of a table by similarity to an album of photos, exactly.

As in CLIP-Interrogator (pharmapsychotic/clip-interrogator), except that the result does not depend on the chunk size,
and the least similar phrases are ranked by negating the album's vector.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

CHUNK_SIZE: Final = 4096


@dataclass(frozen=True, slots=True)
class Labels:
    """Phrases and their embeddings, (phrases, dim) float32, unit length."""

    phrases: tuple[str, ...]
    embeddings: Tensor

    def rank(self, album: Tensor, count: int, chunk: int = CHUNK_SIZE) -> list[tuple[str, float]]:
        """Return the `count` phrases most similar to the album, with similarities; equals keep their order.

        album: (dim,) float32; `-album` ranks the least similar phrases, with negated similarities. chunk: phrases
        compared at a time.
        """
        best, places = torch.zeros(0), torch.zeros(0, dtype=torch.long)
        for start in range(0, len(self.phrases), chunk):
            similarities = self.embeddings[start : start + chunk] @ album
            best = torch.cat((best, similarities))
            places = torch.cat((places, torch.arange(start, start + len(similarities))))
            kept = best.argsort(descending=True, stable=True)[:count]
            best, places = best[kept], places[kept]
        return [(self.phrases[place], float(value)) for place, value in zip(places.tolist(), best, strict=True)]


def average_embeddings(embeddings: Tensor) -> Tensor:
    """Average embeddings (photos, dim) to (dim,); its product with a text is the mean similarity of the photos."""
    return embeddings.mean(0)
