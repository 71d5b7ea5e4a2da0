"""Collect a draft, and handle the buttons of its card."""

from __future__ import annotations

import logging
from dataclasses import replace

from aiogram import F, Router
from aiogram.types import CallbackQuery
from aiogram.types import Message as TelegramMessage

from bot.conversation.chat import Chat
from bot.conversation.collect import amend, collect, mark_changed
from bot.conversation.draft import build_draft
from bot.conversation.requests import get_card_slot, get_refusal_slot, reopen, show_draft, submit_request
from bot.telegram.commands import is_command
from bot.views.keyboards import (
    CancelRequest,
    ClearDraft,
    DropPhoto,
    Generate,
    JoinPrevious,
    KeepNew,
    StartNew,
    WriteAnyway,
    remove_buttons,
)
from inference.errors import Message
from storage.records import ListingRecord

logger = logging.getLogger(__name__)


async def collect_message(message: TelegramMessage, chat: Chat) -> None:
    """Add a photo or a text to the draft; it ends the wait for a corrected text or a name."""
    if chat.user.awaits_correction_of is not None or chat.user.awaits_item_of is not None:
        await chat.tx.users.await_correction(chat.user.id, None)
    await collect(chat, message)


async def amend_message(message: TelegramMessage, chat: Chat) -> None:
    """Replace the content of an edited message."""
    await amend(chat, message)


async def generate(_: object, callback_data: Generate, chat: Chat) -> None:
    """Submit the listing, or remember to do so once its last photo has arrived."""
    listing = chat.check_own(await chat.tx.listings.get(callback_data.listing))
    if listing is None:
        return
    if listing.card_due_at is not None:
        await chat.tx.listings.set_wants_text(listing.id, True)
        chat.toast(Message("waiting-for-photos"))
        return
    await submit_request(chat, listing, (chat.checkpoint,))


async def write_anyway(_: object, callback_data: WriteAnyway, chat: Chat) -> None:
    """Submit a listing that moderation warned of, where the owner allows it."""
    listing = chat.check_own(await chat.tx.listings.get(callback_data.listing))
    if listing is None:
        return
    if chat.uow.rules.warnings == "refuse":
        chat.toast(Message("button-stale"))
        return
    logger.info("listing %d is written in spite of a warning", listing.id)
    await submit_request(chat, listing, (chat.checkpoint,), insists=True)


async def clear_draft(_: object, callback_data: ClearDraft, chat: Chat) -> None:
    """Empty the draft."""
    listing = chat.check_own(await chat.tx.listings.get(callback_data.listing))
    if listing is None:
        return
    if await chat.tx.requests.get_open(listing.id) is not None:
        chat.toast(Message("already-writing"))
        return
    await chat.tx.listings.clear(listing.id)
    await _close_draft(chat, listing, Message("card-cleared"))


async def start_new(_: object, callback_data: StartNew, chat: Chat) -> None:
    """Put a refused draft aside as it is, so that the next message begins another one."""
    listing = chat.check_own(await chat.tx.listings.get(callback_data.listing))
    if listing is None:
        return
    if await chat.tx.requests.get_open(listing.id) is not None:
        chat.toast(Message("already-writing"))
        return
    await _close_draft(chat, listing, Message("card-left"))


async def keep_new(_: object, callback_data: KeepNew, chat: Chat) -> None:
    """Store that the draft is a listing of its own."""
    listing = await _get_undecided(chat, callback_data.listing)
    if listing is not None:
        await chat.tx.listings.forget_previous(listing.id)
        await show_draft(chat, replace(listing, previous_id=None))


async def join_previous(_: object, callback_data: JoinPrevious, chat: Chat) -> None:
    """Add the content of the draft to the listing before it, which becomes the draft."""
    listing = await _get_undecided(chat, callback_data.listing)
    previous = chat.check_own(await chat.tx.listings.get(listing.previous_id or 0)) if listing is not None else None
    if listing is None or previous is None:
        return
    await chat.tx.listings.move_content(listing.id, previous.id)
    await chat.tx.listings.forget_previous(listing.id)
    await _close_draft(chat, listing, Message("card-joined"))
    if await chat.tx.requests.get_open(previous.id) is None:  # else the text that is being written takes it in
        await chat.tx.listings.resume_collecting(previous.id)
    await mark_changed(chat, replace(previous, collecting=True))


async def _get_undecided(chat: Chat, listing_id: int) -> ListingRecord | None:
    """Return the user's listing while it may belong to the one before it; else say that the button is out of date."""
    listing = await chat.tx.listings.get(listing_id)
    return chat.check_own(listing if listing is not None and listing.previous_id is not None else None)


async def drop_photo(query: CallbackQuery, callback_data: DropPhoto, chat: Chat) -> None:
    """Remove a photo from the draft, and its button from the refusal; the card follows."""
    listing = chat.check_own(await chat.tx.listings.get(callback_data.listing))
    if listing is None:
        return
    photo = next((photo for photo in listing.photos if photo.message_id == callback_data.message), None)
    if photo is None:
        chat.toast(Message("button-stale"))
        return
    await chat.tx.listings.delete_photo(listing.id, photo.file_unique_id)
    chat.toast(Message("photo-dropped"))
    await mark_changed(chat, listing)
    if isinstance(query.message, TelegramMessage) and query.message.reply_markup is not None:
        left = await chat.tx.listings.get(listing.id)
        is_empty = left is None or build_draft(left, chat.uow.rules.file_limit_mb).is_empty
        gone = [callback_data, *([Generate(listing=listing.id)] if is_empty else [])]
        await chat.set_keyboard(get_refusal_slot(listing.id), remove_buttons(query.message.reply_markup, *gone))


async def cancel_request(_: object, callback_data: CancelRequest, chat: Chat) -> None:
    """Cancel a request that waits in the queue."""
    request = chat.check_own(await chat.tx.requests.get(callback_data.request))
    if request is None:
        return
    listing = chat.check_own(await chat.tx.listings.get(request.listing_id))
    if listing is None or request.state != "pending":
        chat.toast(Message("too-late-to-cancel"))
        return
    await chat.tx.requests.finish(request.id, "failed", chat.uow.now, "cancelled")
    await reopen(chat, listing)


async def _close_draft(chat: Chat, listing: ListingRecord, farewell: Message) -> None:
    """Let the next message begin another draft; the card says so, and nothing can be pressed any more."""
    await chat.tx.listings.add_revision(listing.id, window_opened_at=None, card_due_at=None)
    await chat.tx.listings.set_wants_text(listing.id, False)
    await chat.tx.listings.stop_collecting(listing.id)
    await chat.set_keyboard(get_refusal_slot(listing.id), None)
    await chat.send(farewell, slot=get_card_slot(listing.id), moves=True)


def build_router() -> Router:
    """Build the router of this module."""
    router = Router()
    router.message.register(collect_message, F.photo | F.document | F.animation | (F.text & ~F.text.func(is_command)))
    router.edited_message.register(amend_message)
    router.callback_query.register(generate, Generate.filter())
    router.callback_query.register(write_anyway, WriteAnyway.filter())
    router.callback_query.register(clear_draft, ClearDraft.filter())
    router.callback_query.register(start_new, StartNew.filter())
    router.callback_query.register(keep_new, KeepNew.filter())
    router.callback_query.register(join_previous, JoinPrevious.filter())
    router.callback_query.register(drop_photo, DropPhoto.filter())
    router.callback_query.register(cancel_request, CancelRequest.filter())
    return router
