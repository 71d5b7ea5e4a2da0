"""Read the phrase of a number: sign, amounts, multipliers, units, and the condition that it is nothing without."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from inference.masking.numbers.shapes import AMOUNT, DIGIT, PLAIN, ROUBLES, SPACE, TIMES, read_amount
from inference.masking.numbers.types import OUTSIDE, YEARS, Number
from inference.masking.numbers.units import Measure, Unit, find_currency_before, match_measure

_AMOUNT, _PLAIN = re.compile(AMOUNT), re.compile(PLAIN)

# What joins two amounts into one value. «list» holds spellings of one value («40EU/26см») or sizes («42/44»).
_BY = re.compile(rf"{SPACE}?{TIMES}{SPACE}?[ШВГДшвгд]?(?={DIGIT})|{SPACE}на{SPACE}(?={DIGIT})")
_SLASH = re.compile(rf"\.?{SPACE}?/{SPACE}?(?={DIGIT})")
_DASH = re.compile(rf"\.?[-‐‑‒–—−](?={DIGIT})")
_SPACED_DASH = re.compile(
    rf"{SPACE}?(?:\.\.\.?|…){SPACE}?(?={DIGIT})|\.?{SPACE}[-–—]{SPACE}?(?={DIGIT})|\.?[-–—]{SPACE}(?={DIGIT})"
)
_UP_TO = re.compile(rf"\.?{SPACE}(?:до{SPACE}(?=[+−–-]?{DIGIT})[+−–-]?|по{SPACE}(?={DIGIT}))", re.IGNORECASE)
_FROM = re.compile(rf"(?<![^\W_])(?:от|с|со){SPACE}(?:[+−–-]|минус{SPACE})?\Z", re.IGNORECASE)
_WIDEST = 5  # ends of a range further apart than this factor are two values: «46 - 1500»
_WIDEST_SMALL = 2
# «снизила с 3000 до 2000» tells an old price and a new one.
_LOWERED = re.compile(r"(?:сни[жз]|уцен|сбав|скину|скид|уступ|упал|подешев)\w*[^\n.;!?\d]{0,25}\Z", re.IGNORECASE)

# «рост 164 размер 42»: the word belongs to the next number; «46 г. Москва»: a town, no grams; «"Чикаго 23"»: no inches.
_NEXT_NUMBER = re.compile(r"[\s:№—–-]{0,3}[\d<]")
_PLACE = re.compile(r"\.?\s?[А-ЯЁ][а-яё]")
_OPEN_QUOTE = re.compile(r"(?<!\d)[\"“„”][^\n\"“„”]*\Z")
_YEARS_WITH_UNIT = range(1800, 2100)
# «размер 42 500 руб» is a size and a price.
_SIZE_BEFORE = re.compile(r"(?:\bразмер\w*|\bр-ре?\w?|\bр\.|\bsize)\W{0,3}\Z", re.IGNORECASE)
_SIZES = range(16, 177)

# A dash is a minus before a share, a temperature or the end of a range, elsewhere punctuation: «Цена -500».
_MINUS = re.compile(r"(?:(?<![^\s(:])|\A)[−–-]\Z")
_SHARE = re.compile(rf"{PLAIN}{SPACE}?(?:%|°|градус)")
_BELOW_ZERO = re.compile(rf"(?<![^\W_])(?:до|от|при){SPACE}([+−–-]|минус{SPACE})\Z", re.IGNORECASE)

# The sum from which delivery is free, and the things for which a discount is given, belong to the value.
_ABOUT_ORDER = (
    r"(?:,?\s(?:доставка|для|по\s\w+|при|если|вы|заказ\w*|покупк\w*|сумм\w*|на|в|чек\w*|корзин\w*|любой|общей))*"
)
_FREE_FROM = re.compile(
    rf"бесплатн\w*{_ABOUT_ORDER}\s\(?(?:от|свыше|более|больше|выше|дороже|с)\s(?:суммы\s)?\Z", re.IGNORECASE
)
_CLOSING = re.compile(rf"{ROUBLES}?\)", re.IGNORECASE)
_FROM_SUM = re.compile(
    r"(?<!\w)(?:(?:при\s|если\s)?(?:заказ\w*|покупк\w*|сумм\w*)\s)?(?:от|свыше|более|больше|на(?:\sсумму)?(?:\sот)?)\s\Z",
    re.IGNORECASE,
)
_IS_FREE = re.compile(rf"{ROUBLES}?(?:,\sто)?\s?(?:[—–:-]\s?)?(?:доставка\s)?бесплатн\w*", re.IGNORECASE)
_ON_ORDER = r"(?:\sпри\s(?:покупке|заказе)|,?\sесли\s\w+|\sза\sпокупку)(?:\sот)?"
_SO_MANY = r"\s\d+(?:-?[хтиу]{1,2})?(?:\sи\s(?:более|больше))?"
_THINGS = r"\s?(?:вещ|штук|шт|пар|товар|предмет|позици|единиц)\w*"
_END = r"(?=[^\S\n]*(?:[,;)\n]|\.?\Z))"
_GOODS = rf"(?:{_THINGS}|\s(?!размер|цен|достав|скид)[а-яё]{{3,}}|{_END})"
_FOR_AN_ORDER = re.compile(rf"{_ON_ORDER}{_SO_MANY}{_GOODS}", re.IGNORECASE)
_FOR_THINGS = re.compile(
    rf"\s(?:от|за|на){_SO_MANY}{_THINGS}"
    rf"|\s(?:при\s(?:покупке|заказе)\s)?(?:от|на\sсумму(?:\sот)?)\s\d[\d ]{{2,6}}(?!\d){ROUBLES}?{_END}",
    re.IGNORECASE,
)
_MAX_DISTANCE = 80  # characters, longer than any condition

_ABBREVIATION = re.compile(
    r"(?<![^\W\d_])(?:тыс|тр?|т\.?\s?р|руб|млн|млрд|мес|шт|дн|нед|мин|гр|г|уп|чел|стр|дюйм|у\.?\s?е)\Z|\.\s?р\Z",
    re.IGNORECASE,
)
_STOP_INSIDE = re.compile(r"\.(?:\s?[,;)(/–—-]|\s[а-яё]|[^\S\n]*(?:\n|\Z))")


@dataclass(frozen=True, slots=True)
class _Side:
    """One amount of a phrase.

    start, amount_end: its digits. inner_end: the end of what belongs to the value. end: the end of its unit.
    """

    start: int
    amount_end: int
    inner_end: int
    end: int
    amount: float
    factor: int
    unit: Unit | None


def read_phrase(text: str, start: int, floor: int) -> Number:
    """Return the value whose first digit is at `start`; its phrase begins at `floor` or later."""
    floor = max(floor, start - _MAX_DISTANCE)
    sides = [_read_side(text, start)]
    shape = "amount"
    while joined := _read_next_side(text, sides[-1], shape, floor):
        shape, side = joined
        sides.append(side)
    start, currency = _find_start(text, start, shape, floor)
    # Sides need their unit, and one behind the first amount as well would be torn apart; any other may stay outside.
    is_whole = shape == "sides" or any(side.unit for side in sides[:-1])
    end = add_full_stop(text, start, sides[-1].end if is_whole else sides[-1].inner_end)
    unit = currency or next((side.unit for side in sides if side.unit), None)
    has_unit = currency is not None or (unit is not None and end >= sides[-1].end)
    number = Number(start, end, text[start:end], shape, _scale(sides), unit, has_unit, sides[-1].factor)
    return _add_condition(text, number, sides[-1].end, floor)


def get_unit_text(number: Number) -> str:
    """Return what follows the digits of a single amount: « %» of «95 %»; "" for any other number."""
    amount = _AMOUNT.match(number.text)
    return number.text[amount.end() :] if amount and number.shape == "amount" else ""


def add_full_stop(text: str, start: int, end: int) -> int:
    """Return the end of a phrase with the full stop of its abbreviation, unless that may end the sentence as well."""
    return end + 1 if _ABBREVIATION.search(text, start, end) and _STOP_INSIDE.match(text, end) else end


def _read_side(text: str, start: int) -> _Side:
    match = _AMOUNT.match(text, start)
    assert match is not None
    if _splits_after_size(text, match):
        match = _PLAIN.match(text, start) or match
    amount = read_amount(match[0])
    measure = _read_measure(text, match.end())
    inner_end = measure.end if _belongs_to_value(measure, amount) else measure.multiplier_end
    return _Side(start, match.end(), inner_end, measure.end, amount * measure.factor, measure.factor, measure.unit)


def _splits_after_size(text: str, match: re.Match[str]) -> bool:
    """Return True for «42 500» behind the word «размер»: a size and a price."""
    parts = re.split(SPACE, match[0])
    return (
        len(parts) == 2
        and parts[0].isdecimal()
        and parts[1].isdecimal()
        and int(parts[0]) in _SIZES
        and _SIZE_BEFORE.search(text, max(0, match.start() - _MAX_DISTANCE), match.start()) is not None
    )


def _read_measure(text: str, end: int) -> Measure:
    measure = match_measure(text, end)
    if measure.unit is None:
        return measure
    is_next_label = measure.unit.kind in ("SIZE", "HEIGHT") and _NEXT_NUMBER.match(text, measure.end)
    is_place = measure.unit.name == "г" and _PLACE.match(text, measure.end)
    is_quote = measure.unit.name == "дюйм" and _OPEN_QUOTE.search(text, text.rfind("\n", 0, end) + 1, end)
    return Measure(1, None, end, end) if is_next_label or is_place or is_quote else measure


def _belongs_to_value(measure: Measure, amount: float) -> bool:
    """Return True for a unit that must not be torn from its number: «60 евро», «5 тыс. руб.», «6 мес»."""
    if measure.unit is None:
        return False
    is_year = measure.unit.name in ("г", "год") and amount in _YEARS_WITH_UNIT
    is_multiplied_price = measure.factor > 1 and measure.unit.kind == "PRICE"
    return is_multiplied_price or not (measure.unit.name in OUTSIDE or is_year)


def _read_next_side(text: str, last: _Side, shape: str, floor: int) -> tuple[str, _Side] | None:
    """Return the shape and the next amount of a value, or None where the value ends."""
    for end in dict.fromkeys((last.end, last.inner_end, last.amount_end)):
        may_be_side = last.unit is None or last.unit.kind == "LENGTH"
        if shape in ("amount", "sides") and may_be_side and (joiner := _BY.match(text, end)):
            side = _read_side(text, joiner.end())
            return ("sides", side) if side.unit is None or side.unit.kind in ("LENGTH", "SIZE") else None
        if shape in ("amount", "range", "list") and (joiner := _SLASH.match(text, end)):
            return "list", _read_side(text, joiner.end())
        if shape != "amount":
            continue
        if joiner := _DASH.match(text, end):
            side = _read_side(text, joiner.end())
            return ("range", side) if _have_one_unit(last, side) else None
        if joiner := _SPACED_DASH.match(text, end):
            side = _read_side(text, joiner.end())
            return ("range", side) if _have_one_unit(last, side) and _are_ends(last, side) else None
        if joiner := _UP_TO.match(text, end):
            side = _read_side(text, joiner.end())
            return ("range", side) if _is_spelled_range(text, floor, last, side, joiner) else None
    return None


def _have_one_unit(first: _Side, second: _Side) -> bool:
    return first.unit is None or first.unit == second.unit


def _are_ends(first: _Side, second: _Side) -> bool:
    """Return True for amounts that can be the ends of one range; of «3-5к» both are thousands."""
    low, high = first.amount, second.amount if first.factor > 1 else second.amount / second.factor
    return low < high <= low * (_WIDEST_SMALL if low < 100 else _WIDEST)


def _is_spelled_range(text: str, floor: int, first: _Side, second: _Side, joiner: re.Match[str]) -> bool:
    """Return True for «от 500 до 900», False for «2 по 300» and «снизила с 3000 до 2000»."""
    begin = _FROM.search(text, floor, first.start)
    if begin and begin[0].lower().startswith("с") and _LOWERED.search(text, floor, begin.start()):
        return False
    if first.amount in YEARS and second.amount in YEARS and first.amount <= second.amount:
        return True
    if begin is None:
        return "до" in joiner[0].lower() and _have_one_unit(first, second) and _are_ends(first, second)
    return _have_one_unit(first, second) or second.unit is None


def _scale(sides: Sequence[_Side]) -> tuple[float, ...]:
    """Return the amounts; a multiplier behind the second end of a range counts for both: «5-7к»."""
    last = sides[-1]
    spread = last.factor if len(sides) > 1 and sides[0].factor == 1 and sides[0].amount < 1_000 else 1
    return (*(side.amount * spread for side in sides[:-1]), last.amount)


def _find_start(text: str, start: int, shape: str, floor: int) -> tuple[int, Unit | None]:
    """Return the start of a phrase with what belongs to it before its digits, and the currency among that."""
    begin = _FROM.search(text, floor, start) if shape == "range" else None
    if begin:
        return begin.start(), None
    if below := _BELOW_ZERO.search(text, floor, start):
        return below.start(1), None
    currency = find_currency_before(text, floor, start)
    if currency and not _SIZE_BEFORE.search(text, floor, currency[0]):
        return currency
    is_negative = start > floor and _SHARE.match(text, start) and _MINUS.search(text, floor, start)
    return start - bool(is_negative), None


def _add_condition(text: str, number: Number, unit_end: int, floor: int) -> Number:
    """Return the number with the words that it is nothing without: «бесплатно от 3000», «5 % при покупке 2 вещей»."""
    if free_from := _FREE_FROM.search(text, floor, number.start):
        bracket = _CLOSING.match(text, number.end) if "(" in free_from[0] else None
        return _stretch(text, number, free_from.start(), bracket.end() if bracket else number.end, "free")
    from_sum, is_free = _FROM_SUM.search(text, floor, number.start), _IS_FREE.match(text, number.end)
    if from_sum and is_free:
        return _stretch(text, number, from_sum.start(), is_free.end(), "free")
    condition = _find_discount_condition(text, number, unit_end)
    return (
        replace(_stretch(text, number, number.start, condition, number.shape), has_unit=True) if condition else number
    )


def _find_discount_condition(text: str, number: Number, unit_end: int) -> int | None:
    """Return the end of the things or the sum that a share or a sum of money is taken off for."""
    unit = number.unit.name if number.unit else None
    patterns = {"%": (_FOR_AN_ORDER, _FOR_THINGS), "₽": (_FOR_AN_ORDER,)}.get(unit or "", ())
    return next((found.end() for pattern in patterns if (found := pattern.match(text, unit_end))), None)


def _stretch(text: str, number: Number, start: int, end: int, shape: str) -> Number:
    return replace(number, start=start, end=end, text=text[start:end], shape=shape)
