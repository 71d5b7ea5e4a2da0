"""Measure which numbers of the input stand in a text, each as what it is."""

from __future__ import annotations

from collections.abc import Iterator

from inference.masking.kinds import classify_numbers
from inference.masking.misnamed import find_false_labels
from inference.masking.numbers import Key, find_numbers, make_key
from inference.masking.numbers.plain import write_plainly


def measure_kept(source: str, text: str) -> float | None:
    """Return the share of the numbers of `source` that `text` repeats under the right label, in [0, 1].

    A number is a value with its unit and its kind: «цена 500» is not kept by «размер 500», «60 евро» not by «60 руб.».
    Spellings may differ, and a value that the source repeats counts once; what the seller crossed out need not be
    kept. None for a source without numbers.
    """
    said, written = set(_read_statements(write_plainly(source))), set(_read_statements(text))
    kept = [any(_repeats(key, kind, *other) for other in written) for key, kind in said]
    return sum(kept) / len(kept) if kept else None


def _read_statements(text: str) -> Iterator[tuple[Key, str]]:
    """Yield each value with its kind, or with the label that stands before it wrongly."""
    numbers = list(find_numbers(text))
    kinds = classify_numbers(text, numbers)
    for number, kind, false_label in zip(numbers, kinds, find_false_labels(text, numbers, kinds), strict=True):
        if number.shape != "token":
            yield make_key(number), false_label or kind


def _repeats(key: Key, kind: str, other_key: Key, other_kind: str) -> bool:
    """Return True for the same value of the same kind; a value without a unit may get the unit of its kind."""
    return kind == other_kind and (key == other_key or (key.value == other_key.value and not key.unit))
