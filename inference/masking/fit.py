"""Make the words around the tokens of a draft agree with the values: units, signs, prepositions and labels."""

from __future__ import annotations

import re
from collections.abc import Mapping

from inference.masking.mask import get_kind
from inference.masking.misnamed import find_false_labels
from inference.masking.numbers import Number, find_numbers
from inference.masking.numbers.shapes import TOKEN
from inference.masking.numbers.units import Unit, match_measure
from inference.masking.words import is_short_rouble

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
_FOREIGN_SIGN = re.compile(r"[$€£¥₸₴₾₺₼₪₹₩฿][^\S\n]?\Z")
_PREPOSITIONS = re.compile(r"(?<!\w)(?:(?:бесплатн\w*|от|со?|до|за|по|около|в)[^\S\n])+\Z", re.IGNORECASE)
_HAS_PREPOSITION = re.compile(r"(?:от|со?|до|при|на|свыше|более|бесплатн\w*)\s", re.IGNORECASE)
_SENTENCE_ENDS = re.compile(r"\s*(?:[А-ЯЁA-Z]|$)")


def fit_values(text: str, values: Mapping[str, str]) -> str:
    """Return a draft in which nothing beside a token contradicts its value.

    A unit, multiplier, sign or preposition goes where the value has its own or the seller gave none; a token behind a
    label of another kind («Телефон: <UNK_VAL>») becomes an unknown token.
    """
    misnamed = _find_misnamed(text, values)
    result = ""
    end = 0
    for token in TOKEN.finditer(text):
        if token[0] not in values:
            continue
        kind, value = get_kind(token[0]), values[token[0]]
        own = next(find_numbers(value), None)
        result += _drop_before(text[end : token.start()], value)
        result += UNKNOWN if token.start() in misnamed else token[0]
        end = _find_end(text, token.end(), kind, own)
    return result + text[end:]


def _find_misnamed(text: str, values: Mapping[str, str]) -> set[int]:
    """Return the places of the tokens whose value the words before it call something else."""
    places: dict[tuple[int, int], tuple[int, str]] = {}
    restored = ""
    end = 0
    for token in TOKEN.finditer(text):
        restored += text[end : token.start()]
        start = len(restored)
        restored += values.get(token[0], token[0])
        places[start, len(restored)] = token.start(), get_kind(token[0])
        end = token.end()
    restored += text[end:]
    numbers = [number for number in find_numbers(restored) if (number.start, number.end) in places]
    found = [places[number.start, number.end] for number in numbers]
    labels = find_false_labels(restored, numbers, [kind for _, kind in found])
    return {place for (place, _), label in zip(found, labels, strict=True) if label}


def _drop_before(text: str, value: str) -> str:
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
    is_size = kind == "SIZE" and is_short_rouble(text, end)
    if measure.end == end or is_size or (measure.unit and measure.unit.name in ("размер", "рост")):
        return end
    if measure.unit and _is_natural(measure.unit, kind, own):
        end = end if measure.factor == 1 else measure.multiplier_end
        return end + (measure.factor > 1 and text[end : end + 1] == ".")
    end = measure.end
    return end + 1 if text[end : end + 1] == "." and not _SENTENCE_ENDS.match(text, end + 1) else end


def _is_natural(unit: Unit, kind: str, own: Number | None) -> bool:
    amount = own.amounts[0] if own and own.amounts else 0.0
    is_large = unit.name != "см" or amount >= _LEAST_CENTIMETRES.get(kind, 0)
    return not _has_unit(own) and unit.name in _NATURAL.get(kind, ()) and is_large


def _has_unit(number: Number | None) -> bool:
    return number is not None and number.has_unit
