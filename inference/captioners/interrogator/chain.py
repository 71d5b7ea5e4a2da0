"""Greedy search for the phrases that make a text most similar to the photos.

The chain of CLIP-Interrogator encodes every phrase behind the text at each step. Here a phrase is encoded again only
while it can still win: its gain when last tried is taken as an upper bound, as in the lazy greedy search of Minoux
(1978). That is exact where gains only shrink as the text grows, and always where `block` holds all phrases.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor

from inference.captioners.interrogator.labels import EncodeTexts, encode_normalized


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of a chain.

    most: number of phrases; gain: least gain in similarity of a phrase, not below 0; block: phrases encoded at a time.
    """

    most: int = 4
    gain: float = 0.0
    block: int = 8


@dataclass(frozen=True, slots=True)
class Chain:
    """The phrases of a chain in order, the similarity of its text, and the number of texts encoded."""

    phrases: tuple[str, ...]
    similarity: float
    encoded: int


Compose = Callable[[Sequence[str]], str]  # phrases in order → text
Excludes = Callable[[str, str], bool]  # True where the first phrase makes the second redundant


def never_excludes(first: str, second: str) -> bool:
    """Return False: no phrase excludes another."""
    return False


def build_chain(
    encode: EncodeTexts,
    album: Tensor,
    compose: Compose,
    candidates: Sequence[str],
    limits: Limits,
    excludes: Excludes = never_excludes,
) -> Chain:
    """Add candidates one by one, the best first, while the text becomes more similar to the album.

    album: (dim,) float32, the mean of the photos' embeddings; its negative gives the least similar text. Of equal
    candidates the first wins.
    """
    phrases: tuple[str, ...] = ()
    current, encoded = float(encode_normalized(encode, [compose(phrases)])[0] @ album), 1
    bounds = dict.fromkeys(candidates, float("inf"))
    while bounds and len(phrases) < limits.most:
        winner, gain, tried = _find_winner(encode, album, compose, phrases, current, bounds, limits)
        encoded += tried
        if winner is None:
            break
        phrases, current = (*phrases, winner), current + gain
        bounds = {
            phrase: bound for phrase, bound in bounds.items() if phrase != winner and not excludes(winner, phrase)
        }
    return Chain(phrases, current, encoded)


def _find_winner(
    encode: EncodeTexts,
    album: Tensor,
    compose: Compose,
    phrases: tuple[str, ...],
    current: float,
    bounds: dict[str, float],
    limits: Limits,
) -> tuple[str | None, float, int]:
    """Return the phrase with the highest gain, or None, its gain, and the number of phrases encoded.

    Phrases are tried in the order of `bounds`, their last gains, which is updated, until no other can gain more than
    the best so far.
    """
    order = sorted(bounds, key=lambda phrase: -bounds[phrase])
    winner, most, tried = None, limits.gain, 0
    while tried < len(order) and (not tried or bounds[order[tried]] > most):
        block = order[tried : tried + limits.block] if bounds[order[tried]] < float("inf") else order
        similarities = encode_normalized(encode, [compose((*phrases, phrase)) for phrase in block]) @ album
        tried += len(block)
        for phrase, value in zip(block, similarities.tolist(), strict=True):
            bounds[phrase] = value - current
            if bounds[phrase] > most:
                winner, most = phrase, bounds[phrase]
    return winner, most, tried
