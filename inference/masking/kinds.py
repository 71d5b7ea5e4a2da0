"""Which kind of value a number is: the words before it say first, the unit after it second."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence

from inference.masking import words
from inference.masking.morphology import lemmas

TOKEN_KINDS: tuple[str, ...] = (
    "PRICE",
    "SIZE",
    "LENGTH",
    "GIRTH",
    "HEIGHT",
    "WEIGHT",
    "AGE",
    "YEAR",
    "QUANTITY",
    "PERCENT",
    "DISCOUNT",
    "DELIVERY",
    "PHONE",
    "ARTICLE",
    "UNK_VAL",
)
# The units that may follow a number of a kind; any other unit contradicts the words before it and wins.
_UNITS_OF: Mapping[str, frozenset[str]] = {
    "PRICE": frozenset({"PRICE"}),
    "SIZE": frozenset({"SIZE", "LENGTH", "HEIGHT"}),
    "LENGTH": frozenset({"LENGTH"}),
    "GIRTH": frozenset({"LENGTH"}),
    "HEIGHT": frozenset({"LENGTH", "HEIGHT"}),
    "WEIGHT": frozenset({"WEIGHT"}),
    "AGE": frozenset({"AGE"}),
    "YEAR": frozenset({"AGE", "YEAR"}),
    "QUANTITY": frozenset({"QUANTITY"}),
    "PERCENT": frozenset({"PERCENT"}),
    "DISCOUNT": frozenset({"PRICE", "PERCENT"}),
    "DELIVERY": frozenset({"PRICE"}),
}
_LARGEST = {"SIZE": 200, "HEIGHT": 230, "AGE": 120, "PERCENT": 100, "LENGTH": 300, "GIRTH": 300, "QUANTITY": 100}
_GARMENT_SIZES = range(16, 75)

_WORD = r"[^\W\d_]+(?:-[^\W\d_]+)*|[%₽$€№+]"
_WORDS = re.compile(_WORD)
_WORD_AFTER = re.compile(
    rf"(?:-?(?:го|ого|ый|ой|й|х|ти|и|е)\b)?-?[^\S\n]*({_WORD})(?P<next_number>[\s:№—–-]{{0,3}}[\d<])?"
)
_CLAUSE_END = re.compile(r"[\n;!?]|\.(?=\s+[А-ЯЁA-Z])|(?<=[а-яё]{4})\.(?=\s)")
_FEE_AFTER = re.compile(r"[^\n,;!?(\d]{0,9}\b(?:за|на|стоимость|стоит|составит)\s+(?:доставк|пересылк|отправк)")
_LISTED = re.compile(r"[^\S\n]*(?:до|по|и|или|[/—–-])[^\S\n]*")
_YEAR = re.compile(r"(?:\d\d?\.){0,2}(?:19|20)\d\d(?:\W(?:19|20)?\d\d)?\Z")


def kinds(text: str, numbers: Sequence[re.Match[str]]) -> list[str]:
    """The kind of each number, one of TOKEN_KINDS; `numbers` are the matches of `numbers.find(text)` in order."""
    found: list[str] = []
    for index, number in enumerate(numbers):
        line = max(text.rfind("\n", 0, number.start()), text.rfind(";", 0, number.start())) + 1
        before = numbers[index - 1].end() if index else 0
        previous = found[-1] if before > line else None
        found.append(_kind(text, number, line, max(line, before), previous))
    for index in reversed(range(len(numbers) - 1)):
        number, following = numbers[index : index + 2]
        unknown = found[index] == "UNK_VAL" and number.lastgroup != "token"
        listed = _LISTED.fullmatch(text, number.end(), following.start())
        if unknown and listed and _plausible(found[index + 1], number[0]):
            found[index] = found[index + 1]
    return found


def _kind(text: str, number: re.Match[str], line: int, before: int, previous: str | None) -> str:
    if number.lastgroup == "token":
        return "UNK_VAL"
    if number.lastgroup in ("latin", "loose", "jeans"):
        return "SIZE"
    between = text[before : number.start()]
    left = _own_words(between, previous is not None)
    previous = None if _CLAUSE_END.search(between) else previous
    label = _label(left)
    if number.lastgroup == "phone" and label != "ARTICLE":
        return "PHONE"
    unit = _unit(text, number)
    if label and (unit is None or unit in _UNITS_OF.get(label, ())) and _plausible(label, number[0]):
        return label
    if unit in (None, "PRICE") and _FEE_AFTER.match(text, number.end()):
        return "DELIVERY"
    if unit:
        return _refined(unit, text, number, line)
    return _hint(left, number[0]) or _inherited(text[line : number.start()], left, label, number[0], previous)


def _own_words(between: str, after_number: bool) -> str:
    """What stands between the number before and this one, without that one's unit and without finished clauses."""
    unit = _WORD_AFTER.match(between) if after_number else None
    if unit and words.unit(unit[1]) and _WORDS.search(between, unit.end(1)):
        between = between[unit.end(1) :]
    return _CLAUSE_END.split(between)[-1]


