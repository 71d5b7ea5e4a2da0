"""Rows that the tests of storage need, with dull content."""

from __future__ import annotations

from dataclasses import replace

from storage.records import DescriptionRecord, Generation, ListingRecord, OutgoingMessage, PhotoFile, Request
from storage.store import Transaction

USER = 5_000_000_000  # more than 32 bits, as Telegram's newer ids
OTHER = USER + 1
NOW = 1_750_000_000.5

PHOTO = PhotoFile("unique", "file", 10, None, "photo", None, None, 1000)
WRITTEN = Generation(
    checkpoint="mini",
    text="Куртка за 5000 рублей.",
    draft="Куртка за <PRICE> рублей.",
    masked="Цена: <PRICE>",
    mode="photos+text",
    diversity=0.25,
    scores={"clipscore_mean": 0.5, "bertscore": None},
    timings={"generate_s": 0.25, "total_s": 0.5},
    moderation=[{"name": "photos", "passed": True, "score": 0.0, "reason": None}],
    photo_sha256=("a" * 64, "b" * 64),
)


def photo(number: int, album: str | None = None) -> PhotoFile:
    """A photo of its own in the message of this number."""
    return replace(PHOTO, file_unique_id=f"unique{number}", message_id=number, album=album)


def message(chat_id: int = USER, text: str = "текст", **more: object) -> OutgoingMessage:
    """A message for the chat."""
    return replace(OutgoingMessage(chat_id, text), **more)  # type: ignore[arg-type]  # fields by name


async def new_listing(tx: Transaction, user_id: int = USER) -> ListingRecord:
    """An open listing of a user who is made where needed."""
    await tx.users.get_or_create(user_id, NOW)
    return await tx.listings.add(user_id, NOW)


async def new_request(tx: Transaction, user_id: int = USER) -> Request:
    """A request for a text of a new listing."""
    return await tx.requests.add(await new_listing(tx, user_id), "describe", ["mini"], 0, NOW)


async def new_description(tx: Transaction, written: Generation = WRITTEN, user_id: int = USER) -> DescriptionRecord:
    """A description of a new listing."""
    return await tx.feedback.add(await new_request(tx, user_id), written, NOW)
