"""Replace numbers with mask tokens, and mask tokens with numbers."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping

from inference.listing.types import Masked
from inference.masking.kinds import classify_numbers
from inference.masking.numbers import Number, find_numbers
from inference.masking.numbers.keys import Key, make_key, parse_key, split_number
from inference.masking.numbers.phrases import get_unit_text
from inference.masking.numbers.shapes import TOKEN


def mask(text: str) -> Masked:
    """Replace every number of the text with a token of its kind: «Цена: 5000» → «Цена: <PRICE>».

    A value is the whole phrase of a number: «5к», «от 500 до 900», «6-9 мес». The first number of a kind becomes
    `<KIND>`, the n-th `<KIND_n>`. A literal `<TOKEN>` in the text is masked too, so that `restore(mask(text)) == text`
    for every string.
    """
    numbers = list(find_numbers(text))
    counts: Counter[str] = Counter()
    pieces: list[str] = []
    values: dict[str, str] = {}
    end = 0
    for number, kind in zip(numbers, classify_numbers(text, numbers), strict=True):
        counts[kind] += 1
        token = f"<{kind}>" if counts[kind] == 1 else f"<{kind}_{counts[kind]}>"
        values[token] = number.text
        pieces += text[end : number.start], token
        end = number.end
    return Masked("".join([*pieces, text[end:]]), values)


def find_of_kind(text: str, kind: str) -> Iterator[Number]:
    """Yield the numbers of one kind, such as PHONE, in text order."""
    numbers = list(find_numbers(text))
    return (number for number, each in zip(numbers, classify_numbers(text, numbers), strict=True) if each == kind)


def restore(masked: Masked) -> str:
    """Replace every token with its value: the exact inverse of `mask`."""
    return TOKEN.sub(lambda token: masked.values.get(token[0], token[0]), masked.text)


def mask_against(text: str, values: Mapping[str, str]) -> str:
    """Replace the numbers of `text` that equal a value of the input with the value's token; leave all others.

    Spellings may differ (`5к`/`5000`, `20,0`/`20`, `XXL`/`2XL`, Cyrillic `М`), and a compound is split when all of its
    parts are values. If several tokens have the value, the words around the number decide.
    """
    tokens = _TokenIndex(values)
    numbers = list(find_numbers(text))
    pieces: list[str] = []
    end = 0
    for number, kind in zip(numbers, classify_numbers(text, numbers), strict=True):
        token = number.text if number.shape == "token" else tokens.replace(number, kind)
        pieces += text[end : number.start], token
        end = number.end
    return "".join([*pieces, text[end:]])


def get_kind(token: str) -> str:
    """Return the kind of a token: «<SIZE_2>» → SIZE."""
    return re.sub(r"_\d+$", "", token.strip("<>"))


class _TokenIndex:
    """Finds the tokens of an input by their values."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._by_value: dict[str, list[str]] = defaultdict(list)
        self._units: dict[str, str] = {}
        for token, value in values.items():
            key = parse_key(value)
            self._by_value[key.value].append(token)
            self._units[token] = key.unit
        self._used: set[str] = set()

    def replace(self, number: Number, kind: str) -> str:
        """Return the token of the number, or the tokens of all of its parts, or the number itself."""
        key = make_key(number)
        token = self._choose(key, kind)
        if token:
            return token + (get_unit_text(number) if self._units[token] != key.unit else "")
        pieces = split_number(number.text)
        tokens = [self._choose(parse_key(piece), kind) for piece in pieces[::2]]
        if None in tokens:
            return number.text
        pieces[::2] = [token for token in tokens if token]
        return "".join(pieces)

    def _choose(self, key: Key, kind: str) -> str | None:
        """Return the likeliest token of a value whose unit is the same, or missing on one side."""
        units = ("", key.unit) if key.unit else None
        tokens = [each for each in self._by_value.get(key.value, ()) if units is None or self._units[each] in units]
        if not tokens:
            return None
        token = min(
            tokens, key=lambda each: (self._units[each] != key.unit, get_kind(each) != kind, each in self._used)
        )
        self._used.add(token)
        return token
