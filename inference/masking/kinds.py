"""Classify numbers by kind: the words before a number decide first, the unit after it second."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from inference.masking import words
from inference.masking.context import Context, are_fillers, find_words, read_contexts
from inference.masking.numbers import YEARS, Number
from inference.masking.numbers.shapes import TIME
from inference.masking.settle import settle_kinds

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
_LARGEST = {"SIZE": 200, "HEIGHT": 230, "AGE": 120, "PERCENT": 100, "LENGTH": 1000, "GIRTH": 300, "QUANTITY": 100}
_GARMENT_SIZES = range(16, 75)
_LARGEST_ODD_SIZE = 49  # of shoes
_MOST_THINGS = 10  # «за 2 — 2800»
_LEAST_PRICE = 50
_LEAST_SUM = 20  # «за 1 день»
_OLDEST_CHILD = 36  # months
_SHORTEST_ARTICLE = 3  # «Шанель №5» has none
_NEAR_SIZES = 6

# Shapes that tell the kind. Those that are UNK_VAL stay the seller's phrase: no value of any kind, or two as likely.
_KINDS_OF_SHAPES: Mapping[str, str] = {
    **dict.fromkeys(("token", "struck", "offer"), "UNK_VAL"),
    **dict.fromkeys(("jeans", "latin", "loose", "cup"), "SIZE"),
    "free": "DELIVERY",
}
_SIGNS = frozenset("-−–+")
_NUMBER_OF = re.compile(r"\bномер\s(?!тел|моб|для|whats|ватс)[а-яё]+", re.IGNORECASE)  # «номер договора»
_QUOTED = re.compile(r"(?<!\d)[«\"“„][^»\"”“\n]*[^\W\d_][^»\"”“\n]*\Z")  # «футболка "Чикаго 23"»
_SCREEN = re.compile(r"[2458]K\Z")  # «4K» is a resolution
_FRACTION = re.compile(r"[1-9]/[2-9]")  # «рукав 3/4»
_DAY = re.compile(r"[0-3]?\d\.(?:0[1-9]|1[0-2])")  # «скидка до 31.12»
_TIL = re.compile(r"(?<!\w)(?:до|с|по)\s\Z", re.IGNORECASE)

_SO_MANY = re.compile(r"\bза\s\Z", re.IGNORECASE)
_COST = re.compile(r"(?:\s?(?:шт|штук\w*|пары|вещи))?\s?[—–:=-]\s?\d")
_FOR_SUM = re.compile(r"\sза\s\d{2}")
_FOR_ALL = re.compile(
    r"\sза\s(?:вс[её]|обе|оба|обо\w+|двое|трое|две|два|три|пару|пакет|комплект|набор|шт\w*|кажд\w+|одн\w+|один)(?!\w)",
    re.IGNORECASE,
)
_COSTS = re.compile(r"\s?[—–:=-]\s?")
_FEE_AFTER = re.compile(r"[^\n,;!?(\d]{0,9}\b(?:за|на|стоимость|стоит|составит)\s+(?:доставк|пересылк|отправк)")
_LISTED = re.compile(r"[^\S\n]*(?:до|по|и|или|[/—–-])[^\S\n]*")
_CHILD = re.compile(r"\b(?:на|возраст\w*|мальчик\w*|девочк\w*|малыш\w*|реб[её]н\w*|дет\w*)\W", re.IGNORECASE)
_FOREIGN_MONEY = re.compile(
    r"доллар|usd|\$|евро(?!п)|eur|€|тенге|₸|гривн|₴|юан|бел\.?\s?руб|byn|сомах|сумах|лари|драм|у\.\s?е", re.IGNORECASE
)


def classify_numbers(text: str, numbers: Sequence[Number]) -> list[str]:
    """Return the kind (of TOKEN_KINDS) of each number of `find_numbers(text)`, in order.

    A number that no word and no unit explains is an UNK_VAL, and so is a price that is not the one asked.
    """
    return settle_kinds(text, numbers, explain_numbers(text, numbers))


def explain_numbers(text: str, numbers: Sequence[Number]) -> list[str]:
    """Return the kind of each number by the words next to it, with old prices among the PRICEs."""
    kinds: list[str] = []
    for index, context in enumerate(read_contexts(text, numbers)):
        follows_value = context.before > context.line and _KINDS_OF_SHAPES.get(numbers[index - 1].shape) != "UNK_VAL"
        previous = kinds[-1] if follows_value and not context.starts_clause else None
        kinds.append(_explain(replace(context, previous=previous)))
    for index in reversed(range(len(numbers) - 1)):
        following, kind = numbers[index + 1], kinds[index + 1]
        if kinds[index] == "UNK_VAL" and _is_listed_with(text, numbers[index], following, kind):
            kinds[index] = kind
    return kinds


def _is_listed_with(text: str, number: Number, following: Number, kind: str) -> bool:
    """Return True for the first of «44 и 46 размер», «42-44, 44-46 размеры»: the kind of the second holds for both."""
    if number.shape in _KINDS_OF_SHAPES or number.unit or not _is_plausible(kind, number):
        return False
    is_near = (
        bool(number.amounts and following.amounts) and abs(number.amounts[0] - following.amounts[0]) <= _NEAR_SIZES
    )
    between = text[number.end : following.start].strip()
    are_sizes = kind == "SIZE" and ((is_near and between == ",") or (following.shape == "latin" and between == "("))
    return are_sizes or _LISTED.fullmatch(text, number.end, following.start) is not None


def _explain(context: Context) -> str:
    return next((kind for rule in _RULES if (kind := rule(context))), "UNK_VAL")


def _by_shape(context: Context) -> str | None:
    if context.number.shape == "phone" and context.label not in ("ARTICLE", "UNK_VAL"):
        return "UNK_VAL" if _NUMBER_OF.search(context.left) else "PHONE"
    return "UNK_VAL" if TIME.search(context.number.text) else _KINDS_OF_SHAPES.get(context.number.shape)


def _by_count(context: Context) -> str | None:
    """Recognise the 2 of «за 2 — 2800», «800 за 2» and «2 за 800», and the 2800."""
    number = context.number
    if number.unit is not None or not number.amounts:
        return None
    if context.previous == "QUANTITY" and _COSTS.fullmatch(context.between) and number.amounts[0] >= _LEAST_PRICE:
        return "PRICE"
    is_sold = _SO_MANY.search(context.between) and (
        context.previous == "PRICE" or _COST.match(context.text, number.end)
    )
    is_few = number.amounts[0] <= _MOST_THINGS
    return "QUANTITY" if is_few and (is_sold or _FOR_SUM.match(context.text, number.end)) else None


def _by_offer(context: Context) -> str | None:
    """Recognise the price of «450 за всё»."""
    is_sum = context.number.unit is None and context.number.amounts >= (_LEAST_PRICE,)
    is_offered = is_sum and context.label is None and _FOR_ALL.match(context.text, context.number.end)
    return "PRICE" if is_offered else None


def _by_form(context: Context) -> str | None:
    """Recognise days («до 31.12») and simple fractions («рукав 3/4»), which labels would mistake."""
    is_dated = _TIL.search(context.between) and context.label in (None, "DISCOUNT", "DELIVERY")
    is_day = is_dated and _DAY.fullmatch(context.number.text)
    is_fraction = _FRACTION.fullmatch(context.number.text) and context.label != "SIZE"
    return "UNK_VAL" if is_day or is_fraction else None


def _by_label(context: Context) -> str | None:
    label, unit = context.label, _get_unit_kind(context)
    if label is None or not _is_plausible(label, context.number):
        return None
    if label == "PRICE" and unit is None and _FOREIGN_MONEY.search(context.left):
        return "UNK_VAL"  # «Цена в долларах: 50»: roubles would be wrong
    return label if unit is None or unit in _UNITS_OF.get(label, ()) else None


def _by_fee(context: Context) -> str | None:
    unit, number = _get_unit_kind(context), context.number
    if unit not in (None, "PRICE"):
        return None
    is_money = unit == "PRICE" or (context.label is None and _find_hint(context) == "PRICE")
    is_fee = _FEE_AFTER.match(context.text, number.end) or (is_money and context.name_label == "DELIVERY")
    return "DELIVERY" if is_fee else None


def _by_unit(context: Context) -> str | None:
    """Return the kind of the unit; the words around a percentage distinguish a discount from a share."""
    unit, number = _get_unit_kind(context), context.number
    if unit != "PERCENT":
        return unit
    rest = re.split(r"[\n,;.!?(\d]", context.text[number.end : number.end + 60])[0]
    named = map(words.get_label_kind, find_words(context.clause + rest))
    is_conditional = number.text.count(" ") > 1
    return "DISCOUNT" if number.text[0] in _SIGNS or is_conditional or "DISCOUNT" in named else unit


def _by_hint(context: Context) -> str | None:
    is_title = _QUOTED.search(context.clause) is not None
    return "UNK_VAL" if context.number.text[0] in _SIGNS or is_title else _find_hint(context)


def _by_line(context: Context) -> str | None:
    """Return the kind of the previous number if only words like «и», «до» are between, else that of the line's name."""
    number, left = context.number, context.left
    new_item = re.search(r"[,.]", left) and context.previous != "SIZE"
    inherited = context.previous if are_fillers(find_words(left)) and not new_item else None
    named = context.name_label if context.label is None else None
    return next((kind for kind in (inherited, named) if kind and _is_plausible(kind, number)), None)


