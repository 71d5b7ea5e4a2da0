"""Metrics of texts beside their listings: numbers kept, numbers invented, distinct texts."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from inference.masking import mask

_DIGITS = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class AnswerMetrics:
    """Shares in [0, 1] over the answered listings; None for a share of no listing.

    price, size, both: listings whose text repeats the values of their fields; invented: numbers in the texts that no
    field has; distinct: different texts among all.
    """

    listings: int
    price: float | None
    size: float | None
    both: float | None
    invented: int
    distinct: float | None


def measure_answers(texts: Sequence[str], attributes: Sequence[str]) -> AnswerMetrics:
    """Compute the metrics of texts and of the fields (one `name: value` per line) that they were generated from."""
    values = [mask(text).values for text in attributes]
    price = [_keeps_values(text, fields, ("<PRICE>",)) for text, fields in zip(texts, values, strict=True)]
    size = [_keeps_values(text, fields, ("<SIZE>",)) for text, fields in zip(texts, values, strict=True)]
    both = [_keeps_values(text, fields, ("<PRICE>", "<SIZE>")) for text, fields in zip(texts, values, strict=True)]
    return AnswerMetrics(
        listings=len(texts),
        price=_share(price),
        size=_share(size),
        both=_share(both),
        invented=sum(map(_count_invented, texts, attributes)),
        distinct=len(set(texts)) / len(texts) if texts else None,
    )


def _keeps_values(text: str, values: Mapping[str, str], tokens: Sequence[str]) -> bool | None:
    """Return True if the text contains the values of all tokens; None if the input lacks one of them."""
    if any(token not in values for token in tokens):
        return None
    return all(values[token] in text for token in tokens)


def _share(outcomes: Sequence[bool | None]) -> float | None:
    known = [answer for answer in outcomes if answer is not None]
    return sum(known) / len(known) if known else None


def _count_invented(text: str, attributes: str) -> int:
    numbers = set(_DIGITS.findall(attributes))
    return sum(number not in numbers for number in _DIGITS.findall(text))
