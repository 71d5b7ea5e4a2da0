"""Which phrases fit an album of photos: exact ranking of a table of embeddings.

As CLIP-Interrogator (pharmapsychotic/clip-interrogator) ranks its tables, with two differences: a table read in chunks
gives the same answer as one read at once, and what fits worst is asked for by turning the album's vector round.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

CHUNK_SIZE: Final = 4096


@dataclass(frozen=True, slots=True)
class Labels:
    """Phrases and their embeddings, (phrases, dim), of unit length."""

    phrases: tuple[str, ...]
    embeddings: Tensor

    def rank(self, album: Tensor, count: int, chunk: int = CHUNK_SIZE) -> list[tuple[str, float]]:
        """The `count` phrases most like the album, the likest first, each with its similarity; equals keep their order.

        album: (dim,); `-album` ranks what is least like it, with similarities of the other sign.
        chunk: how many phrases are compared at a time, whatever of them is kept.
        """
        best, places = torch.zeros(0), torch.zeros(0, dtype=torch.long)
        for start in range(0, len(self.phrases), chunk):
            likeness = self.embeddings[start : start + chunk] @ album
            best = torch.cat((best, likeness))
            places = torch.cat((places, torch.arange(start, start + len(likeness))))
            kept = best.argsort(descending=True, stable=True)[:count]
            best, places = best[kept], places[kept]
        return [(self.phrases[place], float(value)) for place, value in zip(places.tolist(), best, strict=True)]


def average_embeddings(embeddings: Tensor) -> Tensor:
    """One vector for several photos, (photos, dim) → (dim,): a text times it is the mean of the similarities."""
    return embeddings.mean(0)
