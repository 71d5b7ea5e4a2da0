"""Hard texts for the YouTokenToMe tokenizer, and a plain reference implementation of its algorithm."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from itertools import groupby, pairwise
from pathlib import Path

from tests.support.models import hashed
from tests.support.sources import ROOT

RECORDED = ROOT / "tests" / "support" / "recorded" / "youtokentome"
MODELS = ("small", "large")
SENTENCES, BLOCK = 10_000, 100

# Spaces of every kind, characters outside every vocabulary, combining marks, and names of special tokens.
_SIGNS = " \t\n\x0b\x0c\r▁\u00a0\u3000\u2028\u200b\x85\x1c\x00漢字😀🤷🏽é\u0301\u0308ёЁйЙ"
_WORDS = ("  ", "▁▁", "<EOS>", "<BOS>", "<UNK>", "<PAD>", "№5", "«", "…", "—", "100%", "I\u0307", "x" * 300, "ж" * 300)
ODD = (*_SIGNS, *_WORDS)


class Reader:
    """A plain tokenizer that applies the rules of `bpe.model` one at a time: the earliest rule, at its first match."""

    def __init__(self, path: Path) -> None:
        first, *lines = [[int(number) for number in line.split()] for line in path.read_text("ascii").splitlines()]
        self.characters = {chr(sign): number for sign, number in lines[: first[0]]}
        rules = lines[first[0] : sum(first)]
        self.rules = {(left, right): (rank, result) for rank, (left, right, result) in enumerate(rules)}
        self.unknown = lines[-1][0]
        self.pieces = {number: sign for sign, number in self.characters.items()}
        for left, right, result in rules:
            self.pieces[result] = self.pieces[left] + self.pieces[right]

    def encode(self, text: str) -> list[int]:
        words = [list(word) for is_gap, word in groupby(text, lambda sign: sign in " \t\n\x0b\x0c\r▁") if not is_gap]
        return [number for word in words for number in self._merge(["▁", *word])]

    def _merge(self, signs: list[str]) -> list[int]:
        known = ((self.characters.get(sign), sign) for sign in signs)
        ids = [
            number
            for sign, run in groupby(known, lambda pair: pair[0])
            for number in ([self.unknown] if sign is None else [sign for _ in run])
        ]
        while fitting := [(self.rules[pair][0], at) for at, pair in enumerate(pairwise(ids)) if pair in self.rules]:
            _, at = min(fitting)
            ids[at : at + 2] = [self.rules[ids[at], ids[at + 1]][1]]
        return ids


def sentences(path: Path) -> list[str]:
    """Build texts of the vocabulary's own pieces, so that many rules apply, with odd characters between them."""
    pieces = [piece.replace("▁", " ") for piece in Reader(path).pieces.values()]
    parts = [*pieces, *(ODD * max(1, len(pieces) // (4 * len(ODD))))]
    drawn = iter(hashed.integers(path.stem, 2**31, SENTENCES * 13))
    return ["".join(parts[next(drawn) % len(parts)] for _ in range(next(drawn) % 13)) for _ in range(SENTENCES)]


def fingerprints(ids: Sequence[Sequence[int]]) -> list[str]:
    """Return a hash of each block of sentences."""
    blocks = [ids[start : start + BLOCK] for start in range(0, len(ids), BLOCK)]
    return [sha256(repr([list(row) for row in block]).encode()).hexdigest()[:12] for block in blocks]
