"""The chain finds what trying every phrase at every step finds, and encodes fewer texts on the way."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

import pytest
import torch
from torch import Tensor
from torch.nn.functional import normalize

from inference.captioners.interrogator.chain import Limits, build_chain

PHRASES = tuple(f"phrase {number}" for number in range(12))
Read = Callable[[Sequence[str]], Tensor]


def scattered(texts: Sequence[str]) -> Tensor:
    """Every text anywhere, for ever: no gain tells of another."""
    seeds = [int.from_bytes(hashlib.sha256(text.encode()).digest()[:6]) for text in texts]
    return torch.stack([torch.randn(8, generator=torch.Generator().manual_seed(seed)) for seed in seeds])


def saturating(texts: Sequence[str]) -> Tensor:
    """Every phrase takes its share of the likeness that is missing: gains only shrink as a text grows."""
    missing = torch.ones(len(texts))
    for row, text in enumerate(texts):
        for number, phrase in enumerate(PHRASES):
            missing[row] *= 1 - 0.01 * (1 + number * 5 % 12) * (phrase in text.split(", "))
    likeness = 0.9 * (1 - missing)
    return torch.stack((likeness, (1 - likeness**2).sqrt()), 1)


def joined(phrases: Sequence[str]) -> str:
    return ", ".join(["caption", *phrases])


def similarity(read: Read, album: Tensor, phrases: Sequence[str]) -> float:
    return float(normalize(read([joined(phrases)]), dim=-1)[0] @ album)


def brute_force(read: Read, album: Tensor, most: int) -> tuple[tuple[str, ...], float, int]:
    """The chain of pharmapsychotic/clip-interrogator@bc07ce6 by its rules: every phrase behind the text at each step.

    The best phrase is taken while it helps.
    """
    left = list(PHRASES)
    said: tuple[str, ...] = ()
    current, encoded = similarity(read, album, said), 1
    for _ in range(most):
        values = [similarity(read, album, (*said, phrase)) for phrase in left]
        encoded += len(left)
        if max(values) <= current:
            break
        said, current = (*said, left.pop(values.index(max(values)))), max(values)
    return said, current, encoded


@pytest.mark.parametrize("seed", range(12))
def test_trying_everything_is_the_original_s_chain(seed: int) -> None:
    album = normalize(torch.randn(8, generator=torch.Generator().manual_seed(seed)), dim=0)
    limits = Limits(most=6, block=len(PHRASES))
    chain = build_chain(scattered, album, joined, PHRASES, limits)
    best, highest, encoded = brute_force(scattered, album, most=6)
    assert (chain.phrases, chain.encoded) == (best, encoded)
    assert chain.similarity == pytest.approx(highest, abs=1e-6)


@pytest.mark.parametrize("block", [1, 2, 5])
def test_where_gains_shrink_trying_a_few_finds_the_same(block: int) -> None:
    album = torch.tensor([1.0, 0.0])
    chain = build_chain(saturating, album, joined, PHRASES, Limits(most=6, block=block))
    best, highest, encoded = brute_force(saturating, album, most=6)
    assert chain.phrases == best
    assert chain.similarity == pytest.approx(highest, abs=1e-6)
    assert chain.encoded < 0.75 * encoded


def test_trying_a_few_never_ends_below_its_start() -> None:
    for seed in range(12):
        album = normalize(torch.randn(8, generator=torch.Generator().manual_seed(seed)), dim=0)
        chain = build_chain(scattered, album, joined, PHRASES, Limits(most=6, block=2))
        assert chain.similarity == pytest.approx(similarity(scattered, album, chain.phrases), abs=1e-6)
        assert chain.similarity >= similarity(scattered, album, ())


def test_turned_round_the_text_becomes_unlike() -> None:
    album = normalize(torch.randn(8, generator=torch.Generator().manual_seed(3)), dim=0)
    chain = build_chain(scattered, -album, joined, PHRASES, Limits(most=6))
    assert -chain.similarity < similarity(scattered, album, ())


def test_a_phrase_has_to_bring_the_gain_that_is_asked() -> None:
    album = torch.tensor([1.0, 0.0])
    few = build_chain(saturating, album, joined, PHRASES, Limits(most=12, gain=0.1))
    many = build_chain(saturating, album, joined, PHRASES, Limits(most=12, gain=0.01))
    assert len(few.phrases) < len(many.phrases)
    assert many.phrases[: len(few.phrases)] == few.phrases


def test_what_is_excluded_is_not_said() -> None:
    """Of phrases that exclude each other the better one is said, as «короткий рукав» or «длинный рукав»."""
    album = torch.tensor([1.0, 0.0])

    def same_half(first: str, second: str) -> bool:
        return (first in PHRASES[:6]) == (second in PHRASES[:6])

    free = build_chain(saturating, album, joined, PHRASES, Limits(most=6))
    chain = build_chain(saturating, album, joined, PHRASES, Limits(most=6), same_half)
    assert len(chain.phrases) == 2
    assert chain.phrases[0] == free.phrases[0]


def test_without_candidates_the_text_stays() -> None:
    chain = build_chain(scattered, torch.ones(8), joined, (), Limits())
    assert (chain.phrases, chain.encoded) == ((), 1)
