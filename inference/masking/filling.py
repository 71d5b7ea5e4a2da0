"""From the draft that a model wrote to the text that a seller reads: no number that the input did not hold."""

from __future__ import annotations

import re
from collections.abc import Mapping

from inference.listing import Numbers
from inference.masking.kinds import label_of, unit_of
from inference.masking.numbers import DIGIT, find
from inference.masking.tokens import mask_against

_GAP = "\ue000"
_HANGING = frozenset(
    "за от до по на в с из около примерно всего лишь только при покупка покупке сейчас где-то приблизительно"
    " около ровно не более менее больше меньше это составляет составит равна равен прошу отдам продам модель".split()
)
_WORD_BEFORE = re.compile(r"(?<![\w-])([^\W\d_]+(?:-[^\W\d_]+)*)\.?[\s:—–\-+~≈=№$€₽]*$")
_GLUED_BEFORE = re.compile(r"(?<!\w)[^\W\d_]{1,2}$")
_JOINERS_BEFORE = re.compile(r"[\s:—–\-+~≈=№$€₽/]*$")
_UNIT_AFTER = re.compile(r"-?[^\S\n]*(%|[₽$€]|[^\W\d_]+(?:-[^\W\d_]+)*)\.?")


def fill(draft: str, values: Mapping[str, str], numbers: Numbers = "values") -> str:
    """Give the tokens of a draft their values back (or `__` with "blanks") and erase every other number.

    An unknown token, and a digit or a Latin size that the input did not hold, goes together with the words
    that hang on it. Every group of digits in the result is a group of digits of some value; with "blanks"
    there is no digit at all.
    """
    text = mask_against(draft.replace(_GAP, ""), values)
    text = _tidy(_erase_unknown(text, values))
    pieces: list[str] = []
    end = 0
    for token in find(text):
        pieces += text[end : token.start()], "__" if numbers == "blanks" else values[token[0]]
        end = token.end()
    return _joined([*pieces, text[end:]])


def _joined(pieces: list[str]) -> str:
    """Concatenate, but never let the digits of two pieces run into one number."""
    text = ""
    for piece in pieces:
        both = re.search(rf"{DIGIT}$", text) and re.match(DIGIT, piece)
        text += f" {piece}" if both else piece
    return text


def _erase_unknown(text: str, values: Mapping[str, str]) -> str:
    done = ""
    end = 0
    for number in list(find(text)):
        if number.start() < end:
            continue
        done += text[end : number.start()]
        if number[0] in values:
            done, end = done + number[0], number.end()
        else:
            done, end = _without_words_before(done) + _GAP, _end_of_unit(text, number.end())
    return done + text[end:]


def _without_words_before(text: str) -> str:
    text = _GLUED_BEFORE.sub("", text)
    while word := _WORD_BEFORE.search(text):
        if word[1].lower() not in _HANGING and not label_of(word[1]):
            break
        text = text[: word.start()]
    return _JOINERS_BEFORE.sub(" ", text)


def _end_of_unit(text: str, start: int) -> int:
    while unit := _UNIT_AFTER.match(text, start):
        glued = unit.start(1) == start
        if not glued and not unit_of(unit[1]):
            break
        last_of_sentence = unit[0].endswith(".") and re.match(r"\s*(?:[А-ЯЁA-Z]|$)", text[unit.end() :])
        start = unit.end() - bool(last_of_sentence)
        if last_of_sentence:
            break
    return start


def _tidy(text: str) -> str:
    text = re.sub(rf"{_GAP}[ \t]*[—–-]*[ \t]*(?:{_GAP}[ \t]*[—–-]*[ \t]*)*", _GAP, text)
    text = re.sub(rf"\([\s,;:{_GAP}]*\)", _GAP, text)
    text = re.sub(rf"\([\s,;:]*{_GAP}[\s,;:]*", "(", text)
    text = re.sub(
        rf"(^|[.!?…\n])(\s*)(?:{_GAP}[\s,;:.!?—–-]*(?:(?:и|а|но|или|также) )?)+(.?)",
        lambda found: found[1] + found[2] + found[3].upper(),
        text,
    )
    text = re.sub(rf"\s*,?\s*(?:\b(?:и|или)\b)?\s*{_GAP}\s*(?=[,.;:!?)…\n]|$)", "", text)
    text = text.replace(_GAP, " ")
    text = re.sub(r"[ \t]{2,}", " ", text)
    return re.sub(r"[ \t]+(?=[,.;:!?)])", "", text).strip()
