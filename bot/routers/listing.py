"""Collecting a draft, and the buttons under its card."""

from __future__ import annotations

from aiogram import F, Router
from aiogram.types import Message as TelegramMessage

from bot.conversation.chat import Chat
from bot.conversation.collect import amend, collect, mark_changed
from bot.conversation.requests import card_slot, reopen, submit_request
from bot.views.keyboards import Cancel, Clear, Drop, Generate
from inference.errors import Message


async def take(message: TelegramMessage, chat: Chat) -> None:
    """Add a photo or a text to the draft; a photo says that no corrected text will come."""
    if chat.user.awaits_correction_of is not None:
        await chat.tx.users.await_correction(chat.user.id, None)
    await collect(chat, message)


async def take_edited(message: TelegramMessage, chat: Chat) -> None:
    """Put an edited message in the place of the old one."""
    await amend(chat, message)


async def generate(_: object, callback_data: Generate, chat: Chat) -> None:
    """Ask for a text, as soon as everything has arrived."""
    listing = chat.own(await chat.tx.listings.get(callback_data.listing))
    if listing is None:
        return
    if listing.card_due_at is not None:
        await chat.tx.listings.set_wants_text(listing.id, True)
        chat.toast(Message("waiting-for-photos"))
        return
    await submit_request(chat, listing, (chat.checkpoint,))


async def clear(_: object, callback_data: Clear, chat: Chat) -> None:
    """Empty the draft."""
    listing = chat.own(await chat.tx.listings.get(callback_data.listing))
    if listing is None:
        return
    if await chat.tx.requests.get_open(listing.id) is not None:
        chat.toast(Message("already-writing"))
        return
    await chat.tx.listings.clear(listing.id)
    await chat.tx.listings.add_revision(listing.id, window_opened_at=None, card_due_at=None)
    await chat.tx.listings.set_wants_text(listing.id, False)
    await chat.tx.listings.stop_collecting(listing.id)
    await chat.send(Message("card-cleared"), slot=card_slot(listing.id))


async def drop(_: object, callback_data: Drop, chat: Chat) -> None:
    """Take a photo out of the draft."""
    listing = chat.own(await chat.tx.listings.get(callback_data.listing))
    if listing is None:
        return
    photo = next((each for each in listing.photos if each.message_id == callback_data.message), None)
    if photo is None:
        chat.toast(Message("button-stale"))
        return
    await chat.tx.listings.delete_photo(listing.id, photo.file_unique_id)
    chat.toast(Message("photo-dropped"))
    await mark_changed(chat, listing)


async def cancel(_: object, callback_data: Cancel, chat: Chat) -> None:
    """Take a request back that waits for its turn."""
    request = chat.own(await chat.tx.requests.get(callback_data.request))
    if request is None:
        return
    listing = chat.own(await chat.tx.listings.get(request.listing_id))
    if listing is None or request.state != "pending":
        chat.toast(Message("too-late-to-cancel"))
        return
    await chat.tx.requests.finish(request.id, "failed", chat.uow.now, "cancelled")
    await reopen(chat, listing)


def build() -> Router:
    """The router of this topic."""
    router = Router()
    router.message.register(take, F.photo | F.document | F.animation | (F.text & ~F.text.startswith("/")))
    router.edited_message.register(take_edited)
    router.callback_query.register(generate, Generate.filter())
    router.callback_query.register(clear, Clear.filter())
    router.callback_query.register(drop, Drop.filter())
    router.callback_query.register(cancel, Cancel.filter())
    return router
