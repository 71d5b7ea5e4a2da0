"""From a draft to a request and back: the card, asking for a text, taking it back."""

from __future__ import annotations

from collections.abc import Sequence

from bot.conversation import draft
from bot.conversation.chat import Chat
from bot.views import keyboards, replies
from inference.errors import Message
from inference.listing.validation import MAX_PHOTOS
from storage.records import ListingRecord, Request, RequestKind


def card_slot(listing_id: int) -> str:
    """The message that shows a listing: its draft, then the progress."""
    return f"card:{listing_id}"


async def show_draft(chat: Chat, listing: ListingRecord) -> None:
    """Show what has been collected, in the message that showed it before."""
    slot = card_slot(listing.id)
    if not listing.photos and not listing.notes:
        await chat.send(Message("card-empty"), slot=slot)
        return
    rewritten = await has_changed(chat, listing) is True
    text = replies.card(draft.build_draft(listing, chat.uow.rules.file_limit_mb), chat.translate, rewritten=rewritten)
    model = chat.checkpoint if chat.others(chat.checkpoint) else None
    await chat.send(text, keyboards.draft(listing.id, chat.translate, model), slot=slot)


async def submit_request(
    chat: Chat,
    listing: ListingRecord,
    checkpoints: Sequence[str],
    kind: RequestKind = "describe",
    *,
    again: bool = False,
) -> bool:
    """Ask for texts about the listing, one a checkpoint, or say why that cannot be; whether it was asked.

    `again`: there is a text already, so the progress is shown in a new message.
    """
    complaint = await _complaint(chat, listing)
    if complaint is not None:
        await _complain(chat, complaint)
        return False
    seed = await _unused_seed(chat, listing, checkpoints)
    request = await chat.tx.requests.add(listing, kind, checkpoints, seed, chat.uow.now)
    await chat.tx.listings.stop_collecting(listing.id)
    await chat.tx.listings.set_wants_text(listing.id, False)
    if again:
        await chat.tx.outbox.detach_slot(card_slot(listing.id))
    await show_place(chat, request, await chat.tx.requests.count_ahead(request.id))
    return True


async def hand_over(chat: Chat, listing: ListingRecord, request: Request, checkpoint: str) -> None:
    """Have another checkpoint write what was asked for."""
    seed = await _unused_seed(chat, listing, (checkpoint,))
    await chat.tx.requests.reassign(request.id, checkpoint, seed)


async def show_place(chat: Chat, request: Request, before: int) -> None:
    """Say how many are served before the request."""
    keyboard = keyboards.waiting(request.id, chat.translate)
    await chat.send(replies.place(before, chat.translate), keyboard, slot=card_slot(request.listing_id), priority=2)


async def has_changed(chat: Chat, listing: ListingRecord) -> bool | None:
    """Whether the listing is another than its last text was written about; None where there is no text."""
    texts = [each for each in await chat.tx.feedback.list_for_listing(listing.id) if each.generation.text is not None]
    request = await chat.tx.requests.get(texts[-1].request_id) if texts else None
    return None if request is None else request.revision < listing.revision


async def offer_cases(chat: Chat, text: Message) -> None:
    """A sentence, and the preloaded cases to try."""
    await chat.send(text, keyboards.cases(chat.uow.rules.cases, chat.language))


async def reopen(chat: Chat, listing: ListingRecord) -> None:
    """The request has come to nothing: the draft is there again."""
    if listing.case is not None:
        await chat.send(Message("case-ended"), slot=card_slot(listing.id))
        return
    if await chat.tx.listings.get_current(listing.user_id) is None:
        await chat.tx.listings.resume_collecting(listing.id)
    await show_draft(chat, listing)


async def _unused_seed(chat: Chat, listing: ListingRecord, checkpoints: Sequence[str]) -> int:
    """The first seed with which none of the checkpoints has written about the listing."""
    written = await chat.tx.feedback.list_for_listing(listing.id)
    return 1 + max((each.seed for each in written if each.generation.checkpoint in checkpoints), default=-1)


async def _complaint(chat: Chat, listing: ListingRecord) -> Message | None:
    """Why no text can be asked for now."""
    rules = chat.uow.rules
    if await chat.tx.requests.get_open(listing.id) is not None:
        return Message("already-writing")
    seen = draft.build_draft(listing, rules.file_limit_mb)
    if seen.problem is not None:
        return seen.problem
    if seen.is_empty and listing.case is None:
        return Message("draft-empty", {"limit": MAX_PHOTOS})
    if await chat.tx.requests.count_open(listing.user_id) >= rules.max_waiting_per_user:
        return Message("queue-own", {"count": rules.max_waiting_per_user})
    if await chat.tx.requests.count_open() >= rules.max_waiting:
        return Message("queue-full", {"count": rules.max_waiting})
    return None


async def _complain(chat: Chat, complaint: Message) -> None:
    if complaint.code == "already-writing":
        chat.toast(complaint)
    elif complaint.code == "draft-empty":
        await offer_cases(chat, complaint)
    else:
        await chat.send(complaint)
