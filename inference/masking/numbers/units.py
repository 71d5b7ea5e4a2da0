"""Units and multipliers of numbers: the spellings of each, and the kind of number that it makes."""

from __future__ import annotations

import re
from typing import NamedTuple


class Unit(NamedTuple):
    """One unit in all of its spellings.

    name: what is equal for equal units, «$» for «долларов» and «USD».
    kind: of TOKEN_KINDS.
    spellings: a regex, matched without regard to letter case and as a whole word.
    """

    name: str
    kind: str
    spellings: str


UNITS: tuple[Unit, ...] = (
    Unit("₽", "PRICE", r"руб(?:л\w{1,3}|ас\w*)?|рэ|р|₽|rub(?:les?)?|rur|roubles?"),
    Unit("$", "PRICE", r"доллар\w*|долл|бакс\w*|usdt?|dollars?|\$|у\.\s?е|уе"),
    Unit("€", "PRICE", r"евро?|eur|euros?|€"),
    Unit("₸", "PRICE", r"тенге|теньге|тг|kzt|₸"),
    Unit("₴", "PRICE", r"гривн\w*|гривен|грн|uah|₴"),
    Unit("Br", "PRICE", r"бел(?:орусск\w*)?\.?\s?руб\w*|б\.\s?р|byn|byr|br"),
    Unit("юань", "PRICE", r"юан\w*|cny|rmb"),
    Unit("иена", "PRICE", r"[ий]ен\w*|jpy|¥"),
    Unit("сом", "PRICE", r"сом(?:ов|а)?|kgs"),
    Unit("сум", "PRICE", r"сум(?:ов|а)?|uzs"),
    Unit("₾", "PRICE", r"лари|gel|₾"),
    Unit("֏", "PRICE", r"драм\w*|amd|֏"),
    Unit("лей", "PRICE", r"ле[йяи]|леев|mdl"),
    Unit("£", "PRICE", r"фунт\w*|gbp|pounds?|£"),
    Unit("zł", "PRICE", r"злот\w*|pln|zł"),
    Unit("₺", "PRICE", r"лир\w*|try|₺"),
    Unit("₼", "PRICE", r"манат\w*|azn|₼"),
    Unit("₪", "PRICE", r"шекел\w*|ils|₪"),
    Unit("дирхам", "PRICE", r"дирхам\w*|aed"),
    Unit("₹", "PRICE", r"рупи[йяи]|inr|₹"),
    Unit("₩", "PRICE", r"krw|₩"),
    Unit("крона", "PRICE", r"крон\w*|czk|sek|nok"),
    Unit("бат", "PRICE", r"бат(?:ов|а)?|thb|฿"),
    Unit("см", "LENGTH", r"см|сантиметр\w*|cm"),
    Unit("мм", "LENGTH", r"мм|миллиметр\w*|mm"),
    Unit("м", "LENGTH", r"(?-i:[мm])|метр\w*"),
    Unit("дюйм", "LENGTH", r"дюйм\w*|inch(?:es)?|[\"”″]|''"),
    Unit("фут", "LENGTH", r"фут(?:а|ов|ы)?|ft|feet"),
    Unit("кг", "WEIGHT", r"кг|килограмм\w*|kg"),
    Unit("г/м²", "UNK_VAL", r"гр?/(?:м[²2]|кв\.?\s?м)"),
    Unit("г", "WEIGHT", r"гр|грамм\w*|г|gr?"),
    Unit("год", "AGE", r"лет|год(?:а|у|ов|ы|ом|ам)?|годик\w*|(?<=-)лет\w+|years?"),
    Unit("мес", "AGE", r"мес(?:яц\w*|ячн\w*)?|months?|mos?"),
    Unit("шт", "QUANTITY", r"шт(?:ук\w*|учк\w*|учек)?|pcs"),
    Unit("пара", "QUANTITY", r"пар[аыуе]?"),
    Unit("вещь", "QUANTITY", r"вещ(?:ь|и|ей|ам|ами)"),
    Unit("предмет", "QUANTITY", r"предмет\w*"),
    Unit("комплект", "QUANTITY", r"комплект\w*|набор(?:а|ов)?"),
    Unit("единица", "QUANTITY", r"единиц\w*"),
    Unit("упаковка", "QUANTITY", r"упаков\w*|уп"),
    Unit("таблетка", "QUANTITY", r"капсул\w*|таблет\w*"),
    Unit("%", "PERCENT", r"%|процент\w*"),
    Unit("размер", "SIZE", r"размер\w*|р-ра?|разм"),
    Unit("EU", "SIZE", r"eu|европ\w*"),
    Unit("US", "SIZE", r"us"),
    Unit("UK", "SIZE", r"uk"),
    Unit("RU", "SIZE", r"rus?|рос|росс\w*"),
    Unit("IT", "SIZE", r"ita?"),
    Unit("FR", "SIZE", r"fr"),
    Unit("JP", "SIZE", r"jp"),
    Unit("рост", "HEIGHT", r"рост\w*"),
    Unit("раз", "UNK_VAL", r"раз(?:а|ик\w*)?"),
    Unit("день", "UNK_VAL", r"день|дня|дн(?:ей|и|ям|ями)?|сут(?:ок|ки)|рабочих\sдн\w+"),
    Unit("неделя", "UNK_VAL", r"недел\w*|нед"),
    Unit("час", "UNK_VAL", r"час(?:а|ов|у)?|ч"),
    Unit("мин", "UNK_VAL", r"мин(?:ут\w*)?"),
    Unit("сезон", "UNK_VAL", r"сезон(?:а|ов|ы)?"),
    Unit("градус", "UNK_VAL", r"°\s?[CС]?|℃|градус\w*"),
    Unit("км", "UNK_VAL", r"км(?:/ч)?|километр\w*|km"),
    Unit("м²", "UNK_VAL", r"кв\.?\s?м|м[²2]|сот(?:ок|ки)"),
    Unit("л", "UNK_VAL", r"л|литр\w*"),
    Unit("мл", "UNK_VAL", r"мл|миллилитр\w*|ml"),
    Unit("ГБ", "UNK_VAL", r"гб|gb|гиг(?:а|ов|абайт\w*)?"),
    Unit("ТБ", "UNK_VAL", r"тб|tb"),
    Unit("МБ", "UNK_VAL", r"мб|mb"),
    Unit("Вт", "UNK_VAL", r"вт|ватт\w*"),
    Unit("кВт", "UNK_VAL", r"квт|киловатт\w*"),
    Unit("В", "UNK_VAL", r"вольт\w*"),
    Unit("Гц", "UNK_VAL", r"к?гц|hz|ггц|ghz"),
    Unit("мАч", "UNK_VAL", r"ма[·*\s]?ч|mah"),
    Unit("Мп", "UNK_VAL", r"мп(?:икс\w*)?|мегапикс\w*"),
    Unit("ден", "UNK_VAL", r"ден|den"),
    Unit("карат", "UNK_VAL", r"карат\w*|ct"),
    Unit("страница", "UNK_VAL", r"страниц\w*|стр|лист(?:а|ов)"),
    Unit("персона", "UNK_VAL", r"персон(?:а|ы)?|человек\w*|чел"),
    Unit("комната", "UNK_VAL", r"комнат\w*"),
    Unit("этаж", "UNK_VAL", r"этаж\w*"),
    Unit("скорость", "UNK_VAL", r"скорост\w*"),
)
MULTIPLIERS: dict[str, int] = {
    r"тыс(?:яч\w*)?|тыщ\w*|косар\w*|тр|тыр|т|к|k|thousand": 1_000,
    r"млн|миллион\w*|лям\w*|кк|kk|mln": 1_000_000,
    r"млрд|миллиард\w*": 1_000_000_000,
}

