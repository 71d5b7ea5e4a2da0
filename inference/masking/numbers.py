"""Find the numbers of an ad, and normalize their spellings for comparison."""

from __future__ import annotations

import re
from collections.abc import Iterator

TOKEN = re.compile(r"<[A-Z_0-9]+>")

# `\d` matches the decimal digits of every script; these are the other digits, fractions and Roman numerals.
_NOT_DECIMAL = (
    "²³¹¼-¾፩-፼᧚⁰⁴-⁹₀-₉⅐-\u218b①-⒛⓪-⓿❶-➓"
    "\U00010a40-\U00010a48\U00010e60-\U00010e7e\U00011052-\U00011065\U0001f100-\U0001f10c"
)
DIGIT = rf"[\d{_NOT_DECIMAL}]"
_SPACE = "[ \u00a0\u202f\u2009]"
_DASH = "[-‐‑‒–—−/]"
_TIMES = "[xх×*]"
_PLAIN = rf"{DIGIT}+(?:[.,:]{DIGIT}+)*"
_GROUPED = rf"{DIGIT}{{1,3}}(?:{_SPACE}{DIGIT}{{3}})+(?!{DIGIT})(?:[.,]{DIGIT}{{1,2}}(?!{DIGIT}))?"
_PHONE_GAP = rf"(?:[()–-]|{_SPACE})*"
_PHONE = rf"(?:\+{_SPACE}?\d{{1,3}}|(?<!\d)[78]){_PHONE_GAP}\d{{2,3}}{_PHONE_GAP}\d{{3}}" + rf"{_PHONE_GAP}\d\d" * 2
_JEANS = rf"(?<!\w)[Ww]{_SPACE}?\d\d(?:(?:[/,x-]|{_SPACE})*[Ll]{_SPACE}?\d\d)?(?!\w)"
_LATIN = r"(?:[2-9]?X{1,4}[SL]|[2-9][SL]|[SML])"
_LOOSE = r"(?:[2-9]?[xхXХ]{1,4}[sсlлSСLЛ]|[smlмлSMLСМЛ])"
# «H&M», «L'Oreal», «S.Oliver» and «S-образный» contain no size.
_OPEN = r"(?<![\w&'’.])(?<!& )"
_CLOSE = r"(?![\w'’]| ?&|\.\w|\. Oliver|-[^\W\d_]{2})"

_NUMBER = re.compile(
    rf"(?P<token>{TOKEN.pattern})"
    rf"|(?P<phone>{_PHONE}(?!\d))"
    rf"|(?P<jeans>{_JEANS})"
    rf"|(?P<latin>{_OPEN}{_LATIN}(?:{_DASH}{_LATIN})*{_CLOSE})"
    rf"|(?P<loose>{_OPEN}{_LOOSE}(?:{_DASH}{_LOOSE})*{_CLOSE})"
    rf"|(?P<grouped>{_GROUPED}(?:{_DASH}{_GROUPED})*)"
    rf"|(?P<plain>{_PLAIN}(?:(?:{_DASH}|{_TIMES}){_PLAIN})*)"
)
_PLAIN_ONLY = re.compile(rf"{_PLAIN}(?:{_DASH}{_PLAIN})*")
# The word «размер», followed by nothing but sizes.
_SIZE_BEFORE = re.compile(
    r"(?:\bразмер\w*|\bр-ре?\w?|\bр\.|\bsize)(?:[^\w<>\n]|\d|\b[XSMLХСМЛ]+\b|<SIZE(?:_\d+)?>)*\Z", re.IGNORECASE
)
_SIZE_AFTER = re.compile(r"\W{0,2}(?:размер\w*|р-р\w*)\b", re.IGNORECASE)
_MAX_DISTANCE = 40  # characters
_LOOK_ALIKES = str.maketrans("ХСМЛ", "XSML")


def find_numbers(text: str) -> Iterator[re.Match[str]]:
    """Yield the numbers of the text from left to right; `lastgroup` names the pattern that matched.

    A number is one value: digits with separators, a range, a phone, a Latin clothes size, or a literal
    `<TOKEN>`. Ambiguous letters (`м`, `xl`, Cyrillic `М`) count only beside the word «размер» or a digit.
    """
    position = 0
    while number := _NUMBER.search(text, position):
        if number.lastgroup == "grouped" and _follows_size(text, number):
            number = _PLAIN_ONLY.match(text, number.start()) or number
        if number.lastgroup != "loose" or _is_size(text, number):
            yield number
        position = number.end()


def _follows_size(text: str, number: re.Match[str]) -> bool:
    return _SIZE_BEFORE.search(text, max(0, number.start() - _MAX_DISTANCE), number.start()) is not None


def _is_size(text: str, number: re.Match[str]) -> bool:
    is_preposition = number[0] == "С" and re.match(r"\s+\w", text[number.end() : number.end() + 3]) is not None
    context = re.match(DIGIT, number[0]) or _SIZE_AFTER.match(text, number.end()) or _follows_size(text, number)
    return bool(context) and not is_preposition


def normalize_number(number: str) -> str:
    """Return the same string for all spellings of a number: `5 000`/`5000`, `20,0`/`20`, `30–32`/`30/32`, `XXL`/`2XL`.

    A phone is reduced to its last ten digits. The parts of a range are normalized and joined with `-`.
    """
    number = re.sub(_TIMES, "x", number)
    if re.search(r"[^\W\d_]", number):
        return _normalize_letters(number)
    number = re.sub(_SPACE, "", number)
    digits = re.sub(r"\D", "", number)
    if len(digits) == 11 and digits[0] in "78":
        return digits[1:]
    return "-".join(_normalize_plain(part) for part in re.split(_DASH, number) if part)


def _normalize_letters(number: str) -> str:
    number = number.upper().translate(_LOOK_ALIKES)
    number = re.sub(r"[WL]\W?(?=\d)", " ", number)
    number = re.sub(r"X{2,}", lambda run: f"{len(run[0])}X", number)
    return "-".join(re.findall(r"\w+", number))


def _normalize_plain(number: str) -> str:
    number = "".join(str(int(char)) if char.isdecimal() else char for char in number).replace(",", ".")
    if re.fullmatch(r"[1-9]\d{0,2}(?:\.\d{3})+", number):
        return number.replace(".", "")
    return number.rstrip("0").rstrip(".") if number.count(".") == 1 else number


def split_number(number: str) -> list[str]:
    """Split a compound (`44-46`, `46 350`) into its parts, with the separators at odd indices."""
    return re.split(rf"({_SPACE}+|{_DASH}|,|{_TIMES})", number)
