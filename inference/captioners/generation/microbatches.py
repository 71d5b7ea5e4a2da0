"""A batch in parts, so that what is in memory for its photos does not grow with it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from inference.captioners.base import Prompt


def split_microbatches(prompts: Sequence[Prompt], photos: int = 16) -> Iterator[list[Prompt]]:
    """The batch in its order, cut where a part would have more than so many photos.

    A prompt is never cut, so one of more photos is a part by itself; a prompt without photos counts as one.
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