def _by_default(context: Context) -> str | None:
    number = context.number
    if number.shape == "sides":
        return "LENGTH"
    if "№" in context.left and len(number.text) >= _SHORTEST_ARTICLE:
        return "ARTICLE"
    is_span = number.shape in ("range", "list") and len(number.amounts) == 2 and min(number.amounts) in YEARS
    return "YEAR" if is_span and _is_year(number) else None


_RULES: tuple[Callable[[Context], str | None], ...] = (
    _by_shape,
    _by_count,
    _by_offer,
    _by_form,
    _by_label,
    _by_fee,
    _by_unit,
    _by_hint,
    _by_line,
    _by_default,
)


def _get_unit_kind(context: Context) -> str | None:
    """Return the kind that the unit of a number tells; a letter of several meanings is read by the words before."""
    number, label = context.number, context.label
    if number.unit is None or (number.shape == "list" and label == "SIZE"):
        return _get_counted_kind(context)
    unit, kind = number.unit.name, number.unit.kind
    if unit in ("г", "год") and _is_year(number):
        return "YEAR"
    if unit in ("г", "м") and number.text.rstrip(".").endswith(("г", "м")) and _is_of_child(context):
        return "AGE"
    if unit == "₽" and label == "SIZE" and words.is_short_rouble(context.text, number.end):
        return None
    return "SIZE" if unit == "€" and label == "SIZE" else kind


