"""The shapes of numbers as patterns: amounts, phones, sizes, codes, dates, offers and struck-through prices."""

from __future__ import annotations

import re
import unicodedata

TOKEN = re.compile(r"<[A-Z_0-9]+>")
TIME = re.compile(r"\d?\d:[0-5]\d(?!\d)")

# `\d` matches the decimal digits of every script; these are the other digits, fractions and Roman numerals.
_NOT_DECIMAL = (
    "²³¹¼-¾፩-፼᧚⁰⁴-⁹₀-₉⅐-\u218b①-⒛⓪-⓿❶-➓"
    "\U00010a40-\U00010a48\U00010e60-\U00010e7e\U00011052-\U00011065\U0001f100-\U0001f10c"
)
DIGIT = rf"[\d{_NOT_DECIMAL}]"
SPACE = "[ \u00a0\u2000-\u200a\u202f\u205f\u3000]"
DASH = "[-‐‑‒–—−/]"
TIMES = "[xхXХ×*✕✖]"
STRIKE = "[\u0334-\u0338]"
ROUBLES = r"(?:[^\S\n]?(?:руб\w*|р|₽)(?!\w)\.?)"
ARROW = rf"{SPACE}?[-=—–]*(?:>|→|➡\ufe0f?|⇒|➔|⟶)"  # from an old price to the one asked
KEYCAP = "\ufe0f?\u20e3\ufe0f?"

# Amounts: «1'500», «12 000,50», «5️⃣0️⃣», «38 2/3», «2 с половиной».
_THOUSANDS = rf"(?:{SPACE}|['’ʼ‘`´_·.])"
_GROUPED = rf"{DIGIT}{{1,3}}(?:{_THOUSANDS}{DIGIT}{{3}})+(?!{DIGIT}|{STRIKE})(?:[.,]{DIGIT}{{1,2}}(?!{DIGIT}))?"
PLAIN = rf"{DIGIT}+(?:[.,:]{DIGIT}+)*"
_PART = rf"(?:(?:{SPACE}и)?{SPACE}(?:[1-9]/[2-9](?!\d)|[¼-¾⅐-⅞])|{SPACE}с{SPACE}половиной(?!\w))"
AMOUNT = rf"(?:(?:{DIGIT}{KEYCAP}{SPACE}?)*{DIGIT}{KEYCAP}|{_GROUPED}|{PLAIN}{_PART}?)"

_PHONE_GAP = rf"(?:[()/–.-]|{SPACE}){{0,4}}"
_PHONE = "|".join(
    (
        # With the code of a country, or 8 and the code of a place: 10 to 12 digits more, in any pieces.
        rf"\+{SPACE}?[1-9]{_PHONE_GAP}(?:\d{_PHONE_GAP}){{9,11}}\d",
        rf"(?<![\d+.,])[78](?={SPACE}?[(./-]?{SPACE}?[3489]\d\d){_PHONE_GAP}(?:\d{_PHONE_GAP}){{9}}\d",
        # A mobile phone without its first digit: «903 123 45 67», «(903)1234567».
        rf"(?<![\d+])(?:\(9\d\d\){SPACE}?|9\d\d[ -])\d{{3}}[ -]?\d\d[ -]?\d\d",
    )
)
_JEANS = rf"(?<!\w)[Ww]{SPACE}?\d\d(?:(?:[/,x-]|{SPACE})*[Ll]{SPACE}?\d\d)?(?!\w)"
_LATIN = r"(?:[2-9]?X{1,4}[SL]|[2-9][SL]|[SML])"
_LOOSE = r"(?:[2-9]?[xхXХ]{1,4}[sсlлSСLЛ]|[smlмлSMLСМЛ])"
# «H&M», «L'Oreal», «S.Oliver» and «S-образный» contain no size, «р.L» does.
_OPEN = r"(?<![\w&'’])(?<!& )(?:(?<!\.)|(?<=р\.)|(?<=разм\.))"
_CLOSE = r"(?![\w'’]| ?&|\.\w|\. Oliver|-[^\W\d_]{2})"
_CUP = (
    r"(?<![\w.,])(?:[6-9][05]|1[01][05])(?:(?:[A-HАВСЕ]{1,2}(?:/[A-H])?|[a-fвс])(?!\w)"
    rf"|{SPACE}[A-HВС](?=[,;)/\n]|\.?\Z))"
)

