"""From messages to listings: which listing a message belongs to, what it adds, and when its card is due.

Albums have no end mark: a card is due when nothing came for a while, and late photos join the listing of their album.
"""

from __future__ import annotations

from typing import Final

from aiogram.types import Message as TelegramMessage

from bot.conversation.chat import Chat
from bot.conversation.requests import card_slot
from storage.records import ListingRecord, Note, PhotoFile, PhotoKind

_DRAFT_AGE_S: Final = 12 * 3600  # a message joins no draft that is older: it is about something else
_CARD_AGE_S: Final = 15 * 60  # a card that is older has scrolled away: it is shown anew


def photo_of(message: TelegramMessage) -> PhotoFile | None:
    """The photo, document or animation of a message; its pixels are nobody's business here."""
    number, album = message.message_id, message.media_group_id
    if message.photo:
        size = max(message.photo, key=lambda photo: photo.width * photo.height)
        return PhotoFile(size.file_unique_id, size.file_id, number, album, "photo", None, None, size.file_size)
    file = message.animation or message.document  # an animation calls itself a document, too
    if file is None:
        return None
    kind: PhotoKind = "animation" if message.animation else "document"
    described = (file.file_name, file.mime_type, file.file_size)
    return PhotoFile(file.file_unique_id, file.file_id, number, album, kind, *described)


async def collect(chat: Chat, message: TelegramMessage) -> None:
    """Add what the message brings to its listing."""
    listing = await _listing_of(chat, message)
    photo, text = photo_of(message), message.text or message.caption
    added = photo is not None and await chat.tx.listings.add_photo(listing.id, photo)
    if text:
        await chat.tx.listings.set_note(listing.id, Note(message.message_id, text))
    if added or text:
        await mark_changed(chat, listing)


async def amend(chat: Chat, message: TelegramMessage) -> None:
    """Put an edited message in the place of the old one."""
    listing = await chat.tx.listings.get_by_message(chat.user.id, message.message_id)
    if listing is None:
        return
    amended = await _amend_photo(chat, listing, message)
    note = Note(message.message_id, message.text or message.caption or "")
    if note.text != next((old.text for old in listing.notes if old.message_id == note.message_id), ""):
        await chat.tx.listings.set_note(listing.id, note)
        amended = True
    if amended:
        await mark_changed(chat, listing)


async def mark_changed(chat: Chat, listing: ListingRecord) -> None:
    """The listing is another now: its card is due soon, or the text that is being written is of the past."""
    tx, now, rules = chat.tx, chat.uow.now, chat.uow.rules
    request = await tx.requests.get_open(listing.id)
    if request is not None:
        await tx.listings.add_revision(listing.id, window_opened_at=None, card_due_at=None)
        if request.state == "pending":  # one that runs is written anew when it comes to be delivered
            await tx.requests.requeue(request.id, listing.revision + 1)
        return
    if not listing.collecting and await tx.listings.get_current(chat.user.id) is None:
        await tx.listings.resume_collecting(listing.id)
    if not listing.collecting or now - listing.created_at > _CARD_AGE_S:
        await tx.outbox.detach_slot(card_slot(listing.id))
    opened = now if listing.window_opened_at is None else listing.window_opened_at
    due = min(now + rules.album_quiet_s, opened + rules.album_limit_s)
    await tx.listings.add_revision(listing.id, window_opened_at=opened, card_due_at=due)


async def _listing_of(chat: Chat, message: TelegramMessage) -> ListingRecord:
    if message.media_group_id:
        listing = await chat.tx.listings.get_by_album(chat.user.id, message.media_group_id)
        if listing is not None:
            return listing
    listing = await chat.tx.listings.get_current(chat.user.id)
    if listing is not None and listing.case is None and chat.uow.now - listing.created_at < _DRAFT_AGE_S:
        return listing
    return await chat.tx.listings.add(chat.user.id, chat.uow.now)


async def _amend_photo(chat: Chat, listing: ListingRecord, message: TelegramMessage) -> bool:
    photo = photo_of(message)
    old = [each for each in listing.photos if each.message_id == message.message_id]
    if photo is None or photo.file_unique_id in {each.file_unique_id for each in old}:
        return False
    for each in old:
        await chat.tx.listings.delete_photo(listing.id, each.file_unique_id)
    return await chat.tx.listings.add_photo(listing.id, photo)
