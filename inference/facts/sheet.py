"""All facts of one listing, merged: the seller outranks the photos, the seller's category narrows the thing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from inference.facts.lexicon import (
    WORD,
    Mention,
    are_alike,
    find_category,
    find_noun,
    fold,
    get_colour_families,
    get_kinds,
    get_specific_kinds,
    is_russian_word,
    is_womens,
    load_groups,
)
from inference.facts.types import Decision, Fact

# Probabilities from which a photo's value is said, where the classifier's card names none.
DEFAULT_THRESHOLD: Final = 0.45
COLOUR_THRESHOLD: Final = 0.25
SECOND_COLOUR: Final = 0.2
# A value is not said where all others of an exclusive group together reach this share of its probability.
MAX_RIVALS: Final = 0.6
_MENS: Final = frozenset({"мужской", "для мальчика"})


@dataclass(frozen=True)  # without slots, so that what is asked of each draft can be kept
class FactSheet:
    """What is known of one thing for sale, and what a text may therefore say of it.

    facts: the seller's first, then the photos' by falling probability. kinds: of the things that the seller's words
    allow, None for all. thresholds: `group.value` or `group` → the least probability of a photo's value that is said.
    vocabulary: folded words of the seller, which count as words whatever the dictionary says.
    """

    facts: tuple[Fact, ...] = ()
    kinds: frozenset[str] | None = None
    thresholds: Mapping[str, float] = field(default_factory=dict)
    vocabulary: frozenset[str] = frozenset()

    @classmethod
    def merge(cls, seller: Sequence[Fact], photo: Sequence[Fact], thresholds: Mapping[str, float]) -> FactSheet:
        """Merge the facts of a seller with those of the photos of one thing."""
        words = {fold(word[0]) for fact in seller for word in WORD.finditer(f"{fact.words} {fact.value}")}
        seen = sorted(photo, key=lambda fact: -fact.probability)
        return cls((*seller, *seen), _find_allowed_kinds(seller), thresholds, frozenset(words))

    @cached_property
    def item(self) -> str:
        """The noun for the thing: the seller's, else the photo's likeliest that the category allows; "" if unknown."""
        stated = next((find_noun(fact.value) for fact in self.get_stated("item") if find_noun(fact.value)), "")
        category = self.category
        if stated and category is None:
            return stated
        allowed = [fact.value for fact in self._seen.get("item", ()) if self.allows_item(fact.value)]
        return allowed[0] if allowed else stated

    @cached_property
    def colours(self) -> tuple[str, ...]:
        """The colours to name: the seller's only one, else the photo's surest and a second that is nearly as sure."""
        stated = list(dict.fromkeys(fact.value for fact in self.get_stated("colour")))
        if stated:
            return tuple(stated) if len(stated) == 1 else ()
        seen = [fact for fact in self._seen.get("colour", ()) if self._judge_colour(fact.value) == "seen"]
        others = [f for f in seen[1:] if f.probability >= SECOND_COLOUR and not are_alike(f.value, seen[0].value)]
        return tuple(fact.value for fact in (*seen[:1], *others[:1]))

    @cached_property
    def category(self) -> str | None:
        """The seller's words for a category («Топы и футболки»); None where the seller names a thing or nothing."""
        stated = self.get_stated("item")
        return stated[0].words if stated and find_category(stated[0].words) is not None else None

    def get_stated(self, group: str) -> list[Fact]:
        """Return what the seller says of a group."""
        return self._stated.get(group, [])

    @cached_property
    def _stated(self) -> Mapping[str, list[Fact]]:
        return _group(fact for fact in self.facts if fact.source != "photo")

    @cached_property
    def _seen(self) -> Mapping[str, list[Fact]]:
        return _group(fact for fact in self.facts if fact.source == "photo")

    def allows_item(self, noun: str) -> bool:
        """Return True for a noun that names a thing of an allowed kind; a blouse is none of a man's things."""
        kinds = get_kinds(noun)
        fits = self.kinds is None or not self.kinds.isdisjoint(kinds)
        return bool(kinds) and fits and not (is_womens(noun) and self._is_mens() and not self._names(noun))

    def _is_mens(self) -> bool:
        audiences = {fact.value for fact in self.get_stated("audience")} & set(load_groups()["audience"].values)
        return bool(audiences) and audiences <= _MENS

    def _names(self, noun: str) -> bool:
        return any(find_noun(fact.value) == noun for fact in self.get_stated("item"))

    def get_threshold(self, group: str, value: str) -> float:
        """Return the least probability from which a photo's value is said."""
        default = COLOUR_THRESHOLD if group == "colour" else DEFAULT_THRESHOLD
        return self.thresholds.get(f"{group}.{value}", self.thresholds.get(group, default))

    def list_sure(self) -> list[Fact]:
        """Return the values that the photos surely show and the item can have, the surest first."""
        item = self.item
        return [
            fact
            for fact in self.facts
            if fact.source == "photo"
            and fact.group in load_groups()
            and load_groups()[fact.group].kinds.get(fact.value, frozenset()) & get_kinds(item)
            and self.judge(Mention(fact.group, fact.value, 0, 0)) == "seen"
        ]

    def judge(self, mention: Mention) -> Decision:
        """Return how the facts stand to a claim."""
        if mention.group == "item":
            return self._judge_item(mention.value)
        if mention.group == "colour":
            return self._judge_colour(mention.value)
        group, stated = load_groups()[mention.group], self.get_stated(mention.group)
        if any(fact.value == mention.value for fact in stated):
            return "seller"
        if stated and (group.is_exclusive or group.is_seller_only):
            return "contradicts"
        if group.is_seller_only:
            return "unsure"
        seen = self._get_probabilities(mention.group)
        own = seen.pop(mention.value, 0.0)
        is_torn = group.is_exclusive and not group.is_mixed and sum(seen.values()) > MAX_RIVALS * own
        return "seen" if own >= self.get_threshold(mention.group, mention.value) and not is_torn else "unsure"

    def _get_probabilities(self, group: str) -> dict[str, float]:
        """Return value → probability of what the photos show of a group."""
        return {fact.value: fact.probability for fact in self._seen.get(group, ())}

    def _judge_item(self, noun: str) -> Decision:
        if not self.allows_item(noun):
            return "contradicts"
        stated = [find_noun(fact.value) for fact in self.get_stated("item")]
        if any(get_specific_kinds(each) & get_specific_kinds(noun) for each in stated if each):
            return "seller"
        return "seen" if not self.item or get_specific_kinds(self.item) & get_specific_kinds(noun) else "unsure"

    def _judge_colour(self, word: str) -> Decision:
        families = get_colour_families(word)
        if stated := self.get_stated("colour"):
            return "seller" if any(get_colour_families(each.value) & families for each in stated) else "contradicts"
        agreeing = [fact for fact in self._seen.get("colour", ()) if get_colour_families(fact.value) & families]
        return "seen" if sum(fact.probability for fact in agreeing) >= self.get_threshold("colour", word) else "unsure"

    def is_known_word(self, word: str) -> bool:
        """Return True for a Russian word and for a word of the seller's."""
        return fold(word) in self.vocabulary or is_russian_word(word)


def _group(facts: Iterable[Fact]) -> Mapping[str, list[Fact]]:
    groups: dict[str, list[Fact]] = defaultdict(list)
    for fact in facts:
        groups[fact.group].append(fact)
    return dict(groups)


def _find_allowed_kinds(seller: Sequence[Fact]) -> frozenset[str] | None:
    """Return the kinds that the seller's category or item leaves; None where the seller says nothing about it."""
    stated = [fact for fact in seller if fact.group == "item"]
    for fact in stated:
        category = find_category(fact.words)
        if category is not None:
            return category.kinds or None
    kinds = frozenset[str]().union(*(get_specific_kinds(find_noun(fact.value)) for fact in stated[:1]))
    return kinds or None
