"""A text that grows phrase by phrase while it becomes more like the photos.

The greedy chain of CLIP-Interrogator, which encodes every phrase behind the text at each of its steps. Here a phrase is
encoded again only while it can still win: what a phrase gained when it was last tried is taken for the most that it can
gain later, as in the lazy greedy search of Minoux (1978). That is exact where gains only shrink as the text grows, and
always when `block` holds all phrases.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor

from inference.captioners.interrogator.labels import EncodeTexts, encode_normalized


@dataclass(frozen=True, slots=True)
class Limits:
    """When a chain ends.

    most: phrases at most; gain: what one has to bring, not below 0; block: how many phrases are tried at once.
    """

    most: int = 4
    gain: float = 0.0
    block: int = 8


@dataclass(frozen=True, slots=True)
class Chain:
    """The likest text of a chain: its phrases in order, its similarity, and how many texts were encoded on the way."""

    phrases: tuple[str, ...]
    similarity: float
    encoded: int


Compose = Callable[[Sequence[str]], str]  # phrases in order → the text that says them
Excludes = Callable[[str, str], bool]  # whether the first phrase, once said, leaves nothing to say for the second


def never_excludes(first: str, second: str) -> bool:
    """No phrase excludes another."""
    return False


def build_chain(
    read: EncodeTexts,
    album: Tensor,
    compose: Compose,
    candidates: Sequence[str],
    limits: Limits,
    excludes: Excludes = never_excludes,
) -> Chain:
    """The likest text that candidates make, added one by one, the best first.

    album: (dim,), the mean of the photos' embeddings; its negative makes the text that is least like them.
    candidates: equals are tried in their order.
    """
    said: tuple[str, ...] = ()
    current, encoded = float(encode_normalized(read, [compose(said)])[0] @ album), 1
    hopes = dict.fromkeys(candidates, float("inf"))
    while hopes and len(said) < limits.most:
        winner, gain, tried = _find_winner(read, album, compose, said, current, hopes, limits)
        encoded += tried
        if winner is None:
            break
        said, current = (*said, winner), current + gain
        hopes = {phrase: hope for phrase, hope in hopes.items() if phrase != winner and not excludes(winner, phrase)}
    return Chain(said, current, encoded)


def _find_winner(
    read: EncodeTexts,
    album: Tensor,
    compose: Compose,
    said: tuple[str, ...],
    current: float,
    hopes: dict[str, float],
    limits: Limits,
) -> tuple[str | None, float, int]:
    """The phrase that gains most, if one gains enough, its gain, and how many were tried.

    `hopes`, what each phrase gained last, is brought up to date. Phrases are tried in the order of their hopes, until
    no other can gain more than the best that was found.
    """
    order = sorted(hopes, key=lambda phrase: -hopes[phrase])
    winner, most, tried = None, limits.gain, 0
    while tried < len(order) and (not tried or hopes[order[tried]] > most):
        block = order[tried : tried + limits.block] if hopes[order[tried]] < float("inf") else order
        likeness = encode_normalized(read, [compose((*said, phrase)) for phrase in block]) @ album
        tried += len(block)
        for phrase, value in zip(block, likeness.tolist(), strict=True):
            hopes[phrase] = value - current
            if hopes[phrase] > most:
                winner, most = phrase, hopes[phrase]
    return winner, most, tried
