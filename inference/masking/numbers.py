"""Find the numbers of an ad: each is one value with its sign, its multiplier, its unit and both ends of a range."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from inference.masking.numerals import find_prices_in_words
from inference.masking.shapes import AMOUNT, DIGIT, NUMBER, PLAIN, SPACE, TIMES, read_amount
from inference.masking.units import Measure, Unit, find_currency_before, match_measure

# Units that ads and models add themselves, so that they stay beside the token: «<PRICE> руб.», «<LENGTH> см».
OUTSIDE = frozenset({"₽", "см", "размер", "рост"})

_AMOUNT, _PLAIN = re.compile(AMOUNT), re.compile(PLAIN)
_NEXT = rf"(?=[+−–-]?{DIGIT})[+−–-]?"
# What joins two amounts into one value: sides, or the ends of a range.
_BY = re.compile(rf"{SPACE}?{TIMES}{SPACE}?[ШВГДшвгд]?(?={DIGIT})|{SPACE}на{SPACE}(?={DIGIT})")
_GLUED = re.compile(rf"[-‐‑‒–—−](?={DIGIT})")
_SLASH = re.compile(rf"{SPACE}?/{SPACE}?(?={DIGIT})")
_SPACED = re.compile(
    rf"{SPACE}?(?:\.\.\.?|…){SPACE}?(?={DIGIT})|{SPACE}[-–—]{SPACE}?(?={DIGIT})|[-–—]{SPACE}(?={DIGIT})"
)
_UP_TO = re.compile(rf"{SPACE}до{SPACE}{_NEXT}")
_THROUGH = re.compile(rf"{SPACE}по{SPACE}(?={DIGIT})")
_FROM = re.compile(rf"(?<![^\W_])(?:от|с|со){SPACE}(?:[+−–-]|минус{SPACE})?\Z", re.IGNORECASE)
_WIDEST = 5  # ends of a range further apart than this factor are two values: «46 - 1500»
_WIDEST_SMALL = 2

# «рост 164 размер 42»: the word belongs to the next number; «46 г. Москва»: a town, no grams.
_NEXT_NUMBER = re.compile(r"[\s:№—–-]{0,3}[\d<]")
_PLACE = re.compile(r"\.?\s?[А-ЯЁ][а-яё]")
YEARS = range(1950, 2040)
_YEARS_WITH_UNIT = range(1800, 2100)

# A dash is a minus before a share, a temperature or the end of a range, elsewhere punctuation: «Цена -500».
_MINUS = re.compile(r"(?:(?<![^\s(:])|\A)[−–-]\Z")
_BELOW_ZERO = re.compile(rf"(?<![^\W_])(?:до|от|при){SPACE}(?:[+−–-]|минус{SPACE})\Z", re.IGNORECASE)
# «снизила с 3000 до 2000» tells an old price and a new one.
_LOWERED = re.compile(r"(?:сни[жз]|уцен|сбав|скину|скид|уступ|упал|подешев)\w*[^\n.;!?\d]{0,25}\Z", re.IGNORECASE)

# The sum from which delivery is free, and the things for which a discount is given, belong to the value.
_ABOUT_ORDER = r"(?:,?\s(?:доставка|для|при|если|вы|заказ\w*|покупк\w*|сумм\w*|на|в|чек\w*|корзин\w*|любой|общей))*"
_FREE_FROM = re.compile(
    rf"бесплатн\w*{_ABOUT_ORDER}\s(?:от|свыше|более|больше|выше|дороже|с)\s(?:суммы\s)?\Z", re.IGNORECASE
)
_FROM_SUM = re.compile(
    r"(?<!\w)(?:(?:при\s)?(?:заказ\w*|покупк\w*|сумм\w*)\s)?(?:от|свыше|более|больше|на(?:\sсумму)?(?:\sот)?)\s\Z",
    re.IGNORECASE,
)
_IS_FREE = re.compile(r"(?:\s?(?:руб\w*|р|₽)(?!\w)\.?)?\s?(?:[—–:-]\s?)?(?:доставка\s)?бесплатн\w*", re.IGNORECASE)
_FOR_THINGS = re.compile(
    r"\s(?:(?:при\s(?:покупке|заказе)|если\s\w+|за\sпокупку)(?:\sот)?|от|за)\s\d+(?:-?[хти]{1,2})?(?:\sи\s(?:более|больше))?"
    r"\s?(?:вещ|штук|шт|пар|товар|предмет|позици|единиц)\w*",
    re.IGNORECASE,
)

_ABBREVIATION = re.compile(
    r"(?:тыс|тр?|т\.?\s?р|руб|млн|млрд|мес|шт|дн|нед|мин|гр|г|уп|чел|стр|дюйм|у\.?\s?е|\.\s?р)\Z", re.IGNORECASE
)
_STOP_INSIDE = re.compile(r"\.(?:\s?[,;)(/–—-]|\s[а-яё]|[^\S\n]*(?:\n|\Z))")

_PHONE_BEFORE = re.compile(
    r"(?<!\w)(?:тел(?:ефон\w*)?|моб(?:ильн\w*)?|номер\w*|звон\w+|ватсап\w*|вотсап\w*|whats\s?app|вайбер\w*|viber|phone)"
    r"[.:№+\s—–-]{1,4}\Z",
    re.IGNORECASE,
)
_LOCAL_PHONE = re.compile(r"\(?\d(?:[ ().-]{0,2}\d){4,14}(?![.,]?\d)")
_SUM_OR_TIME = re.compile(rf"\d\d?{SPACE}\d{{3}}|\d\d?[.:]\d\d(?!\d).*")

# The word «размер», followed by nothing but sizes.
_SIZE_BEFORE = re.compile(
    r"(?:\bразмер\w*|\bр-ре?\w?|\bр\.|\bsize)(?:[^\w<>\n]|\d|\b[XSMLХСМЛ]+\b|<SIZE(?:_\d+)?>)*\Z", re.IGNORECASE
)
_SIZE_DIRECTLY_BEFORE = re.compile(r"(?:\bразмер\w*|\bр-ре?\w?|\bр\.|\bsize)\W{0,3}\Z", re.IGNORECASE)
_SIZE_AFTER = re.compile(r"\W{0,2}(?:размер\w*|р-р\w*)\b", re.IGNORECASE)
_SIZES = range(16, 177)
_MAX_DISTANCE = 40  # characters


@dataclass(frozen=True, slots=True)
class Number:
    """One value of an ad.

    text: the phrase as it was typed, ad[start:end].
    shape: the pattern that found it («phone», «code», «amount» …), «range», «list», «sides», «free» or «words».
    amounts: the amounts of the phrase, multipliers included, in order; none for shapes without any.
    unit: the unit, be it a part of the phrase or the word behind it; of «40EU/26см» the first.
    has_unit: whether the unit is a part of the phrase.
    factor: of the multiplier, 1 without one.
    """

    start: int
    end: int
    text: str
    shape: str
    amounts: tuple[float, ...] = ()
    unit: Unit | None = None
    has_unit: bool = False
    factor: int = 1


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


def find_numbers(text: str) -> Iterator[Number]:
    """Yield the numbers of a text from left to right.

    A number is one value: an amount with its multiplier and unit, a range, sides, a phone, a Latin clothes size, a
    price in words, or a literal `<TOKEN>`. Roubles and centimetres stay outside. Ambiguous letters (`м`, `xl`, Cyrillic
    `М`) count only beside the word «размер» or a digit.
    """
    spelled = [_read_words(text, *words) for words in find_prices_in_words(text)]
    position = 0
    while match := NUMBER.search(text, position):
        number = _read_number(text, match, position)
        while spelled and spelled[0].start < (number.start if number else match.start()):
            words = spelled.pop(0)
            if words.start >= position:
                yield words
                position = words.end
        if number and number.start >= position:
            yield number
        position = max(position, number.end if number else match.end())
    yield from (words for words in spelled if words.start >= position)


def _read_words(text: str, start: int, end: int, amount: float, currency: Unit | None) -> Number:
    end = _add_full_stop(text, start, end)
    return Number(start, end, text[start:end], "words", (amount,), currency, has_unit=currency is not None)


def get_unit_text(number: Number) -> str:
    """Return what follows the digits of a single amount: « %» of «95 %»; "" for any other number."""
    amount = _AMOUNT.match(number.text)
    return number.text[amount.end() :] if amount and number.shape == "amount" else ""


def _read_number(text: str, match: re.Match[str], floor: int) -> Number | None:
    shape = str(match.lastgroup)
    if shape == "amount":
        return _read_local_phone(text, match.start(), floor) or _read_phrase(text, match.start(), floor)
    if shape == "loose" and not _is_size(text, match):
        return None
    if shape == "series":
        return _read_series(text, match)
    return Number(match.start(), match.end(), match[0], shape)


def _read_local_phone(text: str, start: int, floor: int) -> Number | None:
    """Read the pieces of a phone behind a word that announces one: «тел. 345 67 89»."""
    pieces = _LOCAL_PHONE.match(text, start) if _PHONE_BEFORE.search(text, floor, start) else None
    if pieces is None or _SUM_OR_TIME.fullmatch(pieces[0]) or match_measure(text, pieces.end()).unit:
        return None
    return Number(start, pieces.end(), pieces[0], "phone")


def _read_series(text: str, match: re.Match[str]) -> Number:
    """Read «44-46-48», «2-3-4 года» or «123-45-67»: the words around tell a list from a phone."""
    measure = match_measure(text, match.end())
    has_unit = measure.unit is not None and measure.unit.name not in OUTSIDE
    end = measure.end if has_unit else match.end()
    return Number(match.start(), end, text[match.start() : end], "series", (), measure.unit, has_unit)


def _is_size(text: str, letters: re.Match[str]) -> bool:
    is_preposition = letters[0] == "С" and re.match(r"\s+\w", text[letters.end() : letters.end() + 3]) is not None
    context = (
        re.match(DIGIT, letters[0])
        or _SIZE_AFTER.match(text, letters.end())
        or _SIZE_BEFORE.search(text, max(0, letters.start() - _MAX_DISTANCE), letters.start())
    )
    return bool(context) and not is_preposition


def _read_phrase(text: str, start: int, floor: int) -> Number:
    """Read the value whose first digit is at `start`; its phrase begins at `floor` or later."""
    sides = [_read_side(text, start)]
    shape = "amount"
    while joined := _read_next_side(text, sides, floor, shape):
        shape, side = joined
        sides.append(side)
    start, currency = _find_start(text, start, floor, shape)
    units = [side.unit for side in sides if side.unit]
    # Sides need their unit, and one behind the first amount as well would be torn apart; any other may stay outside.
    is_whole = shape == "sides" or any(side.unit for side in sides[:-1])
    end = _add_full_stop(text, start, sides[-1].end if is_whole else sides[-1].inner_end)
    unit = currency or (units[0] if units else None)
    has_unit = currency is not None or (bool(units) and end >= sides[-1].end)
    number = Number(start, end, text[start:end], shape, _scale(sides), unit, has_unit, sides[-1].factor)
    return _add_condition(text, number, sides[-1].end, floor)


def _read_side(text: str, start: int) -> _Side:
    match = _AMOUNT.match(text, start)
    assert match is not None
    if _splits_after_size(text, match):
        match = _PLAIN.match(text, start) or match
    measure = match_measure(text, match.end())
    amount = read_amount(match[0])
    is_next_label = (
        measure.unit is not None and measure.unit.kind in ("SIZE", "HEIGHT") and _NEXT_NUMBER.match(text, measure.end)
    )
    if is_next_label or (measure.unit and measure.unit.name == "г" and _PLACE.match(text, measure.end)):
        measure = Measure(1, None, match.end(), match.end())
    is_year = measure.unit is not None and measure.unit.name in ("г", "год") and amount in _YEARS_WITH_UNIT
    stays_outside = measure.unit is None or measure.unit.name in OUTSIDE or is_year
    is_priced = measure.factor > 1 and measure.unit is not None and measure.unit.kind == "PRICE"
    inner_end = measure.multiplier_end if stays_outside and not is_priced else measure.end
    return _Side(start, match.end(), inner_end, measure.end, amount * measure.factor, measure.factor, measure.unit)


def _splits_after_size(text: str, match: re.Match[str]) -> bool:
    """Return True for «42 500» behind the word «размер»: a size and a price."""
    parts = re.split(SPACE, match[0])
    return (
        len(parts) == 2
        and parts[0].isdecimal()
        and parts[1].isdecimal()
        and int(parts[0]) in _SIZES
        and _SIZE_DIRECTLY_BEFORE.search(text, max(0, match.start() - _MAX_DISTANCE), match.start()) is not None
    )


def _read_next_side(text: str, sides: list[_Side], floor: int, shape: str) -> tuple[str, _Side] | None:
    """Return the shape and the next amount of a value, or None where the value ends."""
    last = sides[-1]
    for end in dict.fromkeys((last.end, last.inner_end, last.amount_end)):
        if shape != "range" and (joiner := _BY.match(text, end)):
            return "sides", _read_side(text, joiner.end())
        if shape in ("amount", "range", "list") and (joiner := _SLASH.match(text, end)):
            return "list", _read_side(text, joiner.end())
        if shape != "amount":
            continue
        if joiner := _GLUED.match(text, end):
            side = _read_side(text, joiner.end())
            return ("range", side) if _have_one_unit(last, side) else None
        if joiner := _SPACED.match(text, end):
            side = _read_side(text, joiner.end())
            return ("range", side) if _have_one_unit(last, side) and _are_ends(last, side) else None
        if joiner := _UP_TO.match(text, end) or _THROUGH.match(text, end):
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
    has_one_unit = _have_one_unit(first, second) or second.unit is None
    return has_one_unit and (begin is not None or ("до" in joiner[0].lower() and _are_ends(first, second)))


def _scale(sides: list[_Side]) -> tuple[float, ...]:
    """Return the amounts; a multiplier behind the second end of a range counts for both: «5-7к»."""
    last = sides[-1]
    spread = last.factor if len(sides) > 1 and sides[0].factor == 1 and sides[0].amount < 1_000 else 1
    return (*(side.amount * spread for side in sides[:-1]), last.amount)


def _find_start(text: str, start: int, floor: int, shape: str) -> tuple[int, Unit | None]:
    """Return the start of a phrase with what belongs to it before its digits, and the currency among that."""
    begin = _FROM.search(text, floor, start) if shape == "range" else None
    below = _BELOW_ZERO.search(text, floor, start)
    if begin:
        return begin.start(), None
    if below:
        return start - 1 if text[start - 1] in "+−–-" else text.rindex("минус", floor, start), None
    currency = find_currency_before(text, floor, start)
    if currency and not _SIZE_DIRECTLY_BEFORE.search(text, floor, currency[0]):
        return currency
    is_share = re.match(rf"{PLAIN}{SPACE}?(?:%|°|градус)", text[start : start + _MAX_DISTANCE]) is not None
    return (start - 1 if is_share and _MINUS.search(text, floor, start) else start), None


def _add_full_stop(text: str, start: int, end: int) -> int:
    """Return the end of a phrase with the full stop of its abbreviation, unless that may end the sentence as well."""
    return end + 1 if _ABBREVIATION.search(text, start, end) and _STOP_INSIDE.match(text, end) else end


def _add_condition(text: str, number: Number, unit_end: int, floor: int) -> Number:
    """Return the number with the words that it is nothing without: «бесплатно от 3000», «5 % при покупке 2 вещей»."""
    free_from = _FREE_FROM.search(text, floor, number.start)
    if free_from:
        return _stretch(text, number, free_from.start(), number.end, "free")
    from_sum, is_free = _FROM_SUM.search(text, floor, number.start), _IS_FREE.match(text, number.end)
    if from_sum and is_free:
        return _stretch(text, number, from_sum.start(), is_free.end(), "free")
    things = _FOR_THINGS.match(text, unit_end) if number.unit and number.unit.name == "%" else None
    return _stretch(text, number, number.start, things.end(), number.shape) if things else number


def _stretch(text: str, number: Number, start: int, end: int, shape: str) -> Number:
    while text[start].isspace():
        start += 1
    return replace(number, start=start, end=end, text=text[start:end], shape=shape)
