"""Classify numbers by kind: the words before a number decide first, the unit after it second."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence

from inference.masking import words
from inference.masking.morphology import lemmatize
from inference.masking.numbers import YEARS, Number
from inference.masking.settle import settle_kinds, tells_old_price

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
    "SIZE": frozenset({"SIZE", "LENGTH", "HEIGHT", "AGE"}),
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
_LARGEST = {"SIZE": 200, "HEIGHT": 230, "AGE": 120, "PERCENT": 100, "LENGTH": 1000, "GIRTH": 300, "QUANTITY": 100}
_GARMENT_SIZES = range(16, 75)
_SIZE_SHAPES = frozenset({"jeans", "latin", "loose", "cup"})
# Numbers that stay the seller's phrase: they are no value of any kind, or two kinds are as likely.
_UNKNOWN_SHAPES = frozenset({"token", "struck", "offer"})

_SHORTEST_ARTICLE = 3  # «Шанель №5» has none
_SIDES = frozenset("ДШВГ")  # «Д 120 Ш 60 В 75»
_SIGNS = frozenset("-−–+")

_WORD = r"[^\W\d_]+(?:-[^\W\d_]+)*|[%₽$€№+]"
_WORDS = re.compile(_WORD)
_WORD_AFTER = re.compile(rf"(?:-?(?:го|ого|ый|ой|й|х|ти|и|е)\b)?-?[^\S\n]*({_WORD})")
_CLAUSE_END = re.compile(r"[\n;!?]|\.(?=\s+[А-ЯЁA-Z])|(?<=[а-яё]{4})(?<!разм|обхв|глуб)\.(?=\s)")
_FEE_AFTER = re.compile(r"[^\n,;!?(\d]{0,9}\b(?:за|на|стоимость|стоит|составит)\s+(?:доставк|пересылк|отправк)")
_LISTED = re.compile(r"[^\S\n]*(?:до|по|и|или|[/—–-])[^\S\n]*")
_TIME = re.compile(r"\d?\d:[0-5]\d(?!\d)")
_SCREEN = re.compile(r"[2458]K\Z")  # «4K» is a resolution
_SO_MANY = re.compile(r"\bза\s\Z", re.IGNORECASE)
_COST = re.compile(r"(?:\s?(?:шт|штук\w*|пары|вещи))?\s?[—–:=-]\s?\d")
_COSTS = re.compile(r"\s?[—–:=-]\s?")
_FRACTION = re.compile(r"[1-9]/[2-9]")  # «рукав 3/4»
# The name of a field, also where several stand in one line: «Размер: 44. Доставка — почтой, 300 руб.»
_NAME = re.compile(r"(?:\A|[.!?;]\s)([^\n.:!?;—]{2,40}?)(?::|\s[—–]\s)[^\n:]*\Z", re.IGNORECASE)
_CHILD = re.compile(r"\b(?:на|возраст\w*|мальчик\w*|девочк\w*|малыш\w*|реб[её]н\w*|дет\w*)\W", re.IGNORECASE)
_FOREIGN_MONEY = re.compile(
    r"доллар|usd|\$|евро(?!п)|eur|€|тенге|₸|гривн|₴|юан|бел\.?\s?руб|byn|сомах|сумах|лари|драм|у\.\s?е", re.IGNORECASE
)


def classify_numbers(text: str, numbers: Sequence[Number]) -> list[str]:
    """Return the kind (of TOKEN_KINDS) of each number of `find_numbers(text)`, in order.

    A number that no word and no unit explains is an UNK_VAL, and so is a price that is not the one asked.
    """
    kinds: list[str] = []
    for index, number in enumerate(numbers):
        line = max(text.rfind("\n", 0, number.start), text.rfind(";", 0, number.start)) + 1
        before = numbers[index - 1].end if index else 0
        follows_value = before > line and numbers[index - 1].shape not in _UNKNOWN_SHAPES
        previous = kinds[-1] if follows_value else None
        kinds.append(_classify(text, number, line, max(line, before), previous))
    for index in reversed(range(len(numbers) - 1)):
        number, following = numbers[index : index + 2]
        is_unknown = kinds[index] == "UNK_VAL" and number.shape not in _UNKNOWN_SHAPES and not number.unit
        is_listed = _LISTED.fullmatch(text, number.end, following.start)
        if is_unknown and is_listed and _is_plausible(kinds[index + 1], number):
            kinds[index] = kinds[index + 1]
    return settle_kinds(text, numbers, kinds)


def _classify(text: str, number: Number, line: int, before: int, previous: str | None) -> str:
    if number.shape in _UNKNOWN_SHAPES or _TIME.search(number.text):
        return "UNK_VAL"
    if number.shape in _SIZE_SHAPES:
        return "SIZE"
    if number.shape == "free":
        return "DELIVERY"
    between = text[before : number.start]
    left = _extract_words(between, previous is not None)
    previous = None if _CLAUSE_END.search(between) else previous
    label = _find_label(left)
    if number.shape == "phone" and label not in ("ARTICLE", "UNK_VAL"):
        return "PHONE"
    if (
        _SO_MANY.search(between)
        and number.unit is None
        and _COST.match(text, number.end)
        and number.amounts[:1] <= (10,)
    ):
        return "QUANTITY"
    if previous == "QUANTITY" and number.unit is None and _COSTS.fullmatch(between) and number.amounts >= (50,):
        return "PRICE"
    if _FRACTION.fullmatch(number.text) and label != "SIZE":
        return "UNK_VAL"
    unit = _find_unit_kind(text, number, label, left, previous)
    if label and (unit is None or unit in _UNITS_OF.get(label, ())) and _is_plausible(label, number):
        return "UNK_VAL" if label == "PRICE" and unit is None and _FOREIGN_MONEY.search(left) else label
    if unit in (None, "PRICE") and _FEE_AFTER.match(text, number.end):
        return "DELIVERY"
    if unit:
        return _refine_unit(unit, text, number, line)
    if number.text[0] in _SIGNS:
        return "UNK_VAL"
    return _find_hint(left, number) or _inherit_kind(text[line : number.start], left, label, number, previous)


def _extract_words(between: str, after_number: bool) -> str:
    """Return the text between two numbers without the unit of the first one and without finished clauses."""
    unit = _WORD_AFTER.match(between) if after_number else None
    kind = words.get_unit_kind(unit[1]) if unit else None
    if unit and kind and (kind not in ("SIZE", "HEIGHT") or _WORDS.search(between, unit.end(1))):
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
    if nearest[-1] in _SIDES and index == len(nearest) - 1:
        return "LENGTH"
    kind = words.get_label_kind(nearest[index])
    is_included = index > 0 and nearest[index - 1].lower() in words.INCLUDING
    return None if kind in ("DELIVERY", "DISCOUNT") and is_included else kind


def _find_unit_kind(text: str, number: Number, label: str | None, left: str, previous: str | None) -> str | None:
    """Return the kind that the unit of a number tells; a letter of several meanings is read by the words before."""
    if number.unit is None:
        if number.factor > 1:
            return "UNK_VAL" if _SCREEN.search(number.text) and label != "PRICE" else "PRICE"
        after = _WORD_AFTER.match(text, number.end)
        is_counted = after is not None and words.get_hint_kind(after[1]) == "SIZE"
        return "QUANTITY" if is_counted and number.amounts and number.amounts[0] < _GARMENT_SIZES.start else None
    unit, kind = number.unit.name, number.unit.kind
    if unit in ("г", "год") and _is_year(number):
        return "YEAR"
    is_young = bool(number.amounts) and max(number.amounts) <= 36
    is_child = label == "AGE" or _CHILD.search(left) is not None or (previous == "SIZE" and left.strip() in ("(", ","))
    if unit in ("г", "м") and number.text.rstrip(".").endswith(("г", "м")) and is_young and is_child:
        return "AGE"
    if unit == "₽" and label == "SIZE" and words.is_short_rouble(text, number.end):
        return None
    return "SIZE" if unit == "€" and label == "SIZE" else kind


def _refine_unit(unit: str, text: str, number: Number, line: int) -> str:
    """Distinguish a discount from a share by the words around a percentage."""
    if unit != "PERCENT":
        return unit
    clause = _CLAUSE_END.split(text[line : number.start])[-1]
    rest = re.split(r"[\n,;.!?(\d]", text[number.end : number.end + 60])[0]
    named = map(words.get_label_kind, _WORDS.findall(clause + rest))
    is_discount = number.text[0] in _SIGNS or number.text.count(" ") > 1 or "DISCOUNT" in named
    return "DISCOUNT" if is_discount else unit


def _find_hint(left: str, number: Number) -> str | None:
    nearest = _split_nearest_words(left)
    for index in reversed(range(len(nearest))):
        kind = words.get_hint_kind(nearest[index])
        fits = {
            "PRICE": nearest[index].lower() != "по" or index == len(nearest) - 1,
            "YEAR": _is_year(number),
            "SIZE": bool(number.amounts) and _GARMENT_SIZES.start <= number.amounts[0] < _GARMENT_SIZES.stop,
        }
        if kind and fits[kind]:
            return kind
    return None


def _inherit_kind(line: str, left: str, label: str | None, number: Number, previous: str | None) -> str:
    """Return the kind of the previous number if only words like «и», «до» are between, else that of the line's name."""
    only_fillers = _are_fillers(_WORDS.findall(left))
    new_item = re.search(r"[,.]", left) and previous != "SIZE"
    if previous and only_fillers and not new_item and _is_plausible(previous, number):
        return previous
    name = _NAME.search(line)
    kind = _find_label(name[1].replace(",", " ")) if name and label is None else None
    if kind and _is_plausible(kind, number):
        return kind
    if number.shape == "sides":
        return "LENGTH"
    if "№" in left and len(number.text) >= _SHORTEST_ARTICLE:
        return "ARTICLE"
    is_span_of_years = number.shape in ("range", "list") and len(number.amounts) == 2 and min(number.amounts) in YEARS
    return "YEAR" if is_span_of_years and _is_year(number) else "UNK_VAL"


