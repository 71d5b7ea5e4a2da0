"""Listings: the photos and notes that a chat has collected."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Final

from sqlalchemy import ColumnElement, Select, Table, delete, func, select, union, update

from storage.records import ListingRecord, Note, PhotoFile
from storage.repositories.base import Insert, Repository, Row
from storage.repositories.facts import to_understanding
from storage.tables import listings, notes, photos

MAX_PHOTOS: Final = 30

_PHOTO = [column for column in photos.c if column.name not in ("listing_id", "user_id")]


class Listings(Repository):
    """Rows of `listings` with their photos and notes.

    A listing that was read stays locked until the transaction ends, so decisions based on its revision hold.
    """

    async def get_current(self, user_id: int) -> ListingRecord | None:
        """Return the listing that the user's next message joins."""
        return await self._first(listings.c.user_id == user_id, listings.c.collecting)

    async def get(self, listing_id: int) -> ListingRecord | None:
        """Return the listing with this id."""
        return await self._first(listings.c.id == listing_id)

    async def get_latest(self, user_id: int) -> ListingRecord | None:
        """Return the listing that was created last."""
        return await self._first(listings.c.user_id == user_id)

    async def get_by_album(self, user_id: int, album: str) -> ListingRecord | None:
        """Return the listing with a photo of the album."""
        mine = select(photos.c.listing_id).where(photos.c.user_id == user_id, photos.c.album == album)
        return await self._first(listings.c.id.in_(mine))

    async def get_by_message(self, user_id: int, message_id: int) -> ListingRecord | None:
        """Return the listing that a message of the user contributed to."""
        parts = [select(t.c.listing_id).where(t.c.user_id == user_id, t.c.message_id == message_id) for t in _PARTS]
        return await self._first(listings.c.id.in_(union(*parts)))

    async def list_recent(self, user_id: int, limit: int) -> list[ListingRecord]:
        """Return the user's listings, newest first."""
        return await self._load(_newest(listings.c.user_id == user_id).limit(limit))

    async def add(
        self, user_id: int, now: float, case: str | None = None, previous_id: int | None = None
    ) -> ListingRecord:
        """Create a listing; the user's others stop collecting."""
        await self._stop_collecting_all(user_id)
        values = {"user_id": user_id, "collecting": True, "revision": 0, "case": case, "wants_text": False}
        values["previous_id"] = previous_id
        row = await self._fetch_one(self._insert(listings).values(**values, created_at=now).returning(listings))
        assert row is not None
        return _listing(row, [], [])

    async def add_photo(self, listing_id: int, photo: PhotoFile) -> bool:
        """Add the photo; return False if it is there already or there are `MAX_PHOTOS`."""
        count: int = await self._scalar(select(func.count()).where(photos.c.listing_id == listing_id))
        if count >= MAX_PHOTOS:
            return False
        columns = [column.name for column in _PHOTO]
        values = {name: getattr(photo, name) for name in columns}
        return await self._execute(self._insert_part(photos, listing_id, values).on_conflict_do_nothing()) == 1

    async def delete_photo(self, listing_id: int, file_unique_id: str) -> None:
        """Remove the photo."""
        one = (photos.c.listing_id == listing_id) & (photos.c.file_unique_id == file_unique_id)
        await self._execute(delete(photos).where(one))

    async def set_note(self, listing_id: int, note: Note) -> None:
        """Insert the note or replace the one of the same message; an empty text deletes it."""
        if note.text:
            joined = self._insert_part(notes, listing_id, {"message_id": note.message_id, "text": note.text})
            key = ["listing_id", "message_id"]
            await self._execute(joined.on_conflict_do_update(index_elements=key, set_={"text": note.text}))
        else:
            one = (notes.c.listing_id == listing_id) & (notes.c.message_id == note.message_id)
            await self._execute(delete(notes).where(one))

    async def add_revision(self, listing_id: int, *, window_opened_at: float | None, card_due_at: float | None) -> None:
        """Increment the revision, and store when the quiet window opened and when it closes."""
        revision = listings.c.revision + 1
        await self._set(listing_id, revision=revision, window_opened_at=window_opened_at, card_due_at=card_due_at)

    async def claim_due(self, now: float, limit: int) -> list[ListingRecord]:
        """Return listings whose window is over, longest waiting first, and close their windows."""
        over = select(listings.c.id).where(listings.c.card_due_at <= now).order_by(listings.c.card_due_at)
        ids = [row["id"] for row in await self._fetch_all(over.limit(limit).with_for_update(skip_locked=True))]
        closed = {"card_due_at": None, "window_opened_at": None}
        await self._execute(update(listings).where(listings.c.id.in_(ids)).values(closed))
        found = {listing.id: listing for listing in await self._load(_newest(listings.c.id.in_(ids)))}
        return [found[listing_id] for listing_id in ids]

    async def get_next_due_at(self) -> float | None:
        """Return the time at which the next window closes."""
        due = listings.c.card_due_at
        first: float | None = await self._scalar(select(func.min(due)).where(due.is_not(None)))
        return first

    async def set_wants_text(self, listing_id: int, wanted: bool) -> None:
        """Store that a text is to be requested when the window closes."""
        await self._set(listing_id, wants_text=wanted)

    async def stop_collecting(self, listing_id: int) -> None:
        """Let the user's next message open another listing."""
        await self._set(listing_id, collecting=False)

    async def resume_collecting(self, listing_id: int) -> None:
        """Let the user's next message join this listing and no other."""
        owner: int = await self._scalar(select(listings.c.user_id).where(listings.c.id == listing_id))
        await self._stop_collecting_all(owner)
        await self._set(listing_id, collecting=True)

    async def forget_previous(self, listing_id: int) -> None:
        """Store that the listing is one of its own."""
        await self._set(listing_id, previous_id=None)

    async def move_content(self, listing_id: int, target_id: int) -> None:
        """Move the photos and notes of a listing to another one, without the photos that this one has already."""
        for part, key in zip(_PARTS, (photos.c.file_unique_id, notes.c.message_id), strict=True):
            known = select(key).where(part.c.listing_id == target_id)
            moved = update(part).where(part.c.listing_id == listing_id, key.not_in(known))
            await self._execute(moved.values(listing_id=target_id))
        await self.clear(listing_id)

    async def clear(self, listing_id: int) -> None:
        """Delete the photos, notes and case of the listing."""
        for part in _PARTS:
            await self._execute(delete(part).where(part.c.listing_id == listing_id))
        await self._set(listing_id, case=None)

    async def _first(self, *conditions: ColumnElement[bool]) -> ListingRecord | None:
        return next(iter(await self._load(_newest(*conditions).limit(1).with_for_update())), None)

    async def _load(self, statement: Select[tuple[object, ...]]) -> list[ListingRecord]:
        rows = await self._fetch_all(statement)
        ids = [row["id"] for row in rows]
        parts = [await self._load_parts(part, ids) for part in _PARTS]
        return [_listing(row, *(part[row["id"]] for part in parts)) for row in rows]

    async def _load_parts(self, part: Table, ids: Sequence[int]) -> defaultdict[int, list[Row]]:
        found: defaultdict[int, list[Row]] = defaultdict(list)
        if ids:
            for row in await self._fetch_all(
                select(part).where(part.c.listing_id.in_(ids)).order_by(part.c.message_id)
            ):
                found[row.pop("listing_id")].append(row)
        return found

    def _insert_part(self, part: Table, listing_id: int, values: Row) -> Insert:
        owner = select(listings.c.user_id).where(listings.c.id == listing_id).scalar_subquery()
        return self._insert(part).values(listing_id=listing_id, user_id=owner, **values)

    async def _stop_collecting_all(self, user_id: int) -> None:
        mine = (listings.c.user_id == user_id) & listings.c.collecting
        await self._execute(update(listings).where(mine).values(collecting=False))

    async def _set(self, listing_id: int, **values: object) -> None:
        await self._execute(update(listings).where(listings.c.id == listing_id).values(values))


_PARTS = (photos, notes)


def _newest(*conditions: ColumnElement[bool]) -> Select[tuple[object, ...]]:
    return select(listings).where(*conditions).order_by(listings.c.id.desc())


def _listing(row: Row, photo_rows: Sequence[Row], note_rows: Sequence[Row]) -> ListingRecord:
    pictures = tuple(PhotoFile(**{column.name: photo[column.name] for column in _PHOTO}) for photo in photo_rows)
    texts = tuple(Note(note["message_id"], note["text"]) for note in note_rows)
    stored = row["understanding"]
    understanding = None if stored is None else to_understanding(stored)
    values = {name: value for name, value in row.items() if name != "understood_revision"}
    return ListingRecord(**values | {"photos": pictures, "notes": texts, "understanding": understanding})
