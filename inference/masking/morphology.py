"""Lemmas and parts of speech of Russian words, by pymorphy3; each word is parsed once."""

from __future__ import annotations

import re
from functools import cache, lru_cache

from pymorphy3 import MorphAnalyzer
from pymorphy3.analyzer import Parse

# The analyzer fails on letters without a Unicode name, and knows no words of other alphabets.
_RUSSIAN = re.compile(r"[А-ЯЁа-яё-]{1,40}")


@cache
def _analyzer() -> MorphAnalyzer:
    return MorphAnalyzer()


@lru_cache(maxsize=5_000)
def _parses(word: str) -> tuple[Parse, ...]:
    """All readings of a Russian word, the likeliest first; none for any other string."""
    return tuple(_analyzer().parse(word)) if _RUSSIAN.fullmatch(word) else ()


@lru_cache(maxsize=20_000)
def lemmas(word: str) -> tuple[str, ...]:
    """The word in lower case with `ё` as `е`, then every lemma that it can have, written likewise."""
    forms = [word, *(parse.normal_form for parse in _parses(word))]
    return tuple(dict.fromkeys(form.lower().replace("ё", "е") for form in forms))


def part_of_speech(word: str) -> str:
    """The likeliest part of speech as an OpenCorpora tag (`NOUN`, `VERB`, `PRTS` …), "" for what is no Russian word."""
    return next((str(parse.tag.POS or "") for parse in _parses(word)), "")


def agree(adjective: str, noun: str) -> bool:
    """Whether the first word is an adjective in the number and the gender of the second, a noun."""
    first, second = _parses(adjective), _parses(noun)
    if not first or not second or first[0].tag.POS != "ADJF":
        return False
    return (first[0].tag.number, first[0].tag.gender) == (second[0].tag.number, second[0].tag.gender)


def noun(word: str) -> str:
    """The lemma of a noun, in lower case with `ё` as `е`; "" for every other word, also for «белые», «столовая»."""
    parses = _parses(word)
    if not parses or parses[0].tag.POS != "NOUN" or any(parse.tag.POS == "ADJF" for parse in parses):
        return ""
    return str(parses[0].normal_form).replace("ё", "е")


def is_named(word: str) -> bool:
    """Whether a noun's likeliest case is one that names: «куртка», «куртку», not «на резинке»."""
    return next((parse.tag.case in ("nomn", "accs") for parse in _parses(word)), False)


def agreed(adjective: str, noun: str) -> str:
    """The adjective in the nominative, in the number and the gender of a noun; «цвета хаки» stays as it is.

    Of «тёмно-синий» only the last part changes.
    """
    head, dash, last = adjective.rpartition("-")
    first, second = next(iter(_parses(last)), None), next(iter(_parses(noun)), None)
    if first is None or second is None or first.tag.POS != "ADJF":
        return adjective
    shape = {"plur"} if second.tag.number == "plur" else {"sing", second.tag.gender or "masc"}
    form = first.inflect(shape | {"nomn"})
    return f"{head}{dash}{form.word}" if form else adjective
