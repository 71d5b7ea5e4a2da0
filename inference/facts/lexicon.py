"""The Russian words for things and their properties, read from TOML: which noun names what, which values exclude which.

A domain is added by editing the tables in `lexicon/`. The module knows no photo, no field and no model.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from inference.masking.morphology import get_noun_lemmas, get_part_of_speech, is_dictionary_word, lemmatize

WORD: Final = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")

_FOLDER: Final = Path(__file__).parent / "lexicon"
_ADJECTIVE: Final = re.compile(r"(?:[ыиоая]й|[ая]я|[оеы]е|ие|[ои]го|его|[оеую]му|[ую]ю|[оеыи]м|[ыи]х|[ыи]ми)\Z")
_INVARIABLE: Final = frozenset({"хаки", "меланж", "беж", "айвори", "фуксия", "индиго", "пудра", "бордо"})
_WORD_END: Final = re.compile(r"\w*")
_NEGATION: Final = re.compile(r"\b(?:без|не|нет)\s+(?:\w+\s+)?$")
_GENERAL_KINDS: Final = frozenset({"clothes", "footwear", "goods"})


@dataclass(frozen=True, slots=True)
class Mention:
    """A thing or a value that a text names between `start` and `end` (characters)."""

    group: str
    value: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Group:
    """A property of things.

    values: name → pattern over folded text. say: name → wordings of a caption, none for what is never said from a
    photo. kinds: name → kinds of the things that can have it. is_exclusive: its values rule each other out.
    is_mixed: photos show several of them together all the same. is_seller_only: no photo shows it.
    """

    values: Mapping[str, re.Pattern[str]]
    say: Mapping[str, tuple[str, ...]]
    kinds: Mapping[str, frozenset[str]]
    is_exclusive: bool
    is_mixed: bool = False
    is_seller_only: bool = False


def fold(text: str) -> str:
    """Return the text in lower case with `ё` as `е`: the form in which tables and texts are compared."""
    return text.lower().replace("ё", "е")


@cache
def load_groups() -> Mapping[str, Group]:
    """Return all properties by name: those of `groups.toml`, which photos can show, then those of `seller.toml`."""
    visible = {
        name: Group(
            _compile(table["values"]),
            {value: tuple(row["say"]) for value, row in table["values"].items()},
            {value: frozenset(row.get("of", table["of"]).split()) for value, row in table["values"].items()},
            table["exclusive"],
            table.get("mixed", False),
        )
        for name, table in _load("groups").items()
    }
    stated = {
        name: Group(_compile(table["values"]), {}, {}, False, is_seller_only=True)
        for name, table in _load("seller").items()
    }
    return visible | stated


def _compile(values: Mapping[str, Any]) -> dict[str, re.Pattern[str]]:
    return {value: re.compile("|".join(row["patterns"])) for value, row in values.items()}


def find_items(text: str) -> Iterator[Mention]:
    """Yield the nouns of the text that name things, in order, as mentions of the group `item`."""
    for word in WORD.finditer(text):
        noun = find_noun(word[0])
        if noun:
            yield Mention("item", noun, word.start(), word.end())


def find_noun(word: str) -> str:
    """Return the noun of the lexicon that the word is a form of, as the dictionary writes it; "" for any other word."""
    english = _load("things")["english"].get(word.lower())
    if english:
        return str(english)
    nouns, folded = _load_nouns(), fold(word)
    if folded in nouns:
        return nouns[folded]
    known = get_noun_lemmas(word)
    return next((nouns[lemma] for lemma in lemmatize(word) if lemma in nouns and lemma in known), "")


def list_nouns() -> list[str]:
    """Return all nouns that name things."""
    return [word for table in _load("things")["kinds"].values() for word in table["nouns"].split()]


@cache
def list_clothes() -> tuple[str, ...]:
    """Return all nouns that name clothes or shoes."""
    return tuple(noun for noun in dict.fromkeys(list_nouns()) if "clothes" in get_kinds(noun))


@cache
def _load_nouns() -> Mapping[str, str]:
    """Return each noun that names a thing: folded → as the dictionary writes it.

    Clothes and shoes that are listed in the plural («слипоны») are known by the singular as well.
    """
    kinds = _load("things")["kinds"]
    nouns = {fold(word): word for table in kinds.values() for word in table["nouns"].split()}
    worn = [
        word
        for table in kinds.values()
        if table["above"] in _GENERAL_KINDS - {"goods"}
        for word in table["nouns"].split()
    ]
    return {lemma: word for word in worn for lemma in lemmatize(word)} | nouns


def find_values(text: str) -> Iterator[Mention]:
    """Yield the properties that the text names, by group; those that it denies («без рисунка») are left out."""
    folded = fold(text)
    for name, group in load_groups().items():
        for value, pattern in group.values.items():
            for found in pattern.finditer(folded):
                if not _NEGATION.search(folded, max(0, found.start() - 16), found.start()):
                    yield Mention(name, value, found.start(), _WORD_END.match(folded, found.end()).end())  # type: ignore[union-attr]


def find_colours(text: str) -> Iterator[Mention]:
    """Yield the colour words of the text, in order, as mentions of the group `colour`."""
    for word in WORD.finditer(text):
        if get_colour_families(word[0]):
            yield Mention("colour", word[0].lower(), word.start(), word.end())


@cache
def get_colour_families(word: str) -> frozenset[str]:
    """Return the families of a colour word («тёмно-синяя» → blue); none for any other word."""
    parts = fold(word).split("-")
    if not _ADJECTIVE.search(parts[-1]) and parts[-1] not in _INVARIABLE:
        return frozenset()
    stems = [(stem, name) for name, row in _load("colours")["families"].items() for stem in row.split()]
    return frozenset(
        name
        for stem, name in stems
        for part in parts
        if part.startswith(stem) and (part != stem or part in _INVARIABLE)
    )


def are_alike(first: str, second: str) -> bool:
    """Return True for two colour words that are easily mixed up, such as «тёмно-синий» and «чёрный»."""
    one, other = get_colour_families(first), get_colour_families(second)
    rows = (set(row.split()) for row in _load("colours")["alike"].values())
    return bool(one & other) or any(one & row and other & row for row in rows)


@cache
def get_kinds(noun: str) -> frozenset[str]:
    """Return the kinds of a noun and all kinds above them; none for an unknown noun."""
    table, folded = _load("things")["kinds"], fold(noun)
    own = (kind for kind, row in table.items() if folded in fold(row["nouns"]).split())
    return frozenset().union(*map(get_kinds_above, own))


@cache
def get_kinds_above(kind: str) -> frozenset[str]:
    """Return a kind and all kinds above it."""
    above = _load("things")["kinds"][kind]["above"]
    return frozenset({kind}) | (get_kinds_above(above) if above else frozenset())


def get_specific_kinds(noun: str) -> frozenset[str]:
    """Return the kinds of a noun without the general ones: two nouns that share one may name the same thing."""
    return get_kinds(noun) - _GENERAL_KINDS


@cache
def is_womens(noun: str) -> bool:
    """Return True for a noun that is said of no thing for men or boys."""
    return fold(noun) in fold(_load("things")["womens"]["nouns"]).split()


@dataclass(frozen=True, slots=True)
class Category:
    """A section of a classifieds site: the kinds of its things (none for all), and the noun for one of them, or "".

    Of a category of things of all kinds («Комплекты») the noun is that of the whole.

    says_nothing: its words («Другое») tell a buyer nothing.
    """

    kinds: frozenset[str]
    noun: str
    says_nothing: bool


def find_category(text: str) -> Category | None:
    """Return the category that a field's value names; None where it names a thing by itself."""
    folded = fold(text).strip()
    for row in _load("things")["categories"]:
        if re.search(row["pattern"], folded):
            return Category(frozenset(row["kinds"]), row.get("noun", ""), row.get("says_nothing", False))
    return None


