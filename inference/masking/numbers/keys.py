"""Compare numbers by what they mean: all spellings of one value have one key."""

from __future__ import annotations

import math
import re
from typing import NamedTuple

from inference.masking.numbers.find import find_numbers
from inference.masking.numbers.numerals import read_numeral
from inference.masking.numbers.shapes import DASH, KEYCAP, SPACE, STRIKE, TIMES
from inference.masking.numbers.types import OUTSIDE, Number

_LOOK_ALIKES = str.maketrans("ХСМЛВАЕ", "XSMLBAE")
_SPELLED_BY_LETTERS = ("jeans", "latin", "loose", "code", "cup")


class Key(NamedTuple):
    """The value of a number.

    value: its amounts in plain digits, its letters, or its digits; equal for `5к`/`5 000`/«пять тысяч»,
    `30–32`/`30/32`, `XXL`/`2XL`, `8 900 …`/`+7 900 …`.
    unit: the name of the unit in its phrase; "" for none and for units that stay outside, such as roubles.
    """

    value: str
    unit: str = ""


def make_key(number: Number) -> Key:
    """Return the key of a number of a text."""
    unit = number.unit.name if number.unit and number.has_unit and number.unit.name not in OUTSIDE else ""
    if number.amounts and not math.isinf(sum(number.amounts)):
        return Key(("x" if number.shape == "sides" else "-").join(map(_format_amount, number.amounts)), unit)
    return Key(
        _normalize_letters(number.text) if number.shape in _SPELLED_BY_LETTERS else _normalize_digits(number.text)
    )


def parse_key(value: str) -> Key:
    """Return the key of a value that stands alone."""
    number = next(find_numbers(value), None)
    if number and number.end == len(value) and not re.search(r"[^\W_]", value[: number.start].replace("минус", "")):
        return make_key(number)
    if numeral := read_numeral(value):
        return Key(_format_amount(numeral))
    return Key(_normalize_letters(value) if re.search(r"[^\W\d_]", value) else _normalize_digits(value))


def split_number(number: str) -> list[str]:
    """Split a compound (`44-46`, `46 350`) into its parts, with the separators at odd indices."""
    return re.split(rf"({SPACE}+|{DASH}|,|{TIMES})", number)


def _format_amount(amount: float) -> str:
    return f"{amount:.0f}" if amount.is_integer() else f"{amount:.4f}".rstrip("0")


def _normalize_letters(text: str) -> str:
    text = re.sub(TIMES, "x", text).upper().translate(_LOOK_ALIKES)
    text = re.sub(r"[WL]\W?(?=\d)", " ", text)
    text = re.sub(r"X{2,}", lambda run: f"{len(run[0])}X", text)
    return "-".join(re.findall(r"\w+", text))


def _normalize_digits(text: str) -> str:
    """Return the digits of a phone, a date or a code; of a phone with the code of a country or 8 the last ten."""
    text = re.sub(rf"{KEYCAP}|{STRIKE}", "", text)
    digits = "".join(str(int(char)) if char.isdecimal() else char for char in text if char.isdigit())
    return digits[1:] if len(digits) == 11 and digits[0] in "78" else digits
