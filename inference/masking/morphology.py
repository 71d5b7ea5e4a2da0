"""Lemmas, parts of speech and inflection of Russian words with pymorphy3; parses are cached."""

from __future__ import annotations

import re
from functools import cache, lru_cache

from pymorphy3 import MorphAnalyzer
from pymorphy3.analyzer import Parse

# The analyzer raises on letters without a Unicode name, and knows no other alphabets.
_RUSSIAN = re.compile(r"[А-ЯЁа-яё-]{1,40}")


@cache
def _get_analyzer() -> MorphAnalyzer:
    return MorphAnalyzer()


@lru_cache(maxsize=5_000)
def _parse(word: str) -> tuple[Parse, ...]:
    """Return all parses of a Russian word, the likeliest first; none for any other string."""
    return tuple(_get_analyzer().parse(word)) if _RUSSIAN.fullmatch(word) else ()


@lru_cache(maxsize=20_000)
def lemmatize(word: str) -> tuple[str, ...]:
    """Return the word and all its possible lemmas, in lower case with `ё` as `е`."""
    forms = [word, *(parse.normal_form for parse in _parse(word))]
    return tuple(dict.fromkeys(form.lower().replace("ё", "е") for form in forms))


def get_part_of_speech(word: str) -> str:
    """Return the likeliest part of speech as an OpenCorpora tag (`NOUN`, `VERB` …), "" for no Russian word."""
    return next((str(parse.tag.POS or "") for parse in _parse(word)), "")


def agrees_with(adjective: str, noun: str) -> bool:
    """Return True for an adjective with the number and gender of the noun."""
    first, second = _parse(adjective), _parse(noun)
    if not first or not second or first[0].tag.POS != "ADJF":
        return False
    return (first[0].tag.number, first[0].tag.gender) == (second[0].tag.number, second[0].tag.gender)


def get_noun_lemma(word: str) -> str:
    """Return the lemma of a noun, in lower case with `ё` as `е`; "" for other words, also for «белые», «столовая»."""
    parses = _parse(word)
    if not parses or parses[0].tag.POS != "NOUN" or any(parse.tag.POS == "ADJF" for parse in parses):
        return ""
    return str(parses[0].normal_form).replace("ё", "е")


def is_nominative_or_accusative(word: str) -> bool:
    """Return True for a noun that names the thing («куртка», «куртку»), False for one like «на резинке»."""
    return next((parse.tag.case in ("nomn", "accs") for parse in _parse(word)), False)


def inflect_adjective(adjective: str, noun: str) -> str:
    """Return the adjective in the nominative with the number and gender of the noun.

    Of «тёмно-синий» only the last part changes; phrases like «цвета хаки» are returned unchanged.
    """
    head, dash, last = adjective.rpartition("-")
    first, second = next(iter(_parse(last)), None), _parse_nominative(noun)
    if first is None or second is None or first.tag.POS != "ADJF":
        return adjective
    grammemes = {"plur"} if second.tag.number == "plur" else {"sing", second.tag.gender or "masc"}
    form = first.inflect(grammemes | {"nomn"})
    return f"{head}{dash}{form.word}" if form else adjective


def _parse_nominative(noun: str) -> Parse | None:
    """Return the reading of a noun as a nominative: «майка» is also a genitive of «майк»."""
    parses = _parse(noun)
    nominative = (parse for parse in parses if parse.tag.POS == "NOUN" and parse.tag.case == "nomn")
    return next(nominative, next(iter(parses), None))


def is_dictionary_word(word: str) -> bool:
    """Return True if the dictionary holds the form itself; predictions for unknown words do not count."""
    return bool(_get_analyzer().word_is_known(word.lower()))


def get_noun_lemmas(word: str) -> frozenset[str]:
    """Return the lemmas, in lower case with `ё` as `е`, of all readings of the word as a noun."""
    return frozenset(
        str(parse.normal_form).lower().replace("ё", "е") for parse in _parse(word) if parse.tag.POS == "NOUN"
    )


def inflect(word: str, grammemes: set[str]) -> str | None:
    """Return the form of a dictionary word with these OpenCorpora grammemes; None where it has none."""
    parses = _parse(word)
    form = parses[0].inflect(frozenset(grammemes)) if parses and is_dictionary_word(word) else None
    return str(form.word) if form else None


def get_gender(noun: str) -> str:
    """Return the gender of a noun in the dictionary: masc, femn, neut, plur for one without a singular; else ""."""
    parse = _parse_nominative(noun) if is_dictionary_word(noun) else None
    if parse is None or parse.tag.POS != "NOUN":
        return ""
    return "plur" if parse.tag.number == "plur" else str(parse.tag.gender or "")


def get_cases(word: str) -> frozenset[str]:
    """Return the cases that a dictionary word can stand in, as OpenCorpora tags; none for words without case."""
    if not is_dictionary_word(word):
        return frozenset()
    return frozenset(str(parse.tag.case) for parse in _parse(word) if parse.tag.case)
