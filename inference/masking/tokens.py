"""Numbers become tokens, and tokens become numbers again."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping

from inference.listing import Masked
from inference.masking.kinds import kinds
from inference.masking.numbers import TOKEN, find, key, parts


def mask(text: str) -> Masked:
    """Replace every number of the text by a token of its kind: «Цена: 5000» → «Цена: <PRICE>».

    The n-th number of a kind is `<KIND_n>`, the first one `<KIND>`. A literal `<TOKEN>` in the text is
    masked too, so that `unmask(mask(text)) == text` for every string.
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


def unmask(masked: Masked) -> str:
    """Put every value back in the place of its token; the exact inverse of `mask`."""
    return TOKEN.sub(lambda token: masked.values.get(token[0], token[0]), masked.text)


def mask_against(text: str, values: Mapping[str, str]) -> str:
    """Replace the numbers of `text` that equal a value of the input by that value's token; others stay.

    Spelling is forgiven (`5 000`/`5000`, `20,0`/`20`, `XXL`/`2XL`, Cyrillic `М`), and a compound is split
    when all of its parts are values. Where several tokens hold the value, the words around it decide.
    """
    tokens = _tokens_by_key(values)
    numbers = list(find(text))
    pieces: list[str] = []
    end = 0
    for number, kind in zip(numbers, kinds(text, numbers), strict=True):
        known = number[0] if number.lastgroup == "token" else _known(number[0], kind, tokens)
        pieces += text[end : number.start()], known
        end = number.end()
    return "".join([*pieces, text[end:]])


def _tokens_by_key(values: Mapping[str, str]) -> dict[str, list[str]]:
    tokens: dict[str, list[str]] = defaultdict(list)
    for token, value in values.items():
        tokens[key(value)].append(token)
    return tokens


def _known(number: str, kind: str, tokens: dict[str, list[str]]) -> str:
    token = _choose(tokens.get(key(number), []), kind)
    if token:
        return token
    pieces = parts(number)
    known = [_choose(tokens.get(key(piece), []), kind) for piece in pieces[::2]]
    if len(pieces) < 2 or None in known:
        return number
    pieces[::2] = [token or "" for token in known]
    return "".join(pieces)


def _choose(tokens: list[str], kind: str) -> str | None:
    same_kind = [token for token in tokens if re.fullmatch(rf"<{kind}(?:_\d+)?>", token)]
    return next(iter(same_kind or tokens), None)