def _is_plausible(kind: str, number: Number) -> bool:
    if kind == "YEAR":
        return _is_year(number)
    if kind == "PHONE":
        return number.shape not in ("range", "list", "sides", "code") and len(re.sub(r"\D", "", number.text)) >= 5
    if number.shape == "code":
        return kind in ("ARTICLE", "SIZE")
    if number.shape == "sides":
        return kind in ("SIZE", "LENGTH")
    first = number.amounts[0] if number.amounts else 0.0
    return first <= _LARGEST.get(kind, math.inf) and not (kind == "SIZE" and number.text[0] in _SIGNS)


def _is_year(number: Number) -> bool:
    """Return True for a year, a span of years («2019/20») and a date."""
    if number.shape == "date":
        return re.search(r"(?:19|20)\d\d\Z", number.text) is not None
    first, *others = number.amounts or (0.0,)
    if number.unit and number.unit.name in ("г", "год") and not number.has_unit:
        return True
    return (
        first in YEARS
        and number.factor == 1
        and len(others) < 2
        and all(each in YEARS or each < 100 for each in others)
    )


def find_labels(text: str, numbers: Sequence[Number]) -> list[str | None]:
    """Return the kind that the words right before each number announce: at most one word is between, and no hint."""
    labels: list[str | None] = []
    for index, number in enumerate(numbers):
        line = max(text.rfind("\n", 0, number.start), text.rfind(";", 0, number.start)) + 1
        before = max(line, numbers[index - 1].end if index else 0)
        left = _extract_words(text[before : number.start], before > line)
        nearest = [word for word in _split_nearest_words(left) if word.lower() not in words.FILLERS]
        is_old_price = tells_old_price(text, number, left)
        is_hinted = bool(nearest) and words.get_hint_kind(nearest[-1]) is not None
        labels.append(None if is_hinted or is_old_price else _find_label(" ".join(nearest[-2:])))
    return labels
