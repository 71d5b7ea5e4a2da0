"""Requests for texts, served in turns so that nobody starves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import ColumnElement, Executable, Select, case, func, select, true, update

from storage.records import ListingRecord, Request, RequestKind, RequestState
from storage.repositories.base import Repository, Row
from storage.tables import in_state, requests

_COLUMNS = [column for column in requests.c if column.name not in ("owner", "finished_at")]
_OPEN = in_state(requests, "pending", "running")
_RUNNING = _OPEN & in_state(requests, "running")


WARNED: Final = "warned"  # the error of a request that stopped at a warning of moderation


class Requests(Repository):
    """Rows of `requests`: `pending` → `running` → `done`, `rejected` or `failed`."""

    async def add(
        self,
        listing: ListingRecord,
        kind: RequestKind,
        checkpoints: Sequence[str],
        seed: int,
        now: float,
        *,
        insists: bool = False,
    ) -> Request:
        """Add a request for a text (two if `kind` is «compare») about the current revision of the listing."""
        values: Row = {"listing_id": listing.id, "user_id": listing.user_id, "revision": listing.revision, "kind": kind}
        values |= {"checkpoints": list(checkpoints), "seed": seed, "state": "pending", "attempts": 0}
        values["insists"] = insists
        row = await self._fetch_one(self._insert(requests).values(**values, created_at=now).returning(*_COLUMNS))
        assert row is not None
        return _request(row)

    async def get(self, request_id: int) -> Request | None:
        """Return the request with this id."""
        return await self._first(select(*_COLUMNS).where(requests.c.id == request_id))

    async def get_open(self, listing_id: int) -> Request | None:
        """Return the newest unfinished request of the listing."""
        mine = (requests.c.listing_id == listing_id) & _OPEN
        return await self._first(select(*_COLUMNS).where(mine).order_by(requests.c.id.desc()).limit(1))

    async def get_latest(self, listing_id: int) -> Request | None:
        """Return the newest request of the listing."""
        mine = requests.c.listing_id == listing_id
        return await self._first(select(*_COLUMNS).where(mine).order_by(requests.c.id.desc()).limit(1))

    async def count_open(self, user_id: int | None = None) -> int:
        """Return the number of unfinished requests, of the user or of all."""
        whose = true() if user_id is None else requests.c.user_id == user_id
        count: int = await self._scalar(select(func.count()).where(_OPEN, whose))
        return count

    async def count_ahead(self, request_id: int) -> int:
        """Return the number of pending requests that are served before this one."""
        turns = _turns().subquery()
        own = select(turns.c.turn).where(turns.c.id == request_id).scalar_subquery()
        earlier = (turns.c.turn < own) | ((turns.c.turn == own) & (turns.c.id < request_id))
        waits = turns.c.state == "pending"
        count: int = await self._scalar(select(func.count()).select_from(turns).where(waits, earlier))
        return count

    async def list_pending(self, limit: int) -> list[Request]:
        """Return the pending requests in serving order."""
        return [_request(row) for row in await self._fetch_all(_queue().limit(limit))]

    async def claim(self, worker_id: str, now: float) -> Request | None:
        """Claim the next request in turn."""
        await self._lock_claims("requests")
        following = next(iter(await self.list_pending(1)), None)
        if following is None:
            return None
        free = (requests.c.id == following.id) & (requests.c.state == "pending")
        taken = update(requests).where(free).values(state="running", owner=worker_id).returning(*_COLUMNS)
        return await self._first(taken)

    async def finish(self, request_id: int, state: RequestState, now: float, error: str | None = None) -> None:
        """Store the final state of the request."""
        await self._set(request_id, state=state, error=error, owner=None, finished_at=now)

    async def requeue(self, request_id: int, revision: int) -> None:
        """Make the request pending again for a newer revision of its listing."""
        await self._set(request_id, state="pending", owner=None, revision=revision)

    async def reassign(self, request_id: int, checkpoint: str, seed: int) -> None:
        """Let another captioner serve the request."""
        await self._set(request_id, state="pending", owner=None, checkpoints=[checkpoint], seed=seed)

    async def release(self, request_id: int, now: float) -> None:
        """Make the request pending again; it counts as an attempt."""
        await self._release(requests.c.id == request_id)

    async def recover(self, gone: ColumnElement[bool], limit: int, now: float) -> tuple[int, list[Request]]:
        """Release the requests of dead workers; those with `limit` attempts fail and are returned."""
        often = select(*_COLUMNS).where(_RUNNING, gone, requests.c.attempts + 1 >= limit).with_for_update()
        failed = [_request(row) for row in await self._fetch_all(often)]
        for given_up in failed:
            await self.finish(given_up.id, "failed", now, "interrupted")
        return await self._release(gone), failed

    async def _release(self, which: ColumnElement[bool]) -> int:
        again = {"state": "pending", "owner": None, "attempts": requests.c.attempts + 1}
        return await self._execute(update(requests).where(_RUNNING, which).values(again))

    async def _first(self, statement: Executable) -> Request | None:
        row = await self._fetch_one(statement)
        return _request(row) if row else None

    async def _set(self, request_id: int, **values: object) -> None:
        await self._execute(update(requests).where(requests.c.id == request_id).values(values))


def _turns() -> Select[tuple[object, ...]]:
    """Select unfinished requests with their turns: a user's k-th has turn k, and running ones come first."""
    ahead = case((requests.c.state == "running", 0), else_=1)
    turn = func.row_number().over(partition_by=requests.c.user_id, order_by=(ahead, requests.c.id))
    return select(*_COLUMNS, turn.label("turn")).where(_OPEN)


def _queue() -> Select[tuple[object, ...]]:
    turns = _turns().subquery()
    columns = [turns.c[column.name] for column in _COLUMNS]
    return select(*columns).where(turns.c.state == "pending").order_by(turns.c.turn, turns.c.id)


def _request(row: Row) -> Request:
    return Request(**row | {"checkpoints": tuple(row["checkpoints"])})
