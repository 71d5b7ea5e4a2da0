"""Tables of phrases about things for sale, in plain files, and which of them go together.

`phrases/<language>/things/<area>.txt` holds things and `traits/<table>.txt` their traits, one phrase per line;
`tables.toml` lists the traits of each area.
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
# Nouns of quantity, which name no thing.
_VAGUE: Final = frozenset(("набор", "комплект", "пара", "коллекция", "цвет"))
# Letters that a noun shares with its adjectives: «полоска», «полосатый».
_STEM: Final = 4


@dataclass(frozen=True, slots=True)
class Thing:
    """A noun for something on sale, as it is in the text, with its lemma and area."""

    noun: str
    lemma: str
    area: str


@dataclass(frozen=True)
class Phrases:
    """The tables of one language: area → things, trait → phrases, area → traits."""

    things: Mapping[str, tuple[str, ...]]
    traits: Mapping[str, tuple[str, ...]]
    areas: Mapping[str, tuple[str, ...]]
    seller: tuple[str, ...]  # traits that only the seller can know for sure

    def select_tables(self, areas: Iterable[str]) -> dict[str, tuple[str, ...]]:
        """Return table → phrases of some areas: their things first, then all their traits."""
        areas = tuple(areas)
        traits = dict.fromkeys(chain(*(self.areas[area] for area in areas), self.seller))
        return {area: self.things[area] for area in areas} | {trait: self.traits[trait] for trait in traits}

    def mentions(self, trait: str, text: str) -> bool:
        """Return whether a text mentions a trait, as «с коротким рукавом» mentions sleeves."""
        stems, adjectives = self._trait_words[trait]
        words = [word for word in _find_words(text) if get_noun_lemma(word) != "цвет"]
        return any(_shares_stem(word, stem) for word in words for stem in stems) or any(
            adjectives.intersection(lemmatize(word)) for word in words
        )

    @cached_property
    def _trait_words(self) -> dict[str, tuple[frozenset[str], frozenset[str]]]:
        """Trait → stems of its nouns, and lemmas of the adjectives that no other trait has.

        Colours have no stems; their lemmas are those of all their nouns and adjectives.
        """
        adjectives = {trait: frozenset(_find_adjectives(phrases)) for trait, phrases in self.traits.items()}
        counts = Counter(chain(*adjectives.values()))
        return {
            trait: (frozenset(), each | frozenset(_find_nouns(self.traits[trait])))
            if trait == COLOURS
            else (frozenset(_find_nouns(self.traits[trait])), frozenset(word for word in each if counts[word] == 1))
            for trait, each in adjectives.items()
        }

    def find_things(self, text: str) -> list[Thing]:
        """Return the things that a text names, in order, each once."""
        by_lemma: dict[str, Thing] = {}
        for word in _find_words(text):
            lemma = get_noun_lemma(word) or word
            if lemma in self._areas_of and (lemma == word or is_nominative_or_accusative(word)):
                by_lemma.setdefault(lemma, Thing(word, lemma, self._areas_of[lemma]))
        return list(by_lemma.values())

    @cached_property
    def _areas_of(self) -> dict[str, str]:
        """Lemma of a thing's noun → its area: that of the shortest phrase, the first of equals."""
        phrases = [(phrase, area) for area, things in self.things.items() for phrase in things]
        phrases.sort(key=lambda each: len(each[0].split()))
        areas: dict[str, str] = {}
        for phrase, area in phrases:
            areas.setdefault(get_head_noun(phrase), area)
        return {lemma: area for lemma, area in areas.items() if lemma not in _VAGUE}


@cache
def load_phrases(language: str = "ru") -> Phrases:
    """Load the tables of a language, once per process."""
    folder = _FOLDER / language
    table = tomllib.loads((folder / "tables.toml").read_text("utf-8"))
    areas = {area: tuple(traits) for area, traits in table["areas"].items()}
    things = {area: _read_lines(folder / "things" / f"{area}.txt") for area in areas}
    traits = {path.stem: _read_lines(path) for path in sorted((folder / "traits").glob("*.txt"))}
    return Phrases(things, traits, areas, tuple(table["seller"]))


def get_head_noun(phrase: str) -> str:
    """Return the lemma of a phrase's noun: «куртка» for «зимняя куртка с мехом»; unknown words as they are."""
    return next(_find_nouns([_PREPOSITION.split(phrase)[0]]), phrase.split()[0])


def _read_lines(path: Path) -> tuple[str, ...]:
    return tuple(path.read_text("utf-8").splitlines())


def _find_words(text: str) -> list[str]:
    """Return the words in lower case; «тёмно-синий» is two."""
    return _WORD.findall(text.lower())


def _find_nouns(phrases: Iterable[str]) -> Iterator[str]:
    lemma = (get_noun_lemma(word) for phrase in phrases for word in _find_words(phrase))
    return (each for each in lemma if each and each not in _VAGUE)


def _find_adjectives(phrases: Iterable[str]) -> Iterator[str]:
    words = (word for phrase in phrases for word in _find_words(phrase))
    return (lemmatize(word)[:2][-1] for word in words if get_part_of_speech(word) in ("ADJF", "PRTF"))


def _shares_stem(word: str, lemma: str) -> bool:
    """Return whether a word has the stem of a noun, as «полосатый» has of «полоска».

    A word of four letters has to be the noun itself, or «поло» would be striped.
    """
    word = word.replace("ё", "е")
    return word == lemma or (min(len(word) - 1, len(lemma)) >= _STEM and word.startswith(lemma[:_STEM]))
