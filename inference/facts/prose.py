"""Tidy a seller's free text into sentences; every word and number stays."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from inference.facts.compose import capitalize
from inference.facts.lexicon import WORD, fold
from inference.masking import write_plainly
from inference.masking.morphology import is_dictionary_word

_TAG: Final = re.compile(r"</?[a-z][^<>]{0,40}>", re.IGNORECASE)
# Pictures, dingbats and signs of decoration; letters, digits, currencies and punctuation are none of them.
_PICTURE: Final = re.compile(
    "[\u2190-\u21ff\u2300-\u2bff\u2e3a-\u2e3b\u3030\ufe00-\ufe0f\u200d\U0001f000-\U0001faff\u2800]+"
)
_EDGES: Final = " \t,;:-–—=_*•·~|#^/\\"
_REPEATED: Final = (
    (re.compile(r"!{2,}"), "!"),
    (re.compile(r"\?{2,}"), "?"),
    (re.compile(r"[!?]*\?[!?]*!+[!?]*|[!?]*!+[!?]*\?[!?]*"), "?!"),
    (re.compile(r"\.{3,}"), "…"),
    (re.compile(r"([,;])(?:\s*[,;])+"), r"\1"),
    (re.compile(r"(?<=[!?:…—])\s*[,;]|[,;](?=\s*[.!?:…—])"), ""),
    (re.compile(r"(?<=\s)[-–—=_*•~|]{2,}(?=\s)"), "—"),
    (re.compile(r"\s+([,.;!?…])"), r"\1"),
    (re.compile(r"(?<=[а-яё])([,;!?])(?=[А-ЯЁа-яё])"), r"\1 "),
    (re.compile(r"\s{2,}"), " "),
)
_ABBREVIATIONS: Final = tuple(
    (re.compile(pattern, re.IGNORECASE), full)
    for pattern, full in (
        (r"\bр-р\b\.?", "размер"),
        (r"\bразм\.\s*", "размер "),
        (r"\bр\.\s*(?=[xsml]{1,4}\b|\d{2}\b)", "размер "),
        (r"\bдл\.\s*(?=рук)", "длинный "),
        (r"\bкор\.\s*(?=рук)", "короткий "),
        (r"\bрук\.\s*(?=[а-яё])", "рукав "),
        (r"\bсост\.\s*", "состояние "),
        (r"\bхор\.\s*(?=сост)", "хорошее "),
        (r"\bотл\.\s*(?=сост)|(?<=состояние )отл\.\s*", "отличное "),
    )
)
_DISCOUNT: Final = re.compile(r"\s*([-–—−])(?=\d+\s?%)")  # its sign is none of decoration
_ENDS: Final = (".", "!", "?", "…")
_SENTENCE_START: Final = re.compile(r"(?:(?<=[.!?…]\s)|^)([a-zа-яё])")
# A full stop behind these shortens a word; the sentence goes on.
_SHORT: Final = re.compile(
    r"\b(?:[а-яё]{1,2}|ул|пер|пр|тел|руб|тыс|шт|разм|арт|доп|год|мес|см|жен|муж)\.\s$", re.IGNORECASE
)


def tidy_text(text: str) -> str:
    """Return free text as sentences: no decoration, known abbreviations spelled out, capitals where sentences begin."""
    return " ".join(end_sentence(line) for line in _tidy_lines(text))


def tidy_value(value: str) -> str:
    """Return the value of a field without decoration, and without what the seller struck through."""
    value = _PICTURE.sub(" ", write_plainly(value))
    return " ".join(_TAG.sub(" ", value).split()).strip(" ,;")


def end_sentence(text: str) -> str:
    """Return the sentence with a full stop, unless it ends by itself."""
    return text if text.endswith(_ENDS) else f"{text}."


def _tidy_lines(text: str) -> Iterator[str]:
    for raw in text.splitlines():
        line = _TAG.sub(" ", _PICTURE.sub(", ", write_plainly(raw)))
        for pattern, full in (*_ABBREVIATIONS, *_REPEATED):
            line = pattern.sub(full, line)
        sign = _DISCOUNT.match(line)
        line = (sign[1] if sign else "") + _calm(line.strip(_EDGES).lstrip(".!?… "))
        if WORD.search(line) or re.search(r"\d", line):
            yield _capitalize_sentences(line)


def _calm(line: str) -> str:
    """Return a line that is written in capital letters in small ones; short words, as of brands, stay."""
    letters = [char for char in line if char.isalpha()]
    if len(letters) < 12 or sum(char.isupper() for char in letters) < 0.7 * len(letters):
        return line
    return WORD.sub(lambda word: word[0].lower() if _is_plain(word[0]) else word[0], line)


def _is_plain(word: str) -> bool:
    """Return True for an ordinary Russian word; a short one that no dictionary holds may be an abbreviation."""
    return not word.isascii() and (len(word) > 3 or is_dictionary_word(word))


def _capitalize_sentences(line: str) -> str:
    def raise_letter(start: re.Match[str]) -> str:
        return start[0] if _SHORT.search(line[: start.start()]) else start[0].upper()

    return capitalize(_SENTENCE_START.sub(raise_letter, line))


_GREETING: Final = frozenset(
    [
        "привет",
        "приветствую",
        "здравствуйте",
        "здравствуй",
        "добрый",
        "доброе",
        "день",
        "вечер",
        "утро",
        "доброго",
        "времени",
        "суток",
        "хай",
        "салют",
        "алло",
        "как",
        "дела",
        "ты",
        "вы",
        "бот",
        "есть",
        "кто",
        "тут",
        "здесь",
        "помоги",
        "помогите",
        "пожалуйста",
        "спасибо",
        "ок",
        "окей",
        "да",
        "нет",
        "тест",
        "проверка",
        "старт",
        "hello",
        "hi",
        "hey",
        "start",
        "test",
        "ok",
    ]
)


def is_greeting(text: str) -> bool:
    """Return True for a text that only greets, thanks or tests: it describes nothing that could be sold."""
    return not re.search(r"\d", text) and all(fold(word) in _GREETING for word in WORD.findall(text))
