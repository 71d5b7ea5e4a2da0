"""Hard examples for the toxicity classifier: words with rude substrings, brands, things for sale, insulted buyers.

The ads of the data contain few of them, and a classifier of character n-grams has to be shown. Whether an animal is a
toy or an insult, only the words beside it tell.
"""

from __future__ import annotations

import random
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from inference.facts.lexicon import list_nouns
from inference.masking.morphology import get_noun_lemma, inflect
from training.data.comments import split_words

_TABLE: Mapping[str, Any] = tomllib.loads(Path(__file__).with_name("hard_negatives.toml").read_text("utf-8"))
BRANDS: Sequence[str] = _TABLE["brands"]
INSULTS: Sequence[str] = _TABLE["insults"]
IDIOMS: Sequence[str] = _TABLE["idioms"]
WORDS, GADGETS, INSULT_NOUNS, ANIMALS = (
    _TABLE[name].split() for name in ("words", "gadgets", "insult_nouns", "animals")
)


def build_insults() -> list[str]:
    """Return insults of buyers: «кретинам не звонить», also with animals."""
    return [phrase for noun in (*INSULT_NOUNS, *ANIMALS) for phrase in _inflect_phrases(_TABLE["insulted"], noun)]


def build_goods(nouns: Iterable[str], rnd: random.Random) -> list[str]:
    """Return ads of things: animals as toys, everything that the lexicon knows, and a phrase for each of `nouns`."""
    toys = [phrase for animal in ANIMALS for phrase in _inflect_phrases(_TABLE["sold"], animal)]
    names = (*list_nouns(), *GADGETS, *(form for word in WORDS for form in _list_forms(word)))
    phrases: Sequence[str] = _TABLE["for_sale"]
    known = [phrase.format(name) for name in names for phrase in phrases]
    return [*toys, *known, *(rnd.choice(phrases).format(noun) for noun in nouns)]


def find_harmless_nouns(toxic: Sequence[str], neutral: Iterable[str], rude: Iterable[str]) -> list[str]:
    """Return the nouns of neutral texts, sorted, that are no rude words and not more common in insults."""
    often, seldom = Counter(split_words(" ".join(toxic))), Counter(split_words(" ".join(neutral)))
    harmless = (word for word in seldom.keys() - {*rude, *INSULT_NOUNS} if often[word] <= seldom[word])
    return sorted(word for word in harmless if get_noun_lemma(word) == word)


def _list_forms(word: str) -> set[str]:
    forms = (inflect(word, {number, case}) for number in ("sing", "plur") for case in ("nomn", "gent", "datv", "ablt"))
    return {word, *filter(None, forms)}


def _inflect_phrases(phrases: Iterable[str], noun: str) -> Iterator[str]:
    cases = {"dative": {"plur", "datv"}, "plural": {"plur", "nomn"}, "genitive": {"sing", "gent"}}
    forms = {name: inflect(noun, grammemes) or noun for name, grammemes in cases.items()}
    return (phrase.format(single=noun, **forms) for phrase in phrases)
