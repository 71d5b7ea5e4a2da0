"""Classify numbers by kind: the words before a number decide first, the unit after it second."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence

from inference.masking import words
from inference.masking.morphology import lemmatize

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
# The units that may follow a number of a kind; any other unit overrules the words before the number.
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


def classify_numbers(text: str, numbers: Sequence[re.Match[str]]) -> list[str]:
    """Return the kind (of TOKEN_KINDS) of each number; `numbers` are the matches of `find_numbers(text)` in order."""
    kinds: list[str] = []
    for index, number in enumerate(numbers):
        line = max(text.rfind("\n", 0, number.start()), text.rfind(";", 0, number.start())) + 1
        before = numbers[index - 1].end() if index else 0
        previous = kinds[-1] if before > line else None
        kinds.append(_classify(text, number, line, max(line, before), previous))
    for index in reversed(range(len(numbers) - 1)):
        number, following = numbers[index : index + 2]
        is_unknown = kinds[index] == "UNK_VAL" and number.lastgroup != "token"
        is_listed = _LISTED.fullmatch(text, number.end(), following.start())
        if is_unknown and is_listed and _is_plausible(kinds[index + 1], number[0]):
            kinds[index] = kinds[index + 1]
    return kinds


def _classify(text: str, number: re.Match[str], line: int, before: int, previous: str | None) -> str:
    if number.lastgroup == "token":
        return "UNK_VAL"
    if number.lastgroup in ("latin", "loose", "jeans"):
        return "SIZE"
    between = text[before : number.start()]
    left = _extract_words(between, previous is not None)
    previous = None if _CLAUSE_END.search(between) else previous
    label = _find_label(left)
    if number.lastgroup == "phone" and label != "ARTICLE":
        return "PHONE"
    unit = _find_unit(text, number)
    if label and (unit is None or unit in _UNITS_OF.get(label, ())) and _is_plausible(label, number[0]):
        return label
    if unit in (None, "PRICE") and _FEE_AFTER.match(text, number.end()):
        return "DELIVERY"
    if unit:
        return _refine_unit(unit, text, number, line)
    return _find_hint(left, number[0]) or _inherit_kind(text[line : number.start()], left, label, number[0], previous)


def _extract_words(between: str, after_number: bool) -> str:
    """Return the text between two numbers without the unit of the first one and without finished clauses."""
    unit = _WORD_AFTER.match(between) if after_number else None
    if unit and words.get_unit_kind(unit[1]) and _WORDS.search(between, unit.end(1)):
        between = between[unit.end(1) :]
    return _CLAUSE_END.split(between)[-1]


def _split_nearest_words(left: str) -> list[str]:
    """Return the words after the last comma or bracket, with those before if they are fillers: «доставка (от 150»."""
    *earlier, last = re.split(r"[,(]", re.sub(r"\([^()]*\)", " ", left))
    own = _WORDS.findall(last)
    return _WORDS.findall(earlier[-1]) + own if earlier and own and _are_fillers(own) else own


def _are_fillers(nearest: list[str]) -> bool:
    return all(word.lower() in words.FILLERS for word in nearest)


def _find_label(left: str) -> str | None:
    """Return the kind of the nearest label; «ширина в груди» is a LENGTH, «стоимость доставки» a DELIVERY."""
    nearest = _split_nearest_words(left)
    label: str | None = None
    for index in reversed(range(len(nearest))):
        kind = _get_label_kind(nearest, index)
        if kind in ("LENGTH", "GIRTH") and label in ("LENGTH", "GIRTH"):
            label = kind if words.MEASURES.intersection(lemmatize(nearest[index])) else label
        elif kind == "DELIVERY" and label == "PRICE":
            label = kind
        else:
            label = label or kind
    return label


def _get_label_kind(nearest: list[str], index: int) -> str | None:
    if nearest == ["ОТ"]:
        return "GIRTH"
    kind = words.get_label_kind(nearest[index])
    is_included = index > 0 and nearest[index - 1].lower() in words.INCLUDING
    return None if kind in ("DELIVERY", "DISCOUNT") and is_included else kind


def _find_unit(text: str, number: re.Match[str]) -> str | None:
    after = _WORD_AFTER.match(text, number.end())
    kind = words.get_unit_kind(after[1]) if after else None
    if after is None or (kind in ("SIZE", "HEIGHT") and after["next_number"]):
        return None
    if words.get_hint_kind(after[1]) == "SIZE":
        return "QUANTITY" if _amount(number[0]) < _GARMENT_SIZES.start else None
    is_year = kind in ("AGE", "WEIGHT") and _YEAR.match(number[0]) and {"год", "г"}.intersection(lemmatize(after[1]))
    return "YEAR" if is_year else kind


def _refine_unit(unit: str, text: str, number: re.Match[str], line: int) -> str:
    """Distinguish a discount from a share by the words around a percentage."""
    if unit != "PERCENT":
        return unit
    clause = _CLAUSE_END.split(text[line : number.start()])[-1]
    rest = re.split(r"[\n,;.!?(\d]", text[number.end() : number.end() + 60])[0]
    is_discount = clause.endswith(("-", "−")) or "DISCOUNT" in map(words.get_label_kind, _WORDS.findall(clause + rest))
    return "DISCOUNT" if is_discount else unit


def _find_hint(left: str, number: str) -> str | None:
    nearest = _split_nearest_words(left)
    for index in reversed(range(len(nearest))):
        kind = words.get_hint_kind(nearest[index])
        fits = {
            "PRICE": nearest[index].lower() != "по" or index == len(nearest) - 1,
            "YEAR": _YEAR.match(number) is not None,
            "SIZE": _amount(number) in _GARMENT_SIZES,
        }
        if kind and fits[kind]:
            return kind
    return None


def _inherit_kind(line: str, left: str, label: str | None, number: str, previous: str | None) -> str:
    """Return the kind of the previous number if only words like «и», «до» are between, else that of the line's name."""
    only_fillers = _are_fillers(_WORDS.findall(left))
    new_item = re.search(r"[,.]", left) and previous != "SIZE"
    if previous and only_fillers and not new_item and _is_plausible(previous, number):
        return previous
    name, colon, _ = line.partition(":")
    kind = _find_label(name.replace(",", " ")) if colon and label is None else None
    return kind if kind and _is_plausible(kind, number) else "UNK_VAL"


def _is_plausible(kind: str, number: str) -> bool:
    if kind == "YEAR":
        return _YEAR.match(number) is not None
    if kind == "PHONE":
        return len(re.sub(r"\D", "", number)) >= 5
    return _amount(number) <= _LARGEST.get(kind, math.inf)


def _amount(number: str) -> float:
    """Return the integer part of the first number of a range; infinity for hundreds of digits."""
    whole = re.match(r"\d+(?:\s\d{3})*", number)
    return float(re.sub(r"\s", "", whole[0])) if whole else 0.0
