"""Facts: what is understood of a draft, and what sellers answer about it."""

from __future__ import annotations

from dataclasses import asdict

from sqlalchemy import exists, select, update

from storage.records import Answer, KnownFact, ListingRecord, RefusedFile, Remark, Understanding
from storage.repositories.base import Repository, Row
from storage.tables import answers, listings, photos


class Facts(Repository):
    """The facts in `listings`, and rows of `answers`."""

    async def claim(self) -> int | None:
        """Return the id of a draft with photos whose facts were not read at its revision, and mark them as read.

        They are read once at most: a draft without them can be written about all the same.
        """
        unread = listings.c.understood_revision.is_(None) | (listings.c.understood_revision < listings.c.revision)
        is_settled = listings.c.card_due_at.is_(None) & listings.c.case.is_(None)
        has_photos = exists().where(photos.c.listing_id == listings.c.id)
        due = select(listings.c.id).where(listings.c.collecting, is_settled, unread, has_photos)
        oldest = due.order_by(listings.c.id).limit(1).with_for_update(skip_locked=True)
        listing_id: int | None = await self._scalar(oldest)
        if listing_id is not None:
            read = {"understood_revision": listings.c.revision}
            await self._execute(update(listings).where(listings.c.id == listing_id).values(read))
        return listing_id

    async def store(self, listing_id: int, understanding: Understanding) -> None:
        """Store the facts of the listing."""
        await self._set(listing_id, understanding=asdict(understanding))

    async def answer_item(self, listing: ListingRecord, item: str, now: float) -> None:
        """Store the thing as the seller names it."""
        await self._set(listing.id, item=item)
        await self._add_answer(listing, "item", item, now)

    async def answer_set(self, listing: ListingRecord, is_set: bool, now: float) -> None:
        """Store whether these are different things; the facts are read once more, of one thing or of each."""
        await self._set(listing.id, is_set=is_set, understood_revision=None)
        await self._add_answer(listing, "set", "many" if is_set else "one", now)

    async def list_answers(self) -> list[Answer]:
        """Return all answers, oldest first."""
        columns = (answers.c.id, answers.c.question, answers.c.value, answers.c.understanding, answers.c.source)
        rows = await self._fetch_all(select(*columns).order_by(answers.c.id))
        return [Answer(**row | {"understanding": to_understanding(row["understanding"])}) for row in rows]

    async def _add_answer(self, listing: ListingRecord, question: str, value: str, now: float) -> None:
        understanding = listing.understanding or Understanding(listing.revision)
        values = {
            "listing_id": listing.id,
            "user_id": listing.user_id,
            "question": question,
            "value": value,
            "understanding": asdict(understanding),
            "source": "\n".join(note.text for note in listing.notes),
            "answered_at": now,
        }
        await self._execute(self._insert(answers).values(**values))

    async def _set(self, listing_id: int, **values: object) -> None:
        await self._execute(update(listings).where(listings.c.id == listing_id).values(values))


def to_understanding(stored: Row) -> Understanding:
    """Return the record for stored facts."""
    facts = tuple(KnownFact(**fact) for fact in stored["facts"])
    # What older versions stored has not all of them.
    lists = {name: tuple(stored.get(name, ())) for name in ("photo_sha256", "unsure", "things")}
    refused = tuple(RefusedFile(**file) for file in stored.get("refused", ()))
    remarks = tuple(Remark(**remark) for remark in stored.get("remarks", ()))
    return Understanding(**stored | lists | {"facts": facts, "refused": refused, "remarks": remarks})
