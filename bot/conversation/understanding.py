"""What is understood of a draft: the facts that are shown, what is unsure, and the seller's answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from bot.conversation.chat import Chat
from bot.conversation.requests import show_draft
from inference.errors import InvalidInput, Message
from inference.facts.types import Fact
from inference.listing.types import Description
from storage.records import KnownFact, ListingRecord, PhotoFile, RefusedFile, Remark, Understanding

_ITEM_LENGTH: Final = 40
_REMARKS: Final = frozenset({"photos-blank", "photos-unknown"})  # what a seller can mend before the text is written


def to_understanding(result: Description, listing: ListingRecord, photo_sha256: Sequence[str]) -> Understanding:
    """Convert the facts of the engine into the record that is stored, each with its wording."""
    from inference.facts.compose import phrase_fact  # the lexicon, which the first answer need not wait for

    item = _find_item(result.facts)
    facts = tuple(
        KnownFact(fact.group, fact.value, phrase_fact(fact, item), fact.source, round(fact.probability, 3))
        for fact in result.facts
    )
    diversity = None if result.diversity is None else result.diversity.score
    reasons = [check.reason for check in result.moderation.checks if check.reason is not None]
    return Understanding(
        revision=listing.revision,
        facts=facts,
        diversity=diversity,
        photo_sha256=tuple(photo_sha256),
        unsure=result.unsure,
        refused=get_refused(listing),
        things=result.things,
        remarks=tuple(Remark(reason.code, reason.details) for reason in reasons if reason.code in _REMARKS),
    )


def get_refused(listing: ListingRecord) -> tuple[RefusedFile, ...]:
    """Return the files of a listing that a look inside has refused."""
    return listing.understanding.refused if listing.understanding is not None else ()


def refuse_file(listing: ListingRecord, photos: Sequence[PhotoFile], error: InvalidInput) -> ListingRecord | None:
    """Return the listing without the file that an error of validation names; None where it names none.

    photos: those that were validated, in order.
    """
    number = error.message.details.get("number")
    if not isinstance(number, int):
        return None
    details = {name: value for name, value in error.message.details.items() if name not in ("name", "number")}
    file = RefusedFile(photos[number - 1].file_unique_id, error.message.code, details)
    return replace(listing, understanding=Understanding(listing.revision, refused=(*get_refused(listing), file)))


async def show_understanding(chat: Chat, listing: ListingRecord, understanding: Understanding) -> None:
    """Store the facts of a draft and show them in its card, unless the draft has changed meanwhile."""
    if listing.revision != understanding.revision:
        return
    await chat.tx.facts.store(listing.id, understanding)
    is_open = listing.collecting and listing.card_due_at is None
    is_new = understanding.facts or understanding.remarks or understanding.refused != get_refused(listing)
    if is_open and is_new and await chat.tx.requests.get_open(listing.id) is None:
        await show_draft(chat, replace(listing, understanding=understanding))


async def fix_item(chat: Chat, listing: ListingRecord, item: str) -> None:
    """Store the thing as the seller names it, and show it in the card."""
    item = " ".join(item.split())[:_ITEM_LENGTH]
    await chat.tx.facts.answer_item(listing, item, chat.uow.now)
    await show_draft(chat, replace(listing, item=item))


async def fix_set(chat: Chat, listing: ListingRecord, is_set: bool) -> None:
    """Store whether these are different things, and show it in the card."""
    await chat.tx.facts.answer_set(listing, is_set, chat.uow.now)
    await show_draft(chat, replace(listing, is_set=is_set))


async def get_open_draft(chat: Chat, listing_id: int) -> ListingRecord | None:
    """Return the user's listing if its facts can still be fixed; else say why not."""
    listing = chat.check_own(await chat.tx.listings.get(listing_id))
    if listing is not None and await chat.tx.requests.get_open(listing.id) is not None:
        chat.toast(Message("already-writing"))
        return None
    return listing


def _find_item(facts: Sequence[Fact]) -> str:
    """Return the noun that adjectives agree with: the seller's, else the likeliest of the photos; "" without one."""
    from inference.facts.lexicon import find_noun

    nouns = (find_noun(fact.value) for fact in facts if fact.group == "item")
    return next((noun for noun in nouns if noun), "")
