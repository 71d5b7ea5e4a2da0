"""Write the text of a listing: the look of the thing, as far as the facts allow it, and the seller's own words.

The module knows no models: it gets a draft about the look and facts, and returns sentences and claims.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from inference.facts.claims import check_set, check_text, find_mentions
from inference.facts.compose import add_audience, compose_look, compose_set, list_clauses, lower_first
from inference.facts.lexicon import find_items
from inference.facts.prose import end_sentence, is_greeting, tidy_text
from inference.facts.realise import realise_fields
from inference.facts.seller import get_group
from inference.facts.sheet import FactSheet
from inference.facts.types import Claim, Fact
from inference.listing.types import Attributes

MAX_ADDED_CLAIMS: Final = 3


@dataclass(frozen=True, slots=True)
class Written:
    """The text of a listing, "" where nothing is known of the thing, and the verdict on each claim of the look."""

    text: str = ""
    claims: tuple[Claim, ...] = field(default=())


def write_text(draft: str, sheets: Sequence[FactSheet], attributes: Attributes, seed: int) -> Written:
    """Return the text of a listing.

    draft: what a captioner wrote about the look, "" without. sheets: the facts of one thing, or of each thing of a set.
    A free text of the seller's stays whole; the look leads where that text does not name the thing.
    """
    story = _tell_story(attributes)
    sheet = sheets[0]
    names_thing = bool(story) and any(True for _ in find_items(story)) and not _has_item_field(attributes)
    if names_thing and len(sheets) == 1:
        look, claims = _add_to_story(sheet, story, seed)
        sentences = [story, look]
    else:
        look, claims = _write_look(draft, sheets, seed)
        sentences = [look, story]
    said = " ".join(filter(None, sentences))
    groups = ["item"] if look and not names_thing else []
    if groups and len(sheets) == 1 and (told := add_audience(look, sheet)) != look:
        sentences[0] = told
        groups.append("audience")
    fields = realise_fields(attributes.items, seed, said=said, groups=groups, is_set=len(sheets) > 1)
    text = " ".join([*(end_sentence(sentence) for sentence in sentences if sentence), *fields])
    return Written(text if said or fields else "", tuple(claims))


def has_something_to_sell(attributes: Attributes) -> bool:
    """Return False for attributes that only greet, or that are empty."""
    return any(get_group(name) != "text" or not is_greeting(value) for name, value in attributes.items)


def _tell_story(attributes: Attributes) -> str:
    texts = [value for name, value in attributes.items if get_group(name) == "text"]
    return " ".join(tidy_text(value) for value in texts if not is_greeting(value))


def _has_item_field(attributes: Attributes) -> bool:
    return any(get_group(name) == "item" for name, _ in attributes.items)


def _write_look(draft: str, sheets: Sequence[FactSheet], seed: int) -> tuple[str, list[Claim]]:
    if len(sheets) > 1:
        category = next((fact.words for fact in sheets[0].get_stated("item")), "")
        phrases, claims = check_set(draft, [replace(sheet, facts=_drop_items(sheet)) for sheet in sheets])
        if phrases:
            has_others = any(sheet.kinds != sheets[0].kinds for sheet in sheets)  # than the category's
            return compose_set(phrases, "" if has_others else category, seed), claims
    checked = check_text(draft, sheets[0])
    return compose_look(sheets[0], checked.clauses, checked.claims, seed)


def _drop_items(sheet: FactSheet) -> tuple[Fact, ...]:
    """Return the facts without the seller's words for the whole set, so that each thing is named by its photos."""
    return tuple(fact for fact in sheet.facts if fact.group != "item" or fact.source == "photo")


def _add_to_story(sheet: FactSheet, story: str, seed: int) -> tuple[str, list[Claim]]:
    """Return a sentence with what the photos surely show and the seller's text does not say, and its claims."""
    said = frozenset((mention.group, mention.value) for mention in find_mentions(story))
    added = list(list_clauses(sheet, said, seed))[:MAX_ADDED_CLAIMS]
    words = [clause for clause, _ in added]
    sentence = ", ".join([*words[:1], *map(lower_first, words[1:])])
    return sentence[:1].upper() + sentence[1:], [claim for _, claim in added]
