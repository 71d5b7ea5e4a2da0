"""Read from a seller's words which things the photos have to show."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from inference.facts.lexicon import find_category, find_noun, get_kinds, get_specific_kinds, is_adjective
from inference.facts.seller import get_group
from inference.listing.types import Attributes

_WORD: Final = re.compile(r"[^\W\d_]+")
# The noun behind these is what a thing is for or goes with, not the thing: a rack for dresses need not show a dress.
_PURPOSES: Final = frozenset({"для", "под", "от", "к", "ко"})


@dataclass(frozen=True, slots=True)
class NamedThings:
    """What a seller's words say is sold.

    is_clothing: the first thing that is named is clothes or shoes. kinds: of all clothes and shoes that are named, of
    all other things where it is none; empty where the words allow any («Пакет вещей») or name nothing.
    """

    is_clothing: bool = False
    kinds: frozenset[str] = frozenset()

    def excludes(self, other: NamedThings) -> bool:
        """Return True where both name clothes and no kind in common."""
        are_clothes = self.is_clothing and other.is_clothing and bool(self.kinds and other.kinds)
        return are_clothes and self.kinds.isdisjoint(other.kinds)


def read_named_things(attributes: Attributes) -> NamedThings:
    """Return what the fields and the free text of a seller name."""
    nouns = list(_find_nouns(attributes.text))
    specific = [noun for noun in nouns if get_specific_kinds(noun)]
    found = (find_category(value) for name, value in attributes.items if get_group(name) == "item")
    categories = [category for category in found if category is not None and not category.says_nothing]
    is_clothing = "clothes" in get_kinds(next(iter(specific or nouns), "")) or any(each.kinds for each in categories)
    if any(not category.kinds for category in categories):
        return NamedThings(is_clothing)
    kinds = frozenset[str]().union(
        *(get_specific_kinds(noun) for noun in specific if ("clothes" in get_kinds(noun)) == is_clothing),
        *(category.kinds for category in categories),
    )
    return NamedThings(is_clothing, kinds)


def _find_nouns(text: str) -> Iterator[str]:
    """Yield the nouns for things, in order, without those that only say what a thing is for or goes with."""
    is_purpose = False
    for before, word in pairwise(["", *_WORD.findall(text)]):
        # «под белую блузку»: the preposition belongs to the noun behind the adjective.
        is_purpose = before.lower() in _PURPOSES or (is_purpose and is_adjective(before))
        noun = find_noun(word)
        if noun and not is_purpose:
            yield noun
