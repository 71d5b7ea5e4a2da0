"""Generated texts and the feedback of users: votes, reasons, corrections, blind comparisons."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from statistics import median
from typing import Final

from sqlalchemy import Select, Table, delete, select, update

from storage.records import Choice, Comparison, DescriptionRecord, Generation, Request, Stats
from storage.repositories.base import Repository, Row
from storage.repositories.stats import StatsQueries
from storage.tables import comparisons, corrections, descriptions, listings, notes, votes

MEDIAN_WINDOW: Final = 50

_COMPARISON = (
    comparisons.c.id,
    comparisons.c.listing_id,
    comparisons.c.user_id,
    comparisons.c.first_id.label("first"),
    comparisons.c.second_id.label("second"),
    comparisons.c.choice,
)
_WRITTEN = tuple(Generation.__dataclass_fields__)
_OWN = ("id", "listing_id", "request_id", "user_id", "seed", "created_at", "vote", "reason", "correction", "source")


class Feedback(Repository):
    """Rows of `descriptions`, `votes`, `corrections` and `comparisons`."""

    async def add(
        self, request: Request, written: Generation, now: float, seed: int | None = None
    ) -> DescriptionRecord:
        """Store a generated text with the notes that it was generated from; `seed`: where it is not the request's."""
        values: Row = {name: getattr(request, name) for name in ("listing_id", "user_id", "seed")}
        values |= {"request_id": request.id, "created_at": now} | ({} if seed is None else {"seed": seed})
        values |= await self._source(request.listing_id)
        values |= _plain(written)
        description_id = await self._scalar(self._insert(descriptions).values(values).returning(descriptions.c.id))
        description = await self.get(description_id)
        assert description is not None
        return description

    async def get(self, description_id: int) -> DescriptionRecord | None:
        """Return the description with this id."""
        found = await self._descriptions(_select_judged().where(descriptions.c.id == description_id))
        return next(iter(found), None)

    async def list_for_listing(self, listing_id: int) -> list[DescriptionRecord]:
        """Return all descriptions of the listing, oldest first."""
        mine = _select_judged().where(descriptions.c.listing_id == listing_id)
        return await self._descriptions(mine.order_by(descriptions.c.id))

    async def list_recent(self, user_id: int, limit: int) -> list[DescriptionRecord]:
        """Return the user's descriptions, newest first."""
        mine = _select_judged().where(descriptions.c.user_id == user_id)
        return await self._descriptions(mine.order_by(descriptions.c.id.desc()).limit(limit))

    async def set_vote(self, description_id: int, user_id: int, value: int, reason: str | None, now: float) -> bool:
        """Store the vote (1 or -1), replacing an earlier one; return False if the description is not the user's."""
        vote = {"value": value, "reason": reason, "voted_at": now}
        return await self._judge(votes, description_id, user_id, vote)

    async def withdraw_vote(self, description_id: int, user_id: int) -> None:
        """Delete the user's vote and its reason."""
        own = (votes.c.description_id == description_id) & (votes.c.user_id == user_id)
        await self._execute(delete(votes).where(own))

    async def set_correction(
        self, description_id: int, user_id: int, text: str, diff: str, now: float, message_id: int | None = None
    ) -> bool:
        """Store the user's text, replacing an earlier one; return False if the description is not the user's.

        message_id: of the message that the text came in.
        """
        correction = {"text": text, "diff": diff, "corrected_at": now, "message_id": message_id}
        return await self._judge(corrections, description_id, user_id, correction)

    async def get_by_correction(self, user_id: int, message_id: int) -> DescriptionRecord | None:
        """Return the description that a message of the user corrected."""
        own = (corrections.c.user_id == user_id) & (corrections.c.message_id == message_id)
        return next(iter(await self._descriptions(_select_judged().where(own))), None)

    async def add_comparison(self, listing_id: int, user_id: int, first: int, second: int, now: float) -> Comparison:
        """Store the two descriptions that the user is shown, in this order."""
        values = {"listing_id": listing_id, "user_id": user_id, "first_id": first, "second_id": second}
        added = self._insert(comparisons).values(**values, created_at=now).returning(*_COMPARISON)
        row = await self._fetch_one(added)
        assert row is not None
        return Comparison(**row)

    async def get_comparison(self, comparison_id: int) -> Comparison | None:
        """Return the comparison with this id."""
        row = await self._fetch_one(select(*_COMPARISON).where(comparisons.c.id == comparison_id))
        return Comparison(**row) if row else None

    async def set_choice(self, comparison_id: int, choice: Choice, now: float) -> bool:
        """Store the choice; return False if one exists, because the names are revealed after it."""
        open_one = (comparisons.c.id == comparison_id) & comparisons.c.choice.is_(None)
        return await self._execute(update(comparisons).where(open_one).values(choice=choice, chosen_at=now)) == 1

    async def get_median_generate_s(self, checkpoint: str) -> float | None:
        """Return the median generation time of the checkpoint's latest texts in seconds."""
        with_text = (descriptions.c.checkpoint == checkpoint) & descriptions.c.text.is_not(None)
        latest = select(descriptions.c.timings).where(with_text)
        rows = await self._fetch_all(latest.order_by(descriptions.c.id.desc()).limit(MEDIAN_WINDOW))
        seconds = [row["timings"]["generate_s"] for row in rows if "generate_s" in row["timings"]]
        return median(seconds) if seconds else None

    async def get_stats(self) -> Stats:
        """Return the figures of the service."""
        return await StatsQueries(self._connection).load()

    async def list_training_examples(self) -> list[DescriptionRecord]:
        """Return all texts about sellers' own listings, oldest first."""
        own = _select_judged().where(descriptions.c.text.is_not(None), descriptions.c.case.is_(None))
        return await self._descriptions(own.order_by(descriptions.c.id))

    async def list_decided_comparisons(self) -> list[Comparison]:
        """Return all comparisons in which one text won, oldest first."""
        won = select(*_COMPARISON).where(comparisons.c.choice.in_(("first", "second")))
        return [Comparison(**row) for row in await self._fetch_all(won.order_by(comparisons.c.id))]

    async def _source(self, listing_id: int) -> Row:
        """Return the current notes and case of the listing, copied because both may change later."""
        texts = select(notes.c.text).where(notes.c.listing_id == listing_id).order_by(notes.c.message_id)
        source = "\n".join(row["text"] for row in await self._fetch_all(texts))
        return {
            "source": source,
            "case": await self._scalar(select(listings.c.case).where(listings.c.id == listing_id)),
        }

    async def _judge(self, table: Table, description_id: int, user_id: int, values: Mapping[str, object]) -> bool:
        own = (descriptions.c.id == description_id) & (descriptions.c.user_id == user_id)
        if await self._scalar(select(descriptions.c.id).where(own)) is None:
            return False
        judged = self._insert(table).values(description_id=description_id, user_id=user_id, **values)
        await self._execute(judged.on_conflict_do_update(index_elements=["description_id"], set_=values))
        return True

    async def _descriptions(self, statement: Select[tuple[object, ...]]) -> list[DescriptionRecord]:
        return [_description(row) for row in await self._fetch_all(statement)]


def _select_judged() -> Select[tuple[object, ...]]:
    """Select descriptions with their votes and corrections."""
    judgements = (votes.c.value.label("vote"), votes.c.reason, corrections.c.text.label("correction"))
    return select(descriptions, *judgements).outerjoin(votes).outerjoin(corrections)


def _plain(written: Generation) -> Row:
    values = asdict(written)
    moderation = [dict(check) for check in written.moderation]
    return values | {"moderation": moderation, "photo_sha256": list(written.photo_sha256)}


def _description(row: Row) -> DescriptionRecord:
    written = Generation(**{name: row[name] for name in _WRITTEN} | {"photo_sha256": tuple(row["photo_sha256"])})
    return DescriptionRecord(**{name: row[name] for name in _OWN}, generation=written)
