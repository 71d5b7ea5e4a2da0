"""Make the words around the tokens of a draft agree with the values: units, signs, prepositions and labels."""

from __future__ import annotations

import re
from collections.abc import Mapping

from inference.masking.kinds import find_labels
from inference.masking.mask import get_kind
from inference.masking.numbers import Number, find_numbers
from inference.masking.numbers.units import Unit, match_measure

UNKNOWN = "<TORN>"  # not a kind, so no input has a value for it

# Units that a draft may add to a value without one; any other would be a claim of the model.
_NATURAL: Mapping[str, frozenset[str]] = {
    "PRICE": frozenset({"₽"}),
    "DELIVERY": frozenset({"₽"}),
    "DISCOUNT": frozenset({"₽"}),
    "PERCENT": frozenset({"%"}),
    "QUANTITY": frozenset({"шт"}),
    "LENGTH": frozenset({"см"}),
    "GIRTH": frozenset({"см"}),
    "HEIGHT": frozenset({"см"}),
    "SIZE": frozenset({"см"}),
    "YEAR": frozenset({"год", "г"}),
}
_LEAST_CENTIMETRES = {"HEIGHT": 40, "GIRTH": 20, "SIZE": 76}  # «рост 1,70» has no centimetres, nor has «размер 46»
# Kinds that may stand behind a label of another kind, or a label that no other kind may follow.
_ALLOWED: Mapping[str, frozenset[str]] = {
    "PHONE": frozenset(),
    "ARTICLE": frozenset(),
    "WEIGHT": frozenset(),
    "AGE": frozenset({"SIZE"}),
    "QUANTITY": frozenset({"SIZE"}),
    "PRICE": frozenset({"QUANTITY", "DISCOUNT"}),
    "DISCOUNT": frozenset({"QUANTITY", "PERCENT", "PRICE"}),
    "DELIVERY": frozenset(),
    **dict.fromkeys(
        ("SIZE", "LENGTH", "GIRTH", "HEIGHT"),
        frozenset({"SIZE", "LENGTH", "GIRTH", "HEIGHT", "AGE", "QUANTITY", "UNK_VAL"}),
    ),
}
# Labels that a value with its own unit may follow: «доставка 2 дня», «размер на 5 лет».
_LOOSE_LABELS = frozenset({"DELIVERY", "DISCOUNT", "SIZE", "LENGTH", "GIRTH", "HEIGHT"})
_FOREIGN_SIGN = re.compile(r"[$€£¥₸₴₾₺₼₪₹₩฿][^\S\n]?\Z")
_PREPOSITIONS = re.compile(r"(?<!\w)(?:(?:бесплатн\w*|от|со?|до|за|по|около|в)[^\S\n])+\Z", re.IGNORECASE)
_HAS_PREPOSITION = re.compile(r"(?:от|со?|до|при|на|свыше|более|бесплатн\w*)\s", re.IGNORECASE)
_SENTENCE_ENDS = re.compile(r"\s*(?:[А-ЯЁA-Z]|$)")


def fit_values(text: str, values: Mapping[str, str]) -> str:
    """Return a draft in which nothing beside a token contradicts its value.

    A unit, multiplier, sign or preposition goes where the value has its own or the seller gave none; a token behind a
    label of another kind («Телефон: <UNK_VAL>») becomes an unknown token.
    """
    numbers = list(find_numbers(text))
    result = ""
    end = 0
    for number, label in zip(numbers, find_labels(text, numbers), strict=True):
        if number.text not in values:
            continue
        kind, value = get_kind(number.text), values[number.text]
        own = next(find_numbers(value), None)
        result += _drop_before(text[end : number.start], kind, value, own)
        result += UNKNOWN if _contradicts(label, kind, own) else number.text
        end = _find_end(text, number.end, kind, own)
    return result + text[end:]


def _contradicts(label: str | None, kind: str, own: Number | None) -> bool:
    if label is None or label == kind or label not in _ALLOWED:
        return False
    return kind not in _ALLOWED[label] and not (label in _LOOSE_LABELS and _has_unit(own))


def _drop_before(text: str, kind: str, value: str, own: Number | None) -> str:
    """Cut signs and prepositions that the value has itself, and signs that it must not have, off the end of a text."""
    if text.endswith("+"):
        text = text[:-1]
    if value[:1] in "-−–" and text[-1:] in tuple("-−–"):
        text = text[:-1]
    if _HAS_PREPOSITION.match(value):
        text = _PREPOSITIONS.sub("", text)
    return _FOREIGN_SIGN.sub("", text)


def _find_end(text: str, end: int, kind: str, own: Number | None) -> int:
    """Return where the draft goes on behind a token, past a multiplier and a unit that are not the seller's."""
    measure = match_measure(text, end)
    if measure.end == end or (measure.unit and measure.unit.name in ("размер", "рост")):
        return end
    if measure.unit and _is_natural(measure.unit, kind, own):
        return end if measure.factor == 1 else measure.multiplier_end
    end = measure.end
    return end + 1 if text[end : end + 1] == "." and not _SENTENCE_ENDS.match(text, end + 1) else end


def _is_natural(unit: Unit, kind: str, own: Number | None) -> bool:
    amount = own.amounts[0] if own and own.amounts else 0.0
    is_large = unit.name != "см" or amount >= _LEAST_CENTIMETRES.get(kind, 0)
    return not _has_unit(own) and unit.name in _NATURAL.get(kind, ()) and is_large


def _has_unit(number: Number | None) -> bool:
    return number is not None and number.has_unit
