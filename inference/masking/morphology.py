"""Lemmas and parts of speech of Russian words, by pymorphy3; each word is parsed once."""

from __future__ import annotations

from functools import cache, lru_cache

from pymorphy3 import MorphAnalyzer


@cache
def _analyzer() -> MorphAnalyzer:
    return MorphAnalyzer()


@lru_cache(maxsize=20_000)
def lemmas(word: str) -> tuple[str, ...]:
    """The word in lower case with `ё` as `е`, then every lemma that it can have, written likewise."""
    forms = [word, *(parse.normal_form for parse in _analyzer().parse(word))]
    return tuple(dict.fromkeys(form.lower().replace("ё", "е") for form in forms))


@lru_cache(maxsize=20_000)
def part_of_speech(word: str) -> str:
    """The likeliest part of speech as an OpenCorpora tag (`NOUN`, `VERB`, `PRTS` …), "" for what is no word."""
    return str(_analyzer().parse(word)[0].tag.POS or "")


def agree(adjective: str, noun: str) -> bool:
    """Whether the first word is an adjective in the number and the gender of the second, a noun."""
    first, second = _analyzer().parse(adjective)[0].tag, _analyzer().parse(noun)[0].tag
    return first.POS == "ADJF" and (first.number, first.gender) == (second.number, second.gender)
