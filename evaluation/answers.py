"""Figures of written texts beside the listings they answer: numbers kept, numbers invented, sameness."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from inference.masking import mask

_DIGITS = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class AnswerFigures:
    """Shares in [0, 1] over the answered listings; a share of no listing at all is None.

    price, size, both: of the listings whose fields give them, those whose text repeats them; invented: how many
    numbers of the texts no field holds; distinct: different texts among all.
    """

    listings: int
    price: float | None
    size: float | None
    both: float | None
    invented: int
    distinct: float | None


def answer_figures(texts: Sequence[str], attributes: Sequence[str]) -> AnswerFigures:
    """The figures of texts and of the fields, one `name: value` a line, that they were written from."""
    values = [mask(fields).values for fields in attributes]
    price = [_keeps_values(text, given, ("<PRICE>",)) for text, given in zip(texts, values, strict=True)]
    size = [_keeps_values(text, given, ("<SIZE>",)) for text, given in zip(texts, values, strict=True)]
    both = [_keeps_values(text, given, ("<PRICE>", "<SIZE>")) for text, given in zip(texts, values, strict=True)]
    return AnswerFigures(
        listings=len(texts),
        price=_share(price),
        size=_share(size),
        both=_share(both),
        invented=sum(map(_count_invented, texts, attributes)),
        distinct=len(set(texts)) / len(texts) if texts else None,
    )


def _keeps_values(text: str, values: Mapping[str, str], tokens: Sequence[str]) -> bool | None:
    """Whether the text holds the values of all tokens; None where the input lacks one."""
    if any(token not in values for token in tokens):
        return None
    return all(values[token] in text for token in tokens)


def _share(answers: Sequence[bool | None]) -> float | None:
    known = [answer for answer in answers if answer is not None]
    return sum(known) / len(known) if known else None


def _count_invented(text: str, attributes: str) -> int:
    given = set(_DIGITS.findall(attributes))
    return sum(number not in given for number in _DIGITS.findall(text))
