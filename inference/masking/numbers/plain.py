"""Write the numbers of a text in plain digits, without what the seller struck through."""

from __future__ import annotations

import re

from inference.masking.numbers.find import find_numbers
from inference.masking.numbers.shapes import ARROW, DIGIT, KEYCAP, ROUBLES, SPACE, simplify_digit

# What goes with a price that is struck through or crossed out by an arrow: its currency, and what leads to the next.
_AFTER_OLD = re.compile(rf"{ROUBLES}?(?:{ARROW})?[\s,;/]*", re.IGNORECASE)
_CROSSED_OUT = re.compile(rf"{ROUBLES}?{ARROW}", re.IGNORECASE)
_KEYCAPS = re.compile(rf"{DIGIT}{KEYCAP}(?:{SPACE}?{DIGIT}{KEYCAP})*")


def write_plainly(text: str) -> str:
    """Return the text with «5️⃣0️⃣0️⃣», «５００» and «➎⓪⓪» as «500», and without old prices that are crossed out.

    Old prices that words tell of («было 5000») stay, so do fractions and all other signs.
    """
    result = ""
    end = 0
    for number in find_numbers(text):
        if number.start < end:
            continue
        result += text[end : number.start]
        is_crossed_out = number.shape == "struck" or (number.amounts and _CROSSED_OUT.match(text, number.end))
        old = _AFTER_OLD.match(text, number.end) if is_crossed_out else None
        result += "" if old else _simplify(number.text)
        end = old.end() if old else number.end
    return result + text[end:]


def _simplify(number: str) -> str:
    number = _KEYCAPS.sub(lambda run: "".join(char for char in run[0] if re.match(DIGIT, char)), number)
    return "".join(map(simplify_digit, number))
