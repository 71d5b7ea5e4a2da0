"""Find contacts, links and offers of payment outside the marketplace, which marketplaces forbid in descriptions.

Phones are the numbers that masking takes for phones, and those in spellings that only hide one; all else is found by
regular expressions. Depending on the operator's setting, matches are warned of or erased.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from inference.errors import Message
from inference.masking import find_of_kind

ContactPolicy = Literal["off", "warn", "erase"]
Kind = Literal["phone", "link", "messenger", "payment"]

WARNINGS: Mapping[Kind, Message] = {
    "phone": Message("contact-phone"),
    "link": Message("contact-link"),
    "messenger": Message("contact-messenger"),
    "payment": Message("contact-payment"),
}

_HIDDEN_GAP = r"[\s.\-\ufe0f\u20e3]{1,4}"
_DOMAINS = "ru|su|рф|com|net|org|info|biz|me|io|by|kz|ua|uz|shop|store|online|site|club|pro|cc|ly|gl|app|top|xyz"
_MESSENGERS = (
    "телеграм\\w*|телегу|телеге|телега|тг|telegram|ватсап\\w*|вотсап\\w*|вацап\\w*|whats\\s?app|вайбер\\w*|viber"
    "|инст[аеуы]|инстаграм\\w*|instagram|директ|скайп\\w*|skype|вконтакте|вк|vk|одноклассник\\w*|мессенджер\\w*"
)
_CALLS = r"пиши(?:те)?|писать|пишем|звони(?:те)?|звонить|стучите|ищите|найд[её]те|подпис\w+|есть|на связи|отвечу|номер"
_PATTERNS: Mapping[Kind, re.Pattern[str]] = {
    # Each digit by itself, an area code in brackets, «т.», «мой номер», the letter «о» for a zero.
    "phone": re.compile(
        rf"(?<!\d)[78](?:{_HIDDEN_GAP}\d){{10}}(?!\d)|\(\d{{3,5}}\)\s?\d{{1,3}}-\d\d-\d\d(?!\d)"
        r"|\bт\.\s?\d{2,3}-\d\d-\d\d(?!\d)|\b(?:мой|по)\sномер\w*\W{0,3}\+?\d[\d\s()-]{8,14}\d"
        r"|(?:\+\s?7|(?<!\d)8)[\s(-]*9\d\d[\s)-]*(?=\w*[oо])(?:[\doо]{3}[\s-]?[\doо]{2}[\s-]?[\doо]{2})(?!\w)"
        r"|(?<![\d.,])8[\s(-]{1,2}7\d\d[\s)-]{1,2}\d{3}[\s-]\d\d[\s-]\d\d(?!\d)",
        re.IGNORECASE,
    ),
    "link": re.compile(
        rf"https?\s?:\s?//\S+|\bwww\.\S+|[\w.+-]+@[\w-]+\.\w{{2,}}|(?<![\w@.])(?:[\w-]{{2,}}\.)+(?:{_DOMAINS})(?:/\S*)?(?!\w)"
        rf"|\b\w{{2,}}\s?(?:\bточка\b|\(точка\)|\[точка\]|\bdot\b)\s?(?:ру|ком|ru|com|рф|me|ми)\b",
        re.IGNORECASE,
    ),
    "messenger": re.compile(
        rf"(?<![\w.])@[a-z]\w{{3,}}|\bник\s\w{{3,}}\s(?:в|на)\s(?:{_MESSENGERS})\b|\bt\s?\.\s?me\b|\b(?:{_CALLS})\s(?:(?:мне|лучше|сразу|только|нам)\s)?(?:в|на|во|по|через)?\s?"
        rf"(?:личку\s)?(?:{_MESSENGERS})\b|\b(?:{_MESSENGERS})\s?(?:[:@—–-]|по номеру|по тел|ник)\s?[\w@+]",
        re.IGNORECASE,
    ),
    "payment": re.compile(
        r"\bпредоплат[аеуыо]\w*|\b(?:перев[её]д\w*|перевод\w*|оплат\w+|скин\w+|кин\w+)\s"
        r"(?:\w+\s){0,2}(?:карт[уеы]|сбербанк\w*|сбер|тинькофф\w*|т-банк\w*|сбп|qiwi|киви|юмани|кошел[её]к)\b"
        r"|\b(?:\d{4}[ -]?){3}\d{4}\b|\b(?:usdt|биткоин\w*|bitcoin|криптовалют\w+|крипт[аоуеы]й?)\b"
        r"|\b(?:в обход|мимо|не через|без)\s(?:сайта|площадки|авито|комиссии\sсайта)\b",
        re.IGNORECASE,
    ),
}  # fmt: skip
_NO_PREPAYMENT = re.compile(
    r"(?:без|не\s\w+|никак\w+)\s(?:\w+\s)?предоплат\w*|предоплат\w+\s(?:не|нет)\b", re.IGNORECASE
)
_ABBREVIATIONS = r"(?:тел|моб|т|ул|м|г|р|руб|обл)\."
_CLAUSE = re.compile(rf"(?:\b{_ABBREVIATIONS}|\.(?!\s|$)|[^,;!?\n.])*[,;!?\n.]*\s*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Contact:
    """A forbidden span [start, end) of a text, in characters."""

    kind: Kind
    start: int
    end: int


def find(text: str) -> list[Contact]:
    """Return every forbidden span of a text, in text order."""
    allowed = [match.span() for match in _NO_PREPAYMENT.finditer(text)]
    contacts = [Contact(kind, *match.span()) for kind, pattern in _PATTERNS.items() for match in pattern.finditer(text)]
    contacts += [Contact("phone", number.start, number.end) for number in find_of_kind(text, "PHONE")]
    forbidden = [each for each in contacts if not any(each.start < end and start < each.end for start, end in allowed)]
    return sorted(forbidden, key=lambda contact: (contact.start, contact.end))


def list_warnings(text: str) -> list[Message]:
    """Return one message for each kind of forbidden span in a text."""
    return [WARNINGS[kind] for kind in dict.fromkeys(contact.kind for contact in find(text))]


def erase(text: str) -> str:
    """Return a text without the clauses that hold something forbidden; other texts are returned unchanged."""
    contacts = find(text)
    if not contacts:
        return text
    clauses = (clause for clause in _CLAUSE.finditer(text) if not any(_overlaps(each, clause) for each in contacts))
    return _end_sentence("".join(clause[0] for clause in clauses).strip())


def _overlaps(contact: Contact, clause: re.Match[str]) -> bool:
    return contact.start < clause.end() and clause.start() < contact.end


def _end_sentence(text: str) -> str:
    """End a text with a full stop where the clause behind its last comma was erased."""
    return text.rstrip(",;") + "." if text.endswith((",", ";")) else text