_END = r"(?![^\W\d_])"
_ANY_UNIT = re.compile(
    rf"(?:{'|'.join(f'(?P<u{index}>{unit.spellings})' for index, unit in enumerate(UNITS))}){_END}", re.IGNORECASE
)
_ANY_MULTIPLIER = re.compile(
    rf"(?:{'|'.join(f'(?P<m{index}>{spellings})' for index, spellings in enumerate(MULTIPLIERS))}){_END}", re.IGNORECASE
)
_FACTORS = tuple(MULTIPLIERS.values())
# What may be between a number and its unit: a space, the ending of an ordinal («2-х вещей», «46-го размера»).
_GAP = re.compile(r"(?:-?(?:го|ого|ый|ой|ей|й|х|ти|и|е)\b)?(?:[^\S\n]?|-)(?=\S)")
_CURRENCY_BEFORE = re.compile(
    r"([$€£¥₸₴₾₺₼₪₹₩฿]|(?<![^\W\d_])(?:usd|eur|euro|gbp|kzt|byn|cny))[^\S\n]?\Z", re.IGNORECASE
)
# A letter that is a multiplier only where nothing else can follow: «2 к 1», «46 т-образный».
_LONE_LETTER = re.compile(r"[ткk]\Z", re.IGNORECASE)
_AFTER_LONE_LETTER = re.compile(r"\.?[^\S\n]?(?:[,;!?)\n/–—-]|\.(?!\w)|р\b|руб|₽|\Z)|\.?[^\S\n]торг", re.IGNORECASE)


class Measure(NamedTuple):
    """What follows a number: the factor of its multiplier (1 without one), its unit, and where both end."""

    factor: int
    unit: Unit | None
    multiplier_end: int
    end: int


def match_measure(text: str, start: int) -> Measure:
    """Return the multiplier and the unit behind a number that ends at `start`."""
    factor, end = 1, start
    multiplier = _match_multiplier(text, start)
    if multiplier:
        factor, end = _FACTORS[int(str(multiplier.lastgroup)[1:])], multiplier.end()
    multiplier_end = end
    dot = 1 if multiplier and text[end : end + 1] == "." else 0
    found = match_unit(text, end + dot)
    return Measure(factor, found[0], multiplier_end, found[1]) if found else Measure(factor, None, end, end)


def match_unit(text: str, start: int) -> tuple[Unit, int] | None:
    """Return the unit behind a number that ends at `start`, and the end of the unit."""
    gap = _GAP.match(text, start)
    found = _ANY_UNIT.match(text, gap.end()) if gap else None
    return (UNITS[int(str(found.lastgroup)[1:])], found.end()) if found else None


def find_currency_before(text: str, start: int, end: int) -> tuple[int, Unit] | None:
    """Return the start of the currency that ends at `end`, and the currency: «$50», «EUR 60»."""
    sign = _CURRENCY_BEFORE.search(text, max(start, end - 5), end)
    unit = get_unit(sign[1]) if sign else None
    return (sign.start(), unit) if sign and unit else None


def get_unit(word: str) -> Unit | None:
    """Return the unit that a word is a spelling of («рублей» → ₽), or None."""
    found = _ANY_UNIT.fullmatch(word)
    return UNITS[int(str(found.lastgroup)[1:])] if found else None


def is_multiplier(word: str) -> bool:
    """Return True for «тыс», «к», «млн»."""
    return _ANY_MULTIPLIER.fullmatch(word) is not None


def _match_multiplier(text: str, start: int) -> re.Match[str] | None:
    found = _ANY_MULTIPLIER.match(text, start + text[start : start + 1].isspace())
    if found and found.start() > start and _LONE_LETTER.match(found[0]):
        return found if _AFTER_LONE_LETTER.match(text, found.end()) else None
    return found
