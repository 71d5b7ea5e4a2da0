"""Find near-duplicate texts, so that a split never separates them."""

from __future__ import annotations

import re
import zlib
from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

LENGTH = 4  # letters of a shingle
HASHES, BAND = 60, 3
_OTHER = re.compile(r"[^а-яa-z0-9]+")
_PRIME = (1 << 31) - 1


def jaccard_similarity(first: str, second: str) -> float:
    """Return the share of common four-letter shingles, in [0, 1]; case, «ё» and punctuation do not count."""
    ours, theirs = _shingles(first), _shingles(second)
    return len(ours & theirs) / max(1, len(ours | theirs))


def group_duplicates(texts: Sequence[str], together: Sequence[Sequence[int]] = (), alike: float = 0.6) -> list[int]:
    """Return a group number per text; texts that are similar or listed in `together` share one, also transitively.

    Candidates come from banded min-hashes, which find 99 % of the pairs with a similarity of 0.6.
    """
    roots = list(range(len(texts)))
    for first, *others in together:
        for other in others:
            _join(roots, first, other)
    for first, second in _candidates(texts):
        if _root(roots, first) != _root(roots, second) and jaccard_similarity(texts[first], texts[second]) >= alike:
            _join(roots, first, second)
    return [_root(roots, number) for number in range(len(texts))]


def _join(roots: list[int], first: int, second: int) -> None:
    ours, theirs = sorted((_root(roots, first), _root(roots, second)))
    roots[theirs] = ours


def _root(roots: list[int], number: int) -> int:
    while roots[number] != number:
        roots[number] = number = roots[roots[number]]
    return number


def _shingles(text: str) -> set[str]:
    plain = _OTHER.sub(" ", text.lower().replace("ё", "е")).strip()
    return {plain[start : start + LENGTH] for start in range(max(1, len(plain) - LENGTH + 1))}


def _candidates(texts: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Yield pairs that share a band of min-hashes: each text with the first of its bucket."""
    signatures = np.stack([_signature(text) for text in texts]).reshape(len(texts), -1, BAND)
    for band in range(signatures.shape[1]):
        first: dict[bytes, list[int]] = defaultdict(list)
        for number, row in enumerate(signatures[:, band]):
            bucket = first[row.tobytes()]
            yield from ((other, number) for other in bucket[:5])
            bucket.append(number)


def _signature(text: str) -> NDArray[np.int64]:
    hashes = np.array([zlib.crc32(piece.encode()) % _PRIME for piece in _shingles(text)], np.int64)
    signature: NDArray[np.int64] = ((hashes[:, None] * _FACTORS + _SHIFTS) % _PRIME).min(0)
    return signature


_FACTORS, _SHIFTS = np.random.default_rng(0).integers(1, _PRIME, (2, HASHES))
