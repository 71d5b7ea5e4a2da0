"""What may be said of things for sale: tables of phrases in plain files, and which of them go together.

`phrases/<language>/things/<area>.txt` names things, `traits/<table>.txt` what they may look like, one phrase a line;
`tables.toml` says which traits the things of an area have.
"""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import chain
from pathlib import Path
from typing import Final

from inference.masking.morphology import get_noun_lemma, get_part_of_speech, is_nominative_or_accusative, lemmatize

COLOURS: Final = "colours"  # the one trait whose phrases are adjectives

_FOLDER: Final = Path(__file__).parent / "phrases"
_WORD: Final = re.compile(r"[а-яё]+")
_PREPOSITION: Final = re.compile(r"\b(?:без|в|для|из|на|от|под|с|через)\b")
# Nouns that say how much or how many, not what.
_VAGUE: Final = frozenset(("набор", "комплект", "пара", "коллекция", "цвет"))
# As many first letters of a noun as its adjectives share with it: «полоска», «полосатый».
_STEM: Final = 4


@dataclass(frozen=True, slots=True)
class Thing:
    """A noun that names something for sale, as it stands in a text, its lemma, and the area that it belongs to."""

    noun: str
    lemma: str
    area: str


@dataclass(frozen=True)
class Phrases:
    """The tables of one language: area → things, trait → phrases, area → the traits that its things have."""

    things: Mapping[str, tuple[str, ...]]
    traits: Mapping[str, tuple[str, ...]]
    areas: Mapping[str, tuple[str, ...]]
    seller: tuple[str, ...]  # traits that only the seller can know for sure

    def of(self, areas: Iterable[str]) -> dict[str, tuple[str, ...]]:
        """Table → phrases of some areas: their things first, then every trait that these may have."""
        areas = tuple(areas)
        traits = dict.fromkeys(chain(*(self.areas[area] for area in areas), self.seller))
        return {area: self.things[area] for area in areas} | {trait: self.traits[trait] for trait in traits}

    def is_said(self, trait: str, text: str) -> bool:
        """Whether a text speaks of a trait: «с коротким рукавом» leaves nothing to say of sleeves."""
        stems, adjectives = self._speaking[trait]
        spoken = [word for word in _find_words(text) if get_noun_lemma(word) != "цвет"]
        return any(_shares_stem(word, stem) for word in spoken for stem in stems) or any(
            adjectives.intersection(lemmatize(word)) for word in spoken
        )

    @cached_property
    def _speaking(self) -> dict[str, tuple[frozenset[str], frozenset[str]]]:
        """Trait → how the words that speak of it begin or what their lemmas are.

        These are its nouns and the adjectives that no other trait has; of colours, all adjectives.
        """
        adjectives = {trait: frozenset(_find_adjectives(phrases)) for trait, phrases in self.traits.items()}
        counts = Counter(chain(*adjectives.values()))
        return {
            trait: (frozenset(), each | frozenset(_find_nouns(self.traits[trait])))
            if trait == COLOURS
            else (frozenset(_find_nouns(self.traits[trait])), frozenset(word for word in each if counts[word] == 1))
            for trait, each in adjectives.items()
        }

    def named(self, text: str) -> list[Thing]:
        """The things that a text names, in order, each once."""
        found: dict[str, Thing] = {}
        for word in _find_words(text):
            lemma = get_noun_lemma(word) or word
            if lemma in self._areas_of and (lemma == word or is_nominative_or_accusative(word)):
                found.setdefault(lemma, Thing(word, lemma, self._areas_of[lemma]))
        return list(found.values())

    @cached_property
    def _areas_of(self) -> dict[str, str]:
        """Lemma of the noun that names a thing → its area: that of the shortest phrase, and the first one."""
        phrases = [(phrase, area) for area, things in self.things.items() for phrase in things]
        phrases.sort(key=lambda each: len(each[0].split()))
        found: dict[str, str] = {}
        for phrase, area in phrases:
            found.setdefault(get_head_noun(phrase), area)
        return {lemma: area for lemma, area in found.items() if lemma not in _VAGUE}


@cache
def load_phrases(language: str = "ru") -> Phrases:
    """The tables of a language."""
    folder = _FOLDER / language
    table = tomllib.loads((folder / "tables.toml").read_text("utf-8"))
    areas = {area: tuple(traits) for area, traits in table["areas"].items()}
    things = {area: _read_lines(folder / "things" / f"{area}.txt") for area in areas}
    traits = {path.stem: _read_lines(path) for path in sorted((folder / "traits").glob("*.txt"))}
    return Phrases(things, traits, areas, tuple(table["seller"]))


def get_head_noun(phrase: str) -> str:
    """The lemma of the noun that a phrase names: «куртка» of «зимняя куртка с мехом»; the word itself of «лонгслив»."""
    return next(_find_nouns([_PREPOSITION.split(phrase)[0]]), phrase.split()[0])


def _read_lines(path: Path) -> tuple[str, ...]:
    return tuple(path.read_text("utf-8").splitlines())


def _find_words(text: str) -> list[str]:
    """Words in lower case, each part of «тёмно-синий» by itself."""
    return _WORD.findall(text.lower())


def _find_nouns(phrases: Iterable[str]) -> Iterator[str]:
    lemma = (get_noun_lemma(word) for phrase in phrases for word in _find_words(phrase))
    return (each for each in lemma if each and each not in _VAGUE)


def _find_adjectives(phrases: Iterable[str]) -> Iterator[str]:
    words = (word for phrase in phrases for word in _find_words(phrase))
    return (lemmatize(word)[:2][-1] for word in words if get_part_of_speech(word) in ("ADJF", "PRTF"))


def _shares_stem(word: str, lemma: str) -> bool:
    """«полосатый» begins as «полоска»; a word of four letters has to be the noun itself, or «поло» would be striped."""
    word = word.replace("ё", "е")
    return word == lemma or (min(len(word) - 1, len(lemma)) >= _STEM and word.startswith(lemma[:_STEM]))
