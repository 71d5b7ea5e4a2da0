"""Turn drafts into requests and back: the draft card, submitting, handing over, reopening."""

from __future__ import annotations

from collections.abc import Sequence

from bot.conversation.chat import Chat
from bot.conversation.draft import build_draft
from bot.views.draft import format_card, format_place
from bot.views.facts import choose_questions, format_facts
from bot.views.keyboards import (
    build_cases_keyboard,
    build_draft_keyboard,
    build_refusal_keyboard,
    build_waiting_keyboard,
)
from inference.errors import Message
from inference.listing.validation import MAX_PHOTOS
from storage.records import ListingRecord, Request, RequestKind


def get_card_slot(listing_id: int) -> str:
    """Return the slot of the message that shows a listing: its draft, then the progress."""
    return f"card:{listing_id}"


def get_refusal_slot(listing_id: int) -> str:
    """Return the slot of the message that says why the latest text of a listing was refused."""
    return f"refusal:{listing_id}"


async def show_draft(chat: Chat, listing: ListingRecord) -> None:
    """Show the draft card as the last message of the chat."""
    slot = get_card_slot(listing.id)
    if not listing.photos and not listing.notes:
        await chat.send(Message("card-empty"), slot=slot, moves=True)
        return
    draft = build_draft(listing, chat.uow.rules.file_limit_mb)
    asks, questions = listing.previous_id is not None, choose_questions(listing)
    text = format_card(
        draft,
        chat.translate,
        is_rewritten=await has_changed(chat, listing) is True,
        asks_whether_new=asks,
        facts=format_facts(listing, chat.translate),
        questions=questions,
    )
    model = chat.name_model(chat.checkpoint) if chat.list_other_cards(chat.checkpoint) else None
    keyboard = build_draft_keyboard(
        listing.id, chat.translate, model, is_empty=draft.is_empty, asks_whether_new=asks, questions=questions
    )
    await chat.send(text, keyboard, slot=slot, moves=True)


async def submit_request(
    chat: Chat,
    listing: ListingRecord,
    checkpoints: Sequence[str],
    kind: RequestKind = "describe",
    *,
    again: bool = False,
    insists: bool = False,
) -> bool:
    """Enqueue a request for one text per checkpoint and show its place, or say why not; return whether it was enqueued.

    `again`: the listing has a text already, so the progress is shown in a new message. `insists`: in spite of the
    warnings of moderation, which are not repeated for the same revision of a listing.
    """
    obstacle = await _find_obstacle(chat, listing)
    if obstacle is not None:
        await _show_obstacle(chat, listing, obstacle)
        return False
    seed = await _pick_seed(chat, listing, checkpoints)
    latest = await chat.tx.requests.get_latest(listing.id)
    insists = insists or (latest is not None and latest.insists and latest.revision == listing.revision)
    request = await chat.tx.requests.add(listing, kind, checkpoints, seed, chat.uow.now, insists=insists)
    await chat.tx.listings.stop_collecting(listing.id)
    await chat.tx.listings.set_wants_text(listing.id, False)
    await chat.tx.listings.forget_previous(listing.id)
    if again:
        await chat.tx.outbox.detach_slot(get_card_slot(listing.id))
    await chat.set_keyboard(get_refusal_slot(listing.id), None)
    await show_place(chat, request, await chat.tx.requests.count_ahead(request.id), moves=True)
    return True


async def hand_over(chat: Chat, listing: ListingRecord, request: Request, checkpoint: str) -> None:
    """Let another checkpoint write the text of a request."""
    seed = await _pick_seed(chat, listing, (checkpoint,))
    await chat.tx.requests.reassign(request.id, checkpoint, seed)


async def show_place(chat: Chat, request: Request, before: int, *, moves: bool = False) -> None:
    """Show how many requests are served before this one; `moves`: as the last message of the chat."""
    text, keyboard = format_place(before, chat.translate), build_waiting_keyboard(request.id, chat.translate)
    await chat.send(text, keyboard, slot=get_card_slot(request.listing_id), priority=2, moves=moves)


async def has_changed(chat: Chat, listing: ListingRecord) -> bool | None:
    """Return whether the listing has changed since its latest text; None where there is no text."""
    descriptions = await chat.tx.feedback.list_for_listing(listing.id)
    with_text = [description for description in descriptions if description.generation.text is not None]
    request = await chat.tx.requests.get(with_text[-1].request_id) if with_text else None
    return None if request is None else request.revision < listing.revision


async def offer_cases(chat: Chat, text: Message) -> None:
    """Send a sentence with the preloaded cases below it."""
    await chat.send(text, build_cases_keyboard(chat.uow.rules.cases, chat.language))


async def reopen(chat: Chat, listing: ListingRecord) -> None:
    """Show the draft again after its request ended without a text."""
    if listing.case is not None:
        await chat.send(Message("case-ended"), slot=get_card_slot(listing.id))
        return
    if await chat.tx.listings.get_current(listing.user_id) is None:
        await chat.tx.listings.resume_collecting(listing.id)
    await show_draft(chat, listing)


async def _pick_seed(chat: Chat, listing: ListingRecord, checkpoints: Sequence[str]) -> int:
    """Return the first seed that none of the checkpoints has used for the listing."""
    descriptions = await chat.tx.feedback.list_for_listing(listing.id)
    seeds = (each.seed for each in descriptions if each.generation.checkpoint in checkpoints)
    return 1 + max(seeds, default=-1)


async def _find_obstacle(chat: Chat, listing: ListingRecord) -> Message | None:
    """Return why the listing cannot be submitted now."""
    rules = chat.uow.rules
    if await chat.tx.requests.get_open(listing.id) is not None:
        return Message("already-writing")
    draft = build_draft(listing, rules.file_limit_mb)
    if draft.problem is not None:
        return draft.problem
    if draft.is_empty and listing.case is None:
        return Message("draft-empty", {"limit": MAX_PHOTOS})
    if await chat.tx.requests.count_open(listing.user_id) >= rules.max_waiting_per_user:
        return Message("queue-own", {"count": rules.max_waiting_per_user})
    if await chat.tx.requests.count_open() >= rules.max_waiting:
        return Message("queue-full", {"count": rules.max_waiting})
    return None


async def _show_obstacle(chat: Chat, listing: ListingRecord, obstacle: Message) -> None:
    """Say why a listing cannot be submitted; the card of an open draft follows with its buttons."""
    if obstacle.code == "already-writing":
        chat.toast(obstacle)
    elif obstacle.code == "draft-empty":
        await offer_cases(chat, obstacle)
    elif listing.collecting and listing.case is None:
        keyboard = build_refusal_keyboard(listing.id, (), chat.translate)
        await chat.send(obstacle, keyboard, slot=get_refusal_slot(listing.id), fresh=True)
        await show_draft(chat, listing)
    else:
        await chat.send(obstacle)