def get_gender(noun: str) -> str:
    """Return the gender of a noun that the dictionary does not know (masc, femn, neut, plur); "" for the others."""
    return str(_load("things")["genders"].get(noun, ""))


@cache
def is_russian_word(word: str) -> bool:
    """Return True if the dictionary or the lexicon knows the word; forms that are only predicted do not count.

    Of two words joined by a hyphen the first must be the beginning of a compound («тёмно-синий»).
    """
    head, dash, tail = word.rpartition("-")
    if dash and not is_dictionary_word(word) and not find_noun(word):
        return fold(head).endswith(("о", "е")) and is_russian_word(tail) and fold(head)[:4] != fold(tail)[:4]
    return is_dictionary_word(word) or any(fold(lemma) in _load_nouns() for lemma in lemmatize(word))


@cache
def is_neutral_word(word: str) -> bool:
    """Return True for a word that claims nothing by itself: parts of a thing, places on it, words that only join."""
    table = _load("neutral")
    return any(lemma in _neutral_words() for lemma in lemmatize(word)) or fold(word) in table["joining"].split()


@cache
def _neutral_words() -> frozenset[str]:
    return frozenset(fold(" ".join(_load("neutral").values())).split())


def is_adjective(word: str) -> bool:
    """Return True for an adjective or participle that can be left out of a phrase."""
    return get_part_of_speech(word) in ("ADJF", "PRTF")


def load_fields() -> dict[str, Any]:
    """Return the table of fields: patterns of names, Russian labels, Russian values."""
    return _load("fields")


def translate_value(value: str) -> str:
    """Return an English value, or a list of known ones, in Russian; every other value as it is."""
    values, parts = load_fields()["values"], [part.strip() for part in value.lower().split(",")]
    return ", ".join(values[part] for part in parts) if all(part in values for part in parts) else value


@cache
def _load(name: str) -> dict[str, Any]:
    return tomllib.loads((_FOLDER / f"{name}.toml").read_text("utf-8"))