_SIZE_PREFIX = r"(?:eur?|us|uk|rus?|it|fr|int|size|no|[rp]|x+[sl]|art)"
_CODE = (
    rf"(?<![\w.])(?:(?!{_SIZE_PREFIX}-?\d)[A-Za-z]+(?:-[A-Za-z]+)?-?|\d+(?!x\d)[A-Za-z]{{1,4}})"
    r"\d[\dA-Za-z]*(?:-[\dA-Za-z]+)*(?!\w)|(?<![\w.,])\d{2,4}(?-i:[ABCDEFHPRTUZ])(?!\w)"
)
_DATE = r"(?<![\d.,])\d\d?\.\d\d?\.(?:\d\d){1,2}(?![\d.]\d|\d)"
_SERIES = r"(?<!\d)(?:\d{4}[ -]){3}\d{4}(?!\d)|(?<![\d.,])\d+(?:[-‐–]\d+){2,}(?![.,]?\d)"
_FEET = (
    rf"(?<![\d'’])[3-7](?:{SPACE}?['’′]{SPACE}?\d{{1,2}}(?:[\"”″]|'')?(?!\d)"
    rf"|{SPACE}?(?:фут\w*|ft){SPACE}\d{{1,2}}{SPACE}?(?:дюйм\w*|in))"
)
_OFFER = rf"(?<![\d,.])\d\d?{SPACE}по{SPACE}цене{SPACE}\d\d?(?!\d)|(?<!\d)\d\+\d(?:{SPACE}?={SPACE}?\d)?(?!\d)"
_SETS = rf"(?<![\d,.])\d{SPACE}(?:в|из){SPACE}\d(?![\d:/-]|[.,]\d)"
_STRUCK = "|".join(
    (
        rf"(?<=[\s:(]){STRIKE}(?:[^\s<]{STRIKE})*{DIGIT}(?!{STRIKE})",
        rf"(?=(?:[^\n<]{STRIKE}){{0,60}}{DIGIT}{STRIKE})[^\s<]{STRIKE}(?:[^\n<]{STRIKE})*",
        r"~{1,2}(?=[^\s~])[^~\n<]{0,20}\d[^~\n<]{0,20}(?<=\S)~{1,2}(?!\d)",
        r"<(?:s|del|strike)>[^<\n]{0,20}\d[^<\n]{0,20}</(?:s|del|strike)>",
    )
)

NUMBER = re.compile(
    rf"(?P<token>{TOKEN.pattern})"
    rf"|(?P<struck>{_STRUCK})"
    rf"|(?P<offer>{_OFFER}|{_SETS})"
    rf"|(?P<feet>{_FEET})"
    rf"|(?P<phone>(?:{_PHONE})(?!\d))"
    rf"|(?P<jeans>{_JEANS})"
    rf"|(?P<cup>{_CUP})"
    rf"|(?P<code>(?i:{_CODE}))"
    rf"|(?P<latin>{_OPEN}{_LATIN}(?:{DASH}{_LATIN})*{_CLOSE})"
    rf"|(?P<loose>{_OPEN}{_LOOSE}(?:{DASH}{_LOOSE})*{_CLOSE})"
    rf"|(?P<date>{_DATE})"
    rf"|(?P<series>{_SERIES})"
    rf"|(?P<amount>{AMOUNT})"
)


def read_amount(amount: str) -> float:
    """Return the value of an amount in any spelling: «1'500», «12 000,50», «5️⃣0️⃣», «38 2/3».

    Of several numbers with dots or colons («18:00», «1.2.3») the first counts.
    """
    amount = re.sub(rf"(?<=\u20e3)\ufe0f?{SPACE}|\ufe0f|\u20e3|{STRIKE}", "", amount)
    amount = "".join(map(simplify_digit, amount))
    pieces = re.findall(rf"[1-9]/[2-9]|[¼-¾⅐-⅞]|\d(?:[\d.,]|{_THOUSANDS}(?=\d{{3}}))*", amount)
    parts = [int(piece[0]) / int(piece[2]) for piece in pieces[1:] if "/" in piece]
    parts += [unicodedata.numeric(piece) for piece in pieces if not piece[0].isdecimal()]
    return _read_decimal(pieces[0] if pieces else amount) + sum(parts) + 0.5 * ("половиной" in amount)


def _read_decimal(digits: str) -> float:
    if re.fullmatch(rf"\d{{1,3}}(?:{_THOUSANDS}\d{{3}})+(?:[.,]\d{{1,2}})?", digits):
        digits = re.sub(rf"{_THOUSANDS}(?=\d{{3}}(?!\d))", "", digits)
    decimal = re.match(r"\d+(?:[.,]\d+)?", digits)
    return float(decimal[0].replace(",", ".")) if decimal else 0.0


def simplify_digit(char: str) -> str:
    """Return the ASCII digit of a character that shows one («５», «❺», «⁵»); any other character, also «²», stays."""
    digit = unicodedata.digit(char, None)
    return char if digit is None or char in "²³¹" else str(digit)
