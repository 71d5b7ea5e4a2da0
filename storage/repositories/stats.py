"""Figures of the service for its operators."""

from __future__ import annotations

from statistics import median
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, Table, func, select

from storage.records import CheckpointStats, Stats
from storage.repositories.base import Repository
from storage.repositories.requests import WARNED
from storage.tables import comparisons, corrections, descriptions, listings, requests, users, votes

MEDIAN_WINDOW: Final = 1000


class StatsQueries(Repository):
    """Counts and medians over all tables."""

    async def load(self) -> Stats:
        """Return the figures of the service."""
        return Stats(
            users=await self._rows(users),
            blocked=await self._scalar(select(func.count()).where(users.c.blocked)),
            listings=await self._rows(listings),
            requests=await self._counts(select(requests.c.state, func.count()).group_by(requests.c.state)),
            checkpoints=await self._checkpoints(),
            median_total_s=await self._median_total(),
            warned=await self._count_listings(requests.c.error == WARNED),
            insisted=await self._count_listings(requests.c.insists),
        )

    async def _count_listings(self, condition: ColumnElement[bool]) -> int:
        """Count the listings with such a request."""
        count: int = await self._scalar(select(func.count(requests.c.listing_id.distinct())).where(condition))
        return count

    async def _checkpoints(self) -> dict[str, CheckpointStats]:
        judged = descriptions.outerjoin(votes).outerjoin(corrections)
        counts = (
            func.count().label("descriptions"),
            func.count().filter(votes.c.value > 0).label("up"),
            func.count().filter(votes.c.value < 0).label("down"),
            func.count(corrections.c.description_id).label("corrections"),
        )
        name = descriptions.c.checkpoint
        rows = await self._fetch_all(select(name, *counts).select_from(judged).group_by(name).order_by(name))
        first = await self._count_choices(comparisons.c.first_id), await self._count_choices(comparisons.c.second_id)
        reasons = await self._reasons()
        return {
            (checkpoint := row.pop("checkpoint")): CheckpointStats(
                **row,
                wins=first[0].get((checkpoint, "first"), 0) + first[1].get((checkpoint, "second"), 0),
                losses=first[0].get((checkpoint, "second"), 0) + first[1].get((checkpoint, "first"), 0),
                reasons={reason: count for (of, reason), count in reasons.items() if of == checkpoint},
            )
            for row in rows
        }

    async def _count_choices(self, shown: ColumnElement[int]) -> dict[tuple[str, str], int]:
        """Count the choices by checkpoint for the text in the position `shown`."""
        pair = (descriptions.c.checkpoint, comparisons.c.choice)
        joined = comparisons.join(descriptions, descriptions.c.id == shown)
        made = select(*pair, func.count()).select_from(joined).where(comparisons.c.choice.is_not(None))
        return await self._counts(made.group_by(*pair))

    async def _reasons(self) -> dict[tuple[str, str], int]:
        pair = (descriptions.c.checkpoint, votes.c.reason)
        given = select(*pair, func.count()).join_from(votes, descriptions).where(votes.c.reason.is_not(None))
        return await self._counts(given.group_by(*pair).order_by(*pair))

    async def _median_total(self) -> float | None:
        latest = select(descriptions.c.timings).order_by(descriptions.c.id.desc()).limit(MEDIAN_WINDOW)
        timings = [row["timings"] for row in await self._fetch_all(latest)]
        return median(totals) if (totals := [timing["total_s"] for timing in timings if "total_s" in timing]) else None

    async def _rows(self, table: Table) -> int:
        count: int = await self._scalar(select(func.count()).select_from(table))
        return count

    async def _counts(self, statement: Select[Any]) -> dict[Any, int]:
        """Return the last column, keyed by the ones before it."""
        rows = [tuple(row) for row in await self._connection.execute(statement)]
        return {row[0] if len(row) == 2 else row[:-1]: row[-1] for row in rows}
