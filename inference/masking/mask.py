"""Replace numbers with mask tokens, and mask tokens with numbers."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping

from inference.listing.types import Masked
from inference.masking.kinds import classify_numbers
from inference.masking.numbers import TOKEN, find_numbers, normalize_number, split_number


def mask(text: str) -> Masked:
    """Replace every number of the text with a token of its kind: «Цена: 5000» → «Цена: <PRICE>».

    The first number of a kind becomes `<KIND>`, the n-th `<KIND_n>`. A literal `<TOKEN>` in the text is masked too, so
    that `restore(mask(text)) == text` for every string.
    """
    numbers = list(find_numbers(text))
    counts: Counter[str] = Counter()
    pieces: list[str] = []
    values: dict[str, str] = {}
    end = 0
    for number, kind in zip(numbers, classify_numbers(text, numbers), strict=True):
        counts[kind] += 1
        token = f"<{kind}>" if counts[kind] == 1 else f"<{kind}_{counts[kind]}>"
        values[token] = number[0]
        pieces += text[end : number.start()], token
        end = number.end()
    return Masked("".join([*pieces, text[end:]]), values)


def restore(masked: Masked) -> str:
    """Replace every token with its value: the exact inverse of `mask`."""
    return TOKEN.sub(lambda token: masked.values.get(token[0], token[0]), masked.text)


def mask_against(text: str, values: Mapping[str, str]) -> str:
    """Replace the numbers of `text` that equal a value of the input with the value's token; leave all others.

    Spellings may differ (`5 000`/`5000`, `20,0`/`20`, `XXL`/`2XL`, Cyrillic `М`), and a compound is split when all of
    its parts are values. If several tokens have the value, the words around the number decide.
    """
    tokens = _TokenIndex(values)
    numbers = list(find_numbers(text))
    pieces: list[str] = []
    end = 0
    for number, kind in zip(numbers, classify_numbers(text, numbers), strict=True):
        token = number[0] if number.lastgroup == "token" else tokens.replace(number[0], kind)
        pieces += text[end : number.start()], token
        end = number.end()
    return "".join([*pieces, text[end:]])


class _TokenIndex:
    """Finds the tokens of an input by their values."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._by_key: dict[str, list[str]] = defaultdict(list)
        for token, value in values.items():
            self._by_key[normalize_number(value)].append(token)
        self._used: set[str] = set()

    def replace(self, number: str, kind: str) -> str:
        """Return the token of the number, or the tokens of all of its parts, or the number itself."""
        token = self._choose(number, kind)
        if token:
            return token
        pieces = split_number(number)
        tokens = [self._choose(piece, kind) for piece in pieces[::2]]
        if None in tokens:
            return number
        pieces[::2] = [token for token in tokens if token]
        return "".join(pieces)

    def _choose(self, number: str, kind: str) -> str | None:
        tokens = self._by_key.get(normalize_number(number), [])
        if not tokens:
            return None
        token = min(tokens, key=lambda token: (_get_kind(token) != kind, token in self._used))
        self._used.add(token)
        return token


def _get_kind(token: str) -> str:
    return re.sub(r"_\d+$", "", token.strip("<>"))
