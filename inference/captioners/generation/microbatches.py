"""Split batches so that memory for photos does not grow with the batch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from inference.captioners.base import Prompt


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
