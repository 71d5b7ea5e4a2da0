"""Erase numbers that the input does not hold from a draft, together with the words that depend on them."""

from __future__ import annotations

import re
from collections.abc import Mapping

from inference.masking import words
from inference.masking.morphology import agrees_with, get_part_of_speech, lemmatize
from inference.masking.numbers import find_numbers

GAP = "\ue000"

_WORD = r"[^\W\d_]+(?:-[^\W\d_]+)*"
_JOINERS = r"(?:[^\S\n]|[:—–\-+~≈=№$€₽/])*"
_SHORT = r"арт|art|р|р-р|разм|тел|дл|шир|выс|внутр|обхв|ог|об|от|кол|ок|прим"
_GLUED_BEFORE = re.compile(r"(?<!\w)[^\W\d_]{1,2}\Z")
_LAST_WORD = re.compile(rf"(?<![\w-])(?:({_WORD})|(?i:({_SHORT}))\.){_JOINERS}\Z")
_NEXT_WORD = re.compile(rf"[+°%-]*[^\S\n]*(%|[₽$€]|{_WORD})\.?(?P<next_number>[\s:№—–-]{{0,3}}<)?")
_ASIDE = re.compile(r"[^\S\n]*(?:\([^()<\n]{0,24}\)|(?:за(?:\s+[а-яё]+){1,3}|вместе)(?=\s*(?:[,.;!?)\n]|$)))")
_CLAUSE = re.compile(rf"[^,.;:!?…()\n<>—–{GAP}]*\Z")
_CLAUSE_ENDS = re.compile(r"\s*(?:[,.;:!?…)\n]|$)")
_SENTENCE_ENDS = re.compile(r"\s*(?:[А-ЯЁA-Z]|$)")
# Longer than any phrase before a number, and short enough that a draft of only numbers takes linear time.
_MAX_PHRASE = 200  # characters
# «куплено в», «носили», «по приятной» mean nothing without their number.
_FUNCTION_WORDS = frozenset({"VERB", "INFN", "PRTS", "PREP", "CONJ", "PRCL", "NPRO"})


def erase_unknown_numbers(text: str, values: Mapping[str, str]) -> str:
    """Return the text with a GAP for each number that is no token of `values` and the words that depend on it."""
    numbers = list(find_numbers(text))
    result = ""
    end = 0
    limits = [*(number.start for number in numbers[1:]), len(text)]
    for number, limit in zip(numbers, limits, strict=False):
        result += text[end : number.start]
        end = number.end
        if number.text in values:
            result += number.text
        else:
            end = _find_end_of_unit(text, end, limit)
            ends_clause = _CLAUSE_ENDS.match(text, end) is not None
            result = result[:-_MAX_PHRASE] + _strip_words_before(result[-_MAX_PHRASE:], ends_clause) + GAP
    return result + text[end:]


def _find_end_of_unit(text: str, end: int, limit: int) -> int:
    """Return the end of the unit of an erased number and of an aside («(до года)», «за комплект»), at most `limit`."""
    if (
        (text[end - 1].isalpha() or text[end - 1] == ">")
        and text[end : end + 1] == "."
        and not _SENTENCE_ENDS.match(text, end + 1)
    ):
        end += 1
    while (word := _NEXT_WORD.match(text, end)) and word.end(1) <= limit:
        glued = word.start(1) == end or text[end] == "-"
        if not glued and not _is_unit(word):
            break
        end = word.end(1)
        if text[end : end + 1] == "." and not _SENTENCE_ENDS.match(text, end + 1):
            end += 1
    if text[end : end + 1] in ("-", "–", "/", "+", "%", "°"):
        end += 1
    aside = _ASIDE.match(text, end)
    return aside.end() if aside and aside.end() <= limit else end


def _is_unit(word: re.Match[str]) -> bool:
    """Return True when the word belongs to the number before it; in «рост 164 размер <SIZE>» «размер» does not."""
    kind = words.get_unit_kind(word[1])
    return kind is not None and not (kind in ("SIZE", "HEIGHT") and word["next_number"])


def _strip_words_before(text: str, ends_clause: bool) -> str:
    text = _GLUED_BEFORE.sub("", text)
    erased = ""
    while (word := _LAST_WORD.search(text)) and (_is_dependent(word[1] or word[2]) or _qualifies(text, word, erased)):
        text = text[: word.start()]
        erased = word[1] or word[2]
    text = re.sub(rf"{_JOINERS}\Z", " ", text)
    return _strip_empty_clause(text) if ends_clause else text


def _is_dependent(word: str) -> bool:
    kind = words.get_label_kind(word)
    return (kind is not None and kind != "PERCENT") or not words.DEPENDENT.isdisjoint(lemmatize(word))


def _qualifies(text: str, word: re.Match[str], erased: str) -> bool:
    """Return True for an adjective that only the erased noun needs: «по доступной цене», «Приятная цена»."""
    before = _CLAUSE.search(text[: word.start()])
    is_alone = before is not None and all(
        get_part_of_speech(each) in _FUNCTION_WORDS for each in before[0].split()[-1:]
    )
    return is_alone and bool(word[1] and words.get_label_kind(erased)) and agrees_with(word[1], erased)


def _strip_empty_clause(text: str) -> str:
    """Cut the rest of a clause that is only about the number: «Стоимость комплекта», «Куплено»."""
    clause = _CLAUSE.search(text)
    remaining = list(re.finditer(_WORD, clause[0])) if clause else []
    if clause is None or not remaining:
        return text
    head = next((word for word in remaining if not words.PHRASE_HEADS.isdisjoint(lemmatize(word[0]))), None)
    if head:
        return _strip_words_before(text[: clause.start() + head.start()], ends_clause=True)
    if len(remaining) <= 3 and all(get_part_of_speech(word[0]) in _FUNCTION_WORDS for word in remaining):
        return text[: clause.start()]
    return text
