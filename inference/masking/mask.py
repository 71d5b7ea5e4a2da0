"""Numbers become tokens, and tokens become numbers again."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping

from inference.listing.types import Masked
from inference.masking.kinds import kinds
from inference.masking.numbers import TOKEN, find, key, parts


def mask(text: str) -> Masked:
    """Replace every number of the text by a token of its kind: «Цена: 5000» → «Цена: <PRICE>».

    The n-th number of a kind is `<KIND_n>`, the first one `<KIND>`. A literal `<TOKEN>` in the text is
    masked too, so that `restore(mask(text)) == text` for every string.
    """
    numbers = list(find(text))
    counts: Counter[str] = Counter()
    pieces: list[str] = []
    values: dict[str, str] = {}
    end = 0
    for number, kind in zip(numbers, kinds(text, numbers), strict=True):
        counts[kind] += 1
        token = f"<{kind}>" if counts[kind] == 1 else f"<{kind}_{counts[kind]}>"
        values[token] = number[0]
        pieces += text[end : number.start()], token
        end = number.end()
    return Masked("".join([*pieces, text[end:]]), values)


def restore(masked: Masked) -> str:
    """Put every value back in the place of its token; the exact inverse of `mask`."""
    return TOKEN.sub(lambda token: masked.values.get(token[0], token[0]), masked.text)


def mask_against(text: str, values: Mapping[str, str]) -> str:
    """Replace the numbers of `text` that equal a value of the input by that value's token; others stay.

    Spelling is forgiven (`5 000`/`5000`, `20,0`/`20`, `XXL`/`2XL`, Cyrillic `М`), and a compound is split
    when all of its parts are values. Where several tokens hold the value, the words around it decide.
    """
    tokens = _Tokens(values)
    numbers = list(find(text))
    pieces: list[str] = []
    end = 0
    for number, kind in zip(numbers, kinds(text, numbers), strict=True):
        known = number[0] if number.lastgroup == "token" else tokens.replace(number[0], kind)
        pieces += text[end : number.start()], known
        end = number.end()
    return "".join([*pieces, text[end:]])


class _Tokens:
    """The tokens of an input by the values that they stand for."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._by_key: dict[str, list[str]] = defaultdict(list)
        for token, value in values.items():
            self._by_key[key(value)].append(token)
        self._used: set[str] = set()

    def replace(self, number: str, kind: str) -> str:
        """The number's token, or the tokens of all of its parts, or the number itself."""
        token = self._choose(number, kind)
        if token:
            return token
        pieces = parts(number)
        known = [self._choose(piece, kind) for piece in pieces[::2]]
        if None in known:
            return number
        pieces[::2] = [token for token in known if token]
        return "".join(pieces)

    def _choose(self, number: str, kind: str) -> str | None:
        tokens = self._by_key.get(key(number), [])
        if not tokens:
            return None
        token = min(tokens, key=lambda token: (_kind_of(token) != kind, token in self._used))
        self._used.add(token)
        return token


def _kind_of(token: str) -> str:
    return re.sub(r"_\d+$", "", token.strip("<>"))
