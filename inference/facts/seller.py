"""Read facts from what the seller typed: named fields and free text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache

from inference.facts.lexicon import (
    Category,
    find_category,
    find_colours,
    find_items,
    find_noun,
    find_values,
    fold,
    get_kinds,
    get_kinds_above,
    get_specific_kinds,
    load_fields,
    load_groups,
    translate_value,
)
from inference.facts.types import Fact, Source
from inference.listing.types import Attributes


@cache
def _load_field_patterns() -> tuple[tuple[str, re.Pattern[str]], ...]:
    return tuple((row["group"], re.compile(row["pattern"])) for row in load_fields()["fields"])


@cache
def get_group(name: str) -> str:
    """Return the group that a field belongs to: `text` without a name, the folded name where the tables know none."""
    folded = fold(name).strip()
    return next((group for group, pattern in _load_field_patterns() if pattern.search(folded)), folded or "text")


def read_seller_facts(attributes: Attributes, item: str = "") -> tuple[Fact, ...]:
    """Return what the fields and the free text state, in the seller's order, every fact with probability 1.

    item: the thing as the seller corrected it, which outranks all fields.
    """
    facts = tuple(fact for name, value in attributes.items for fact in _read(name, translate_value(value)))
    if not item:
        return facts
    return (Fact("item", item, "field", words=item), *(fact for fact in facts if not _names_a_kind(fact)))


def names_clothes(facts: Sequence[Fact]) -> bool:
    """Return True where the seller names clothes or shoes, or a category of them."""
    for fact in facts:
        category = find_category(fact.words) if fact.group == "item" else None
        kinds = (
            category.kinds if category else get_kinds(find_noun(fact.value)) if fact.group == "item" else frozenset()
        )
        if any("clothes" in get_kinds_above(kind) for kind in kinds):
            return True
    return False


def names_set(facts: Sequence[Fact]) -> bool:
    """Return True where the seller's category says that several things are sold («Пакет вещей»)."""
    return any(not category.kinds and not category.says_nothing for category in _find_categories(facts))


def names_kind(facts: Sequence[Fact]) -> bool:
    """Return True where the seller's category leaves a few kinds of things («Обувь»)."""
    return any(category.kinds for category in _find_categories(facts))


def _find_categories(facts: Sequence[Fact]) -> Iterator[Category]:
    for fact in facts:
        category = find_category(fact.words) if fact.group == "item" else None
        if category is not None:
            yield category


def _names_a_kind(fact: Fact) -> bool:
    """Return True for a known noun or a category, False for a title such as «The North Face 1996»."""
    return fact.group == "item" and bool(find_noun(fact.value) or find_category(fact.words))


def _read(name: str, value: str) -> Iterator[Fact]:
    group = get_group(name)
    noun = find_noun(name) if get_specific_kinds(find_noun(name)) and "clothes" in get_kinds(find_noun(name)) else ""
    if noun:  # «Куртка: синяя»
        yield Fact("item", noun, "field", words=name)
    if group == "text":
        yield from _read_text(value)
        return
    if group == "bookkeeping":
        return
    if group == "item":
        yield Fact("item", _name_item(value), "field", words=value)
    elif group == "colour":
        yield from (Fact("colour", mention.value, "field", words=value) for mention in find_colours(value))
    elif group not in load_groups() or load_groups()[group].is_seller_only:
        yield Fact(group, value, "field", words=value)
    yield from _read_values(value, "field", group)
    if group == "item" or noun:
        yield from (Fact("colour", each.value, "field", words=value) for each in find_colours(value))


def _name_item(value: str) -> str:
    """Return the noun of a phrase that names a thing; the phrase itself for a category and for unknown words."""
    nouns = [mention.value for mention in find_items(value)]
    return nouns[0] if nouns and find_category(value) is None else value


def _read_text(text: str) -> Iterator[Fact]:
    yield Fact("text", text, "text", words=text)
    # What follows the first noun belongs to it or is compared with it.
    for mention in list(find_items(text))[:1]:
        yield Fact("item", mention.value, "text", words=text[mention.start : mention.end])
    yield from (Fact("colour", each.value, "text", words=each.value) for each in find_colours(text))
    yield from _read_values(text, "text", "")


def _read_values(text: str, source: Source, group: str) -> Iterator[Fact]:
    """Yield the properties that a value names. «Длина: 60 см» names none of another group by itself."""
    for mention in find_values(text):
        yield Fact(mention.group, mention.value, source, words=text[mention.start : mention.end])
    if group in load_groups() and not load_groups()[group].is_seller_only:
        values = load_groups()[group].values
        yield from (Fact(group, value, source, words=text) for value in values if fold(value) == fold(text).strip())