def _get_counted_kind(context: Context) -> str | None:
    """Return the kind of a number without a unit: a multiplier makes a price, a garment behind it a quantity."""
    number = context.number
    if number.factor > 1:
        return "UNK_VAL" if _SCREEN.search(number.text) and context.label != "PRICE" else "PRICE"
    is_few = bool(number.amounts) and number.amounts[0] < _GARMENT_SIZES.start
    return "QUANTITY" if is_few and words.get_hint_kind(context.next_word) == "SIZE" else None


def _is_of_child(context: Context) -> bool:
    """Return True where «г» and «м» are years and months: «на 2-3 г», «74 (9 м)»."""
    is_young = bool(context.number.amounts) and max(context.number.amounts) <= _OLDEST_CHILD
    follows_size = context.previous == "SIZE" and context.left.strip() in ("(", ",")
    return is_young and (context.label == "AGE" or follows_size or _CHILD.search(context.left) is not None)


def _find_hint(context: Context) -> str | None:
    nearest, number = context.nearest, context.number
    for index in reversed(range(len(nearest))):
        kind = words.get_hint_kind(nearest[index])
        fits = {
            "PRICE": _fits_price(nearest[index:], number),
            "YEAR": _is_year(number),
            "SIZE": _fits_size(number),
        }
        if kind and fits[kind]:
            return kind
    return None


def _fits_price(hinted: Sequence[str], number: Number) -> bool:
    """Return True for the words of a price: «за 300», «сейчас 900», «продам куртку 1500», not «продам ваз 2114»."""
    hint, between = hinted[0].lower(), [word for word in hinted[1:] if word.lower() not in words.FILLERS]
    amount = number.amounts[0] if number.amounts else 0.0
    if hint in ("за", "по"):
        return not between and amount >= _LEAST_SUM
    return amount >= _LEAST_PRICE and (not between or "за" in between or amount % _LEAST_PRICE == 0)


def _fits_size(number: Number) -> bool:
    """Return True for the size of a garment or of shoes; «куртка Area 51» names no size."""
    if not number.amounts or not _GARMENT_SIZES.start <= number.amounts[0] < _GARMENT_SIZES.stop:
        return False
    return number.amounts[0] <= _LARGEST_ODD_SIZE or number.amounts[0] % 2 == 0


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
