"""Measure which numbers of the input stand in a text, each as what it is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from inference.masking.kinds import classify_numbers, find_labels
from inference.masking.numbers import find_numbers
from inference.masking.numbers.keys import Key, make_key


class _Statement(NamedTuple):
    """A value and the kind as which a text gives it; named where a label stands before it."""

    key: Key
    kind: str
    is_named: bool


def measure_kept(source: str, text: str) -> float | None:
    """Return the share of the numbers of `source` that `text` repeats under the right label, in [0, 1].

    A number is a value with its unit and its kind: «цена 500» is not kept by «размер 500», «60 евро» not by «60 руб.».
    Spellings may differ, and a value that the source repeats counts once; what the seller struck through need not be
    kept. None for a source without numbers.
    """
    said, written = set(_read_statements(source)), set(_read_statements(text))
    kept = [any(_repeats(each, other) for other in written) for each in said]
    return sum(kept) / len(kept) if kept else None


def _read_statements(text: str) -> Iterator[_Statement]:
    numbers = list(find_numbers(text))
    for number, kind, label in zip(numbers, classify_numbers(text, numbers), find_labels(text, numbers), strict=True):
        if number.shape not in ("token", "struck"):
            is_misnamed = label is not None and kind == "UNK_VAL" and not number.has_unit
            yield _Statement(make_key(number), str(label) if is_misnamed else kind, label is not None)


def _repeats(said: _Statement, written: _Statement) -> bool:
    """Return True for the same value of the same kind; a value without a unit may get the unit of its kind."""
    has_same_value = said.key == written.key or (said.key.value == written.key.value and not said.key.unit)
    is_free = said.kind == "UNK_VAL" and not written.is_named
    return has_same_value and (said.kind == written.kind or is_free)
