"""The Russian words for things and their properties, read from TOML: which noun names what, which values exclude which.

A domain is added by editing the tables in `lexicon/`. The module knows no photo, no field and no model.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from inference.masking.morphology import get_noun_lemmas, is_dictionary_word, lemmatize

_FOLDER: Final = Path(__file__).parent / "lexicon"
_WORD: Final = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
_ADJECTIVE: Final = re.compile(r"(?:[ыиоая]й|[ая]я|[оеы]е|ие|[ои]го|его|[оеую]му|[ую]ю|[оеыи]м|[ыи]х|[ыи]ми)\Z")
_INVARIABLE: Final = frozenset({"хаки", "меланж", "беж", "айвори", "фуксия", "индиго", "пудра", "бордо"})
_NEGATION: Final = re.compile(r"\b(?:без|не|нет)\s+(?:\w+\s+)?$")


@dataclass(frozen=True, slots=True)
class Mention:
    """A thing or a value that a text names between `start` and `end` (characters)."""

    group: str
    value: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Value:
    """A value of a group: how to recognise it, and how a caption says it ("" if it never does by itself)."""

    pattern: re.Pattern[str]
    say: str


@dataclass(frozen=True, slots=True)
class Group:
    """A property; the values of an exclusive one rule each other out."""

    exclusive: bool
    values: Mapping[str, Value]


@cache
def groups() -> Mapping[str, Group]:
    """Return the properties of `groups.toml` by name."""
    return {
        name: Group(
            table["exclusive"],
            {v: Value(re.compile("|".join(row["patterns"])), row["say"]) for v, row in table["values"].items()},
        )
        for name, table in _load("groups").items()
    }


@cache
def nouns() -> Mapping[str, frozenset[str]]:
    """Return each noun that names a thing, folded by `fold`, with the kinds that it may be of."""
    found: dict[str, set[str]] = {}
    for kind, table in _load("things")["kinds"].items():
        for word in table["nouns"].split():
            found.setdefault(fold(word), set()).add(kind)
    return {word: frozenset(kinds) for word, kinds in found.items()}


def fold(text: str) -> str:
    """Return the text in lower case with `ё` as `е`: how tables and texts are compared."""
    return text.lower().replace("ё", "е")


def find_things(text: str) -> Iterator[Mention]:
    """Yield the nouns of the text that name things, in order, as mentions of the group `item`."""
    english = _load("things")["english"]
    for word in _WORD.finditer(text):
        folded = fold(word[0])
        lemma = next((lemma for lemma in lemmatize(word[0]) if lemma in nouns()), None) or english.get(folded)
        if lemma and (folded in english or lemma in get_noun_lemmas(word[0]) or folded in nouns()):
            yield Mention("item", spelling(fold(lemma)), word.start(), word.end())


@cache
def _spellings() -> Mapping[str, str]:
    return {fold(word): word for table in _load("things")["kinds"].values() for word in table["nouns"].split()}


def spelling(noun: str) -> str:
    """Return a folded noun as the dictionary writes it («шлепанцы» → «шлёпанцы»)."""
    return _spellings().get(noun, noun)


def find_values(text: str) -> Iterator[Mention]:
    """Yield the properties that the text names, overlapping ones included, by group."""
    folded = fold(text)
    for name, group in groups().items():
        for value, row in group.values.items():
            for found in row.pattern.finditer(folded):
                if not _NEGATION.search(folded, max(0, found.start() - 12), found.start()):
                    yield Mention(name, value, found.start(), found.end())


def find_colours(text: str) -> Iterator[Mention]:
    """Yield the colour words of the text, in order, as mentions of the group `colour`."""
    for word in _WORD.finditer(text):
        if colour_families(word[0]):
            yield Mention("colour", word[0].lower(), word.start(), word.end())


@cache
def _colour_stems() -> Sequence[tuple[str, str]]:
    return [(stem, name) for name, stems in _load("colours")["families"].items() for stem in stems.split()]


def colour_families(word: str) -> frozenset[str]:
    """Return the families of a colour word («тёмно-синяя» → blue); none for any other word."""
    tail = fold(word).split("-")
    if not _ADJECTIVE.search(tail[-1]) and tail[-1] not in _INVARIABLE:
        return frozenset()
    return frozenset(name for stem, name in _colour_stems() for part in tail if part.startswith(stem) and part != stem)


def kinds_of(noun: str) -> frozenset[str]:
    """Return the kinds of a noun and all kinds above them; none for an unknown noun."""
    kinds = set(nouns().get(fold(noun), ()))
    table = _load("things")["kinds"]
    pending = list(kinds)
    while pending:
        above = table[pending.pop()]["above"]
        if above and above not in kinds:
            kinds.add(above)
            pending.append(above)
    return frozenset(kinds)


def kinds_of_category(text: str) -> frozenset[str] | None:
    """Return the kinds that a seller's category allows; None where it is no category, empty where it allows all."""
    for row in _load("things")["categories"]:
        if re.search(row["pattern"], fold(text)):
            return frozenset(row["kinds"])
    return None


def gender_of(noun: str) -> str | None:
    """Return the gender of a noun that the dictionary does not know (masc, femn, neut, plur); None for the others."""
    found: str | None = _load("things")["genders"].get(noun)
    return found


def is_word(word: str) -> bool:
    """Return whether the dictionary or the lexicon knows the word; forms that are only predicted do not count."""
    return is_dictionary_word(word) or any(fold(lemma) in nouns() for lemma in lemmatize(word))


@cache
def _load(name: str) -> dict[str, Any]:
    return tomllib.loads((_FOLDER / f"{name}.toml").read_text("utf-8"))


def load_fields() -> dict[str, Any]:
    """Return the table of fields: patterns of names, Russian labels, Russian values."""
    return _load("fields")
