"""Find the numbers of an ad from left to right."""

from __future__ import annotations

import re
from collections.abc import Iterator

from inference.masking.numbers.numerals import find_prices_in_words
from inference.masking.numbers.phrases import add_full_stop, read_phrase
from inference.masking.numbers.shapes import DIGIT, NUMBER, SPACE
from inference.masking.numbers.types import OUTSIDE, Number
from inference.masking.numbers.units import Unit, match_measure

# The word «размер», followed by nothing but sizes.
_SIZE_BEFORE = re.compile(
    r"(?:\bразмер\w*|\bр-ре?\w?|\bр\.|\bsize)(?:[^\w<>\n]|\d|\b[XSMLХСМЛ]+\b|<SIZE(?:_\d+)?>)*\Z", re.IGNORECASE
)
_SIZE_AFTER = re.compile(r"\W{0,2}(?:размер\w*|р-р\w*)\b", re.IGNORECASE)
_PHONE_BEFORE = re.compile(
    r"(?<!\w)(?:тел(?:ефон\w*)?|моб(?:ильн\w*)?|номер\sтел\w*|звон\w+|ватсап\w*|вотсап\w*|whats\s?app|вайбер\w*|viber|phone)"
    r"[.:№+\s—–-]{1,4}\Z",
    re.IGNORECASE,
)
_LOCAL_PHONE = re.compile(r"\(?\d(?:[ ().-]{0,2}\d){4,14}(?![.,]?\d)")
_SUM_OR_TIME = re.compile(rf"\d\d?{SPACE}\d{{3}}|\d\d?[.:]\d\d(?!\d).*")
_MAX_DISTANCE = 40  # characters


def find_numbers(text: str) -> Iterator[Number]:
    """Yield the numbers of a text from left to right.

    A number is one value: an amount with its multiplier and unit, a range, sides, a phone, a Latin clothes size, a
    price in words, or a literal `<TOKEN>`. Roubles and centimetres stay outside. Ambiguous letters (`м`, `xl`, Cyrillic
    `М`) count only beside the word «размер» or a digit.
    """
    in_words = [_read_words(text, *words) for words in find_prices_in_words(text)]
    position = 0
    while match := NUMBER.search(text, position):
        number = _read_number(text, match, position)
        while in_words and in_words[0].start < (number.start if number else match.start()):
            words = in_words.pop(0)
            if words.start >= position:
                yield words
                position = words.end
        if number and number.start >= position:
            yield number
        position = max(position, number.end if number else match.end())
    yield from (words for words in in_words if words.start >= position)


def _read_words(text: str, start: int, end: int, amount: float, currency: Unit | None) -> Number:
    end = add_full_stop(text, start, end)
    return Number(start, end, text[start:end], "words", (amount,), currency, has_unit=currency is not None)


def _read_number(text: str, match: re.Match[str], floor: int) -> Number | None:
    """Return the number that a match begins, or None for letters that are no size; it starts at `floor` or later."""
    shape = str(match.lastgroup)
    if shape == "amount":
        return _read_local_phone(text, match.start(), floor) or read_phrase(text, match.start(), floor)
    if shape == "series":
        return _read_series(text, match)
    if shape == "loose" and not _is_size(text, match):
        return None
    return Number(match.start(), match.end(), match[0], shape)


def _read_local_phone(text: str, start: int, floor: int) -> Number | None:
    """Read the pieces of a phone behind a word that announces one: «тел. 345 67 89»."""
    floor = max(floor, start - _MAX_DISTANCE)
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