def _nearest_words(left: str) -> list[str]:
    """The words after the last comma or bracket, and those before it where only fillers follow: «доставка (от 150»."""
    *earlier, last = re.split(r"[,(]", re.sub(r"\([^()]*\)", " ", left))
    own = _WORDS.findall(last)
    return _WORDS.findall(earlier[-1]) + own if earlier and own and _only_fillers(own) else own


def _only_fillers(found: list[str]) -> bool:
    return all(word.lower() in words.FILLERS for word in found)


def _label(left: str) -> str | None:
    """The kind that the nearest label announces; «ширина в груди» is a LENGTH, «стоимость доставки» a DELIVERY."""
    nearest = _nearest_words(left)
    label: str | None = None
    for index in reversed(range(len(nearest))):
        kind = _announced(nearest, index)
        if kind in ("LENGTH", "GIRTH") and label in ("LENGTH", "GIRTH"):
            label = kind if words.MEASURES.intersection(lemmas(nearest[index])) else label
        elif kind == "DELIVERY" and label == "PRICE":
            label = kind
        else:
            label = label or kind
    return label


def _announced(nearest: list[str], index: int) -> str | None:
    if nearest == ["ОТ"]:
        return "GIRTH"
    kind = words.label(nearest[index])
    included = index > 0 and nearest[index - 1].lower() in words.INCLUDING
    return None if kind in ("DELIVERY", "DISCOUNT") and included else kind


def _unit(text: str, number: re.Match[str]) -> str | None:
    after = _WORD_AFTER.match(text, number.end())
    kind = words.unit(after[1]) if after else None
    if after is None or (kind in ("SIZE", "HEIGHT") and after["next_number"]):
        return None
    if words.hint(after[1]) == "SIZE":
        return "QUANTITY" if _amount(number[0]) < _GARMENT_SIZES.start else None
    is_year = kind in ("AGE", "WEIGHT") and _YEAR.match(number[0]) and {"год", "г"}.intersection(lemmas(after[1]))
    return "YEAR" if is_year else kind


def _refined(unit: str, text: str, number: re.Match[str], line: int) -> str:
    """Tell a discount from a share by the words around it."""
    if unit != "PERCENT":
        return unit
    clause = _CLAUSE_END.split(text[line : number.start()])[-1]
    rest = re.split(r"[\n,;.!?(\d]", text[number.end() : number.end() + 60])[0]
    lowered = clause.endswith(("-", "−")) or "DISCOUNT" in map(words.label, _WORDS.findall(clause + rest))
    return "DISCOUNT" if lowered else unit


def _hint(left: str, number: str) -> str | None:
    nearest = _nearest_words(left)
    for index in reversed(range(len(nearest))):
        kind = words.hint(nearest[index])
        fits = {
            "PRICE": nearest[index].lower() != "по" or index == len(nearest) - 1,
            "YEAR": _YEAR.match(number) is not None,
            "SIZE": _amount(number) in _GARMENT_SIZES,
        }
        if kind and fits[kind]:
            return kind
    return None


def _inherited(line: str, left: str, label: str | None, number: str, previous: str | None) -> str:
    """The kind of the number before where nothing but «и», «до» stands between, else what the line's name says."""
    alone = _only_fillers(_WORDS.findall(left))
    new_item = re.search(r"[,.]", left) and previous != "SIZE"
    if previous and alone and not new_item and _plausible(previous, number):
        return previous
    name, colon, _ = line.partition(":")
    kind = _label(name.replace(",", " ")) if colon and label is None else None
    return kind if kind and _plausible(kind, number) else "UNK_VAL"


def _plausible(kind: str, number: str) -> bool:
    if kind == "YEAR":
        return _YEAR.match(number) is not None
    if kind == "PHONE":
        return len(re.sub(r"\D", "", number)) >= 5
    return _amount(number) <= _LARGEST.get(kind, math.inf)


def _amount(number: str) -> float:
    """The whole part of the first number of a range; infinite where it has hundreds of digits."""
    whole = re.match(r"\d+(?:\s\d{3})*", number)
    return float(re.sub(r"\s", "", whole[0])) if whole else 0.0
