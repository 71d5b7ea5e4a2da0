"""Format what is understood of a draft, and choose what to ask about it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from bot.views.text import shorten, to_html
from inference.errors import Message
from locales.translate import Translate
from storage.records import KnownFact, ListingRecord, Understanding

_SHOWN: Final = 0.5  # other facts of a photo are shown from this probability on
_COLOUR_SHOWN: Final = 0.35
_OFFERED: Final = 3  # items on buttons
_LENGTH: Final = 250  # of each of the two lists
# What a photo can show of a thing; the audience is guessed too badly to be shown.
_GROUPS: Final = (
    "item",
    "colour",
    "pattern",
    "sleeve",
    "neckline",
    "fastening",
    "hood",
    "length",
    "material",
)


@dataclass(frozen=True, slots=True)
class Questions:
    """What a draft card asks: which of these items it is, and whether these are different things."""

    items: tuple[str, ...] = ()
    asks_set: bool = False


NO_QUESTIONS: Final = Questions()


def choose_questions(listing: ListingRecord) -> Questions:
    """Return the questions about what the photos leave unsure and the seller has not said."""
    known = get_current(listing)
    if known is None or not known.facts:
        return NO_QUESTIONS
    asks_set = listing.is_set is None and "set" in known.unsure
    is_named = listing.item is not None or any(fact.group == "item" and fact.source != "photo" for fact in known.facts)
    if is_named or _is_set(listing, known) or "item" not in known.unsure:
        return Questions(asks_set=asks_set)
    items = dict.fromkeys(fact.value for fact in _list_photo_facts(known, "item"))
    return Questions(tuple(items)[:_OFFERED], asks_set)


def format_facts(listing: ListingRecord, translate: Translate) -> str:
    """Return what the photos show, what the seller says of it and what is wrong with them, a line each; "" without."""
    known = get_current(listing)
    if known is None:
        return ""
    seen = _list_things(known) if _is_set(listing, known) else _list_seen(known, translate)
    code = "card-sees-set" if _is_set(listing, known) else "card-sees"
    said = _list_said(listing, known)
    remarks = [f"⚠️ {to_html(translate, Message(remark.code, remark.details))}" for remark in known.remarks]
    lines = [
        *([to_html(translate, Message(code, {"facts": _join(seen)}))] if seen else []),
        *([to_html(translate, Message("card-said", {"facts": _join(said)}))] if said else []),
        *remarks,
    ]
    return "\n".join(lines)


def get_current(listing: ListingRecord) -> Understanding | None:
    """Return the facts of the listing as it is now."""
    known = listing.understanding
    return known if known is not None and known.revision == listing.revision else None


def _list_said(listing: ListingRecord, known: Understanding) -> list[str]:
    """Return what the seller says of what a photo could show; an answer stands for all other words for the thing."""
    groups = _GROUPS if listing.item is None else _GROUPS[1:]
    stated = [fact.phrase for fact in known.facts if fact.source != "photo" and fact.group in groups]
    return stated if listing.item is None else [listing.item, *stated]


def _list_seen(known: Understanding, translate: Translate) -> list[str]:
    """Return what the photos show of one thing: the likeliest item with its probability, and what is rather sure."""
    items = _list_photo_facts(known, "item")[:1]
    colours = [fact.phrase for fact in _list_photo_facts(known, "colour")[:1] if fact.probability >= _COLOUR_SHOWN]
    others = [
        fact.phrase
        for group in _GROUPS[2:]
        for fact in _list_photo_facts(known, group)[:2]
        if fact.probability >= _SHOWN
    ]
    named = [Message("seen-item", {"item": item.phrase, "percent": round(100 * item.probability)}) for item in items]
    return [*map(translate, named), *colours, *others]


def _list_things(known: Understanding) -> list[str]:
    """Return what the photos show of several things: the noun of each, else all that they may be."""
    return list(known.things) if len(known.things) > 1 else [fact.phrase for fact in _list_photo_facts(known, "item")]


def _list_photo_facts(known: Understanding, group: str) -> list[KnownFact]:
    """Return what the photos show of a group, the surest first."""
    facts = [fact for fact in known.facts if fact.group == group and fact.source == "photo"]
    return sorted(facts, key=lambda fact: -fact.probability)


def _is_set(listing: ListingRecord, known: Understanding) -> bool:
    return listing.is_set if listing.is_set is not None else (known.diversity or 0.0) >= 0.5


def _join(phrases: list[str]) -> str:
    return shorten(", ".join(dict.fromkeys(phrases)), _LENGTH)
