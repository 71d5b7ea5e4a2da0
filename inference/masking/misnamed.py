"""Find numbers behind the label of another kind: «Телефон: 3310», «Размер 5000»."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from inference.masking import words
from inference.masking.context import Context, find_label, read_contexts
from inference.masking.kinds import explain_numbers
from inference.masking.numbers import Number
from inference.masking.numbers.shapes import TIME
from inference.masking.settle import settle_kinds

# Labels that claim a kind, and the other kinds that may follow them: «цена за 2 шт», «рост: 104-110».
_ALLOWED: Mapping[str, frozenset[str]] = {
    "PHONE": frozenset(),
    "ARTICLE": frozenset(),
    "WEIGHT": frozenset(),
    "DELIVERY": frozenset(),
    "AGE": frozenset({"SIZE"}),
    "QUANTITY": frozenset({"SIZE"}),
    "PRICE": frozenset({"QUANTITY", "DISCOUNT"}),
    "DISCOUNT": frozenset({"QUANTITY", "PERCENT", "PRICE"}),
    **dict.fromkeys(
        ("SIZE", "LENGTH", "GIRTH", "HEIGHT"),
        frozenset({"SIZE", "LENGTH", "GIRTH", "HEIGHT", "AGE", "QUANTITY", "UNK_VAL"}),
    ),
}
# Labels that a value which explains itself may follow: «доставка 2 дня», «курьер 10:00-18:00», «размер на 5 лет».
_LOOSE = frozenset({"DELIVERY", "DISCOUNT", "SIZE", "LENGTH", "GIRTH", "HEIGHT"})


def find_false_labels(text: str, numbers: Sequence[Number], kinds: Sequence[str]) -> list[str | None]:
    """Return for each number the label right before it that its kind contradicts; None where nothing does.

    kinds: what the numbers are known to be. A number that these words themselves make of its kind is not misnamed.
    """
    explained = explain_numbers(text, numbers)
    settled = settle_kinds(text, numbers, explained)
    labels: list[str | None] = []
    for index, context in enumerate(read_contexts(text, numbers)):
        label, kind = _find_near_label(context), kinds[index]
        is_explained = settled[index] == kind and explained[index] != "UNK_VAL"
        labels.append(label if label and not is_explained and _contradicts(label, kind, context.number) else None)
    return labels


def _find_near_label(context: Context) -> str | None:
    """Return the kind that the last words before a number announce: at most one word is between, and no hint."""
    nearest = [word for word in context.nearest if word[0].isalpha() and word.lower() not in words.FILLERS]
    if nearest and words.get_hint_kind(nearest[-1]):
        return None
    label = find_label(nearest[-2:])
    return label if label != "PHONE" else find_label(nearest[-1:])  # «телефон Nokia 3310» is no call


def _contradicts(label: str, kind: str, number: Number) -> bool:
    if label == kind or label not in _ALLOWED or kind in _ALLOWED[label]:
        return False
    if number.shape == "struck":
        return False
    explains_itself = number.has_unit or TIME.search(number.text) is not None
    return not (label in _LOOSE and explains_itself)
