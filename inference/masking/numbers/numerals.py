"""Prices in words: «пятьсот рублей», «полторы тысячи», «отдам за две с половиной тысячи»."""

from __future__ import annotations

import re
from collections.abc import Iterator

from inference.masking.numbers.units import Unit, match_unit

# Spellings in every case, and the value that each adds to the words before it; a thousand and more multiplies them.
_NUMERALS: dict[str, float] = {
    r"од(?:ин|н\w{1,3})": 1,
    r"полтор[аы]|полутора": 1.5,
    r"с\sполовиной": 0.5,
    r"дв[аеу]|двух|пар[ауы]": 2,
    r"три|тр[её]х": 3,
    r"четыр(?:е|[её]х)": 4,
    r"пят[ьи]": 5,
    r"шест[ьи]": 6,
    r"сем[ьи]": 7,
    r"вос(?:емь|ьми)": 8,
    r"девят[ьи]": 9,
    r"десят[ьи]": 10,
    r"одиннадцат[ьи]": 11,
    r"двенадцат[ьи]": 12,
    r"тринадцат[ьи]": 13,
    r"четырнадцат[ьи]": 14,
    r"пятнадцат[ьи]": 15,
    r"шестнадцат[ьи]": 16,
    r"семнадцат[ьи]": 17,
    r"восемнадцат[ьи]": 18,
    r"девятнадцат[ьи]": 19,
    r"двадцат[ьи]": 20,
    r"тридцат[ьи]": 30,
    r"сорока?": 40,
    r"пят(?:ьдесят|идесяти)|полтинник\w?": 50,
    r"шест(?:ьдесят|идесяти)": 60,
    r"сем(?:ьдесят|идесяти)": 70,
    r"вос(?:емьдесят|ьмидесяти)": 80,
    r"девяност[оа]": 90,
    r"ст[оа]|сотн[яию]|сотен|сотк[аиу]|стольник\w?": 100,
    r"двести|двухсот": 200,
    r"триста|тр[её]хсот": 300,
    r"четыр(?:еста|[её]хсот)": 400,
    r"пят(?:ьсот|исот)|пятихатк\w": 500,
    r"шест(?:ьсот|исот)": 600,
    r"сем(?:ьсот|исот)": 700,
    r"вос(?:емьсот|ьмисот)": 800,
    r"девят(?:ьсот|исот)": 900,
    r"полу?тысячи": 500,
    r"полмиллиона": 500_000,
    r"тысяч\w*|тыс\.?|тыщ\w*|косар\w*": 1_000,
    r"миллион\w*|млн|лям\w*": 1_000_000,
}
_WORDS = {re.compile(pattern, re.IGNORECASE): value for pattern, value in _NUMERALS.items()}
_WORD = rf"(?:{'|'.join(_NUMERALS)})(?![\w-])"
# Behind digits or a token a word is their multiplier: «5 тыс. руб.»
_NUMERAL = re.compile(rf"(?<![\w>.-])(?<![\d>]\s){_WORD}(?:[^\S\n]+{_WORD})*", re.IGNORECASE)
_PRICE_BEFORE = re.compile(
    r"(?:\bцен\w*|\bценник|\bстоимост\w*|\bсто(?:ит|ят)|\bотда\w+|\bпрода\w+|\bпрош[ую]|\bхочу|\bторг|\bуступ\w+|\bза|\bпо"
    r"|\bдоставк\w*|\bскидк\w*|\bprice|\bсейчас|\bбыл[аои]?|\bстало)"
    r"[\s:—–-]{1,3}(?:(?:всего|ровно|лишь|только|около|примерно|за|от|до|по|цене|в)\s)*\Z",
    re.IGNORECASE,
)
_CHEAPEST = 50  # «за одну», «за две» count things
_MAX_DISTANCE = 40  # characters


def find_prices_in_words(text: str) -> Iterator[tuple[int, int, float, Unit | None]]:
    """Yield start, end, amount and currency of the prices that a text spells out; the currency belongs to the span.

    Words that count something else stay: «500 за одну», «две пары», «тысяча мелочей».
    """
    for numeral in _NUMERAL.finditer(text):
        amount = read_numeral(numeral[0])
        found = match_unit(text, numeral.end())
        if found and found[0].kind == "PRICE":
            yield numeral.start(), found[1], amount, found[0]
        elif not found and amount >= _CHEAPEST:
            before = text[max(0, numeral.start() - _MAX_DISTANCE) : numeral.start()]
            if _PRICE_BEFORE.search(before):
                yield *numeral.span(), amount, None


def read_numeral(words: str) -> float:
    """Return the value of a numeral in words: «две с половиной тысячи» → 2500."""
    total = pending = 0.0
    for word in re.findall(_WORD, words, re.IGNORECASE):
        value = next(value for pattern, value in _WORDS.items() if pattern.fullmatch(word))
        if value == 100 and pending and word[:3].lower() == "сот":
            pending *= value
        elif value >= 1_000 and value != 500_000:
            total += (pending or 1) * value
            pending = 0.0
        else:
            pending += value
    return total + pending
