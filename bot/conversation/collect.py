"""Collect messages into listings: find the listing of a message, add its content, schedule the card.

Albums have no end mark: a card is due when nothing came for a while, and late photos join the listing of their album.
"""

from __future__ import annotations

from typing import Final

from aiogram.enums import MessageEntityType
from aiogram.types import Message as TelegramMessage

from bot.conversation.chat import Chat
from bot.conversation.requests import get_card_slot
from storage.records import ListingRecord, Note, PhotoFile, PhotoKind

_DRAFT_AGE_S: Final = 12 * 3600  # a message does not join an older draft: it is about something else


def extract_photo(message: TelegramMessage) -> PhotoFile | None:
    """Return the photo, document or animation of a message, without downloading it."""
    number, album = message.message_id, message.media_group_id
    if message.photo:
        size = max(message.photo, key=lambda photo: photo.width * photo.height)
        return PhotoFile(size.file_unique_id, size.file_id, number, album, "photo", None, None, size.file_size)
    file = message.animation or message.document  # Telegram sets `document` for an animation, too
    if file is None:
        return None
    kind: PhotoKind = "animation" if message.animation else "document"
    return PhotoFile(
        file.file_unique_id, file.file_id, number, album, kind, file.file_name, file.mime_type, file.file_size
    )


def extract_text(message: TelegramMessage) -> str:
    """Return the text or the caption of a message without what the sender struck through, such as an old price."""
    text, entities = message.text or message.caption or "", message.entities or message.caption_entities or ()
    units = text.encode("utf-16-le")  # Telegram counts in units of two bytes
    struck = [entity for entity in entities if entity.type == MessageEntityType.STRIKETHROUGH]
    for entity in sorted(struck, key=lambda entity: entity.offset, reverse=True):
        units = units[: 2 * entity.offset] + units[2 * (entity.offset + entity.length) :]
    return units.decode("utf-16-le", errors="ignore").strip()


async def collect(chat: Chat, message: TelegramMessage) -> None:
    """Add the photo and the text of a message to its listing."""
    listing = await _find_listing(chat, message)
    photo, text = extract_photo(message), extract_text(message)
    is_added = photo is not None and await chat.tx.listings.add_photo(listing.id, photo)
    if text:
        await chat.tx.listings.set_note(listing.id, Note(message.message_id, text))
    if is_added or text:
        await mark_changed(chat, listing)


async def amend(chat: Chat, message: TelegramMessage) -> None:
    """Replace the photo and the text of a message that was edited."""
    listing = await chat.tx.listings.get_by_message(chat.user.id, message.message_id)
    if listing is None:
        return
    is_amended = await _amend_photo(chat, listing, message)
    note = Note(message.message_id, extract_text(message))
    if note.text != next((old.text for old in listing.notes if old.message_id == note.message_id), ""):
        await chat.tx.listings.set_note(listing.id, note)
        is_amended = True
    if is_amended:
        await mark_changed(chat, listing)


async def mark_changed(chat: Chat, listing: ListingRecord) -> None:
    """Schedule the card of a changed listing, or renew the request that describes its old revision."""
    tx, now, rules = chat.tx, chat.uow.now, chat.uow.rules
    request = await tx.requests.get_open(listing.id)
    if request is not None:
        await tx.listings.add_revision(listing.id, window_opened_at=None, card_due_at=None)
        if request.state == "pending":  # a running one is renewed when its result is delivered
            await tx.requests.requeue(request.id, listing.revision + 1)
        return
    if not listing.collecting and await tx.listings.get_current(chat.user.id) is None:
        await tx.listings.resume_collecting(listing.id)
    if not listing.collecting:  # its card has become the record of a text
        await tx.outbox.detach_slot(get_card_slot(listing.id))
    opened_at = now if listing.window_opened_at is None else listing.window_opened_at
    due_at = min(now + rules.album_quiet_s, opened_at + rules.album_limit_s)
    await tx.listings.add_revision(listing.id, window_opened_at=opened_at, card_due_at=due_at)


async def _find_listing(chat: Chat, message: TelegramMessage) -> ListingRecord:
    if message.media_group_id:
        listing = await chat.tx.listings.get_by_album(chat.user.id, message.media_group_id)
        if listing is not None:
            return listing
    current = await chat.tx.listings.get_current(chat.user.id)
    if current is not None and (current.case is not None or _is_old(chat, current)):
        current = None
    previous = await _find_previous(chat, current) if message.media_group_id else None
    if current is not None and previous is None:
        return current
    return await chat.tx.listings.add(chat.user.id, chat.uow.now, previous_id=None if previous is None else previous.id)


async def _find_previous(chat: Chat, current: ListingRecord | None) -> ListingRecord | None:
    """Return the listing that a new album may belong to: the latest one, once it was written or refused as it is."""
    recent = [current] if current is not None else await chat.tx.listings.list_recent(chat.user.id, limit=5)
    latest = next((each for each in recent if each.case is None and (each.photos or each.notes)), None)
    if latest is None or _is_old(chat, latest):
        return None
    request = await chat.tx.requests.get_latest(latest.id)
    has_ended = request is not None and request.state in ("done", "rejected", "failed") and request.error != "cancelled"
    return latest if has_ended and request is not None and request.revision == latest.revision else None


def _is_old(chat: Chat, listing: ListingRecord) -> bool:
    return chat.uow.now - listing.created_at >= _DRAFT_AGE_S


async def _amend_photo(chat: Chat, listing: ListingRecord, message: TelegramMessage) -> bool:
    photo = extract_photo(message)
    replaced = [old for old in listing.photos if old.message_id == message.message_id]
    if photo is None or photo.file_unique_id in {old.file_unique_id for old in replaced}:
        return False
    for old in replaced:
        await chat.tx.listings.delete_photo(listing.id, old.file_unique_id)
    return await chat.tx.listings.add_photo(listing.id, photo)
