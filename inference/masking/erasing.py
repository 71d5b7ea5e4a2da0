"""Numbers that the input did not hold go out of a draft together with the words that hang on them."""

from __future__ import annotations

import re
from collections.abc import Mapping

from inference.masking import words
from inference.masking.morphology import agree, lemmas, part_of_speech
from inference.masking.numbers import find

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
# No phrase before a number is longer, and a draft of nothing but numbers costs no more than linear time.
_REACH = 200
# «куплено в», «носили», «по приятной» say nothing without their number.
_EMPTY_SPEECH = frozenset({"VERB", "INFN", "PRTS", "PREP", "CONJ", "PRCL", "NPRO"})


def erase_unknown(text: str, values: Mapping[str, str]) -> str:
    """Replace each number that is no token of `values` by GAP, and with it the words that make sense only with it."""
    numbers = list(find(text))
    kept = ""
    end = 0
    limits = [*(number.start() for number in numbers[1:]), len(text)]
    for number, limit in zip(numbers, limits, strict=False):
        kept += text[end : number.start()]
        end = number.end()
        if number[0] in values:
            kept += number[0]
        else:
            end = _end_of_words_after(text, end, limit)
            ends_clause = _CLAUSE_ENDS.match(text, end) is not None
            kept = kept[:-_REACH] + _without_words_before(kept[-_REACH:], ends_clause) + GAP
    return kept + text[end:]


def _end_of_words_after(text: str, end: int, limit: int) -> int:
    """Where the unit of an erased number ends, and an aside about it («(до года)», «за комплект»), before `limit`."""
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
    """Whether the word belongs to the number before it: in «рост 164 размер <SIZE>» «размер» does not."""
    kind = words.unit(word[1])
    return kind is not None and not (kind in ("SIZE", "HEIGHT") and word["next_number"])


def _without_words_before(text: str, ends_clause: bool) -> str:
    text = _GLUED_BEFORE.sub("", text)
    erased = ""
    while (word := _LAST_WORD.search(text)) and (_hangs(word[1] or word[2]) or _describes(text, word, erased)):
        text = text[: word.start()]
        erased = word[1] or word[2]
    text = re.sub(rf"{_JOINERS}\Z", " ", text)
    return _without_empty_clause(text) if ends_clause else text


def _hangs(word: str) -> bool:
    kind = words.label(word)
    return (kind is not None and kind != "PERCENT") or not words.HANGING.isdisjoint(lemmas(word))


def _describes(text: str, word: re.Match[str], erased: str) -> bool:
    """Whether the word is an adjective that only the erased noun needs: «по доступной цене», «Приятная цена»."""
    before = _CLAUSE.search(text[: word.start()])
    alone = before is not None and all(part_of_speech(other) in _EMPTY_SPEECH for other in before[0].split()[-1:])
    return alone and bool(word[1] and words.label(erased)) and agree(word[1], erased)


def _without_empty_clause(text: str) -> str:
    """Cut what is left of the clause where it was about the number only: «Стоимость комплекта», «Куплено»."""
    clause = _CLAUSE.search(text)
    left = list(re.finditer(_WORD, clause[0])) if clause else []
    if clause is None or not left:
        return text
    head = next((word for word in left if not words.PHRASE_HEADS.isdisjoint(lemmas(word[0]))), None)
    if head:
        return _without_words_before(text[: clause.start() + head.start()], ends_clause=True)
    if len(left) <= 3 and all(part_of_speech(word[0]) in _EMPTY_SPEECH for word in left):
        return text[: clause.start()]
    return text
