"""The inbox of Telegram's updates: stored before confirmation, handled once, per user one after another."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, delete, func, select, update

from storage.records import InboxUpdate
from storage.repositories.base import Repository
from storage.tables import in_state, inbox

_COLUMNS = (inbox.c.update_id, inbox.c.user_id, inbox.c.payload, inbox.c.attempts)
_NEW, _RUNNING = in_state(inbox, "new"), in_state(inbox, "running")


class Inbox(Repository):
    """Rows of `inbox`. Of handled updates only the id is kept, to detect duplicates."""

    async def add(self, rows: Sequence[tuple[int, int | None, str]], now: float) -> int:
        """Store (update_id, user_id, payload) rows, ignoring known ids; return the number of new ones."""
        values = [
            {"update_id": update_id, "user_id": user_id, "payload": payload, "state": "new", "attempts": 0}
            | {"received_at": now}
            for update_id, user_id, payload in rows
        ]
        if not values:
            return 0
        added = self._insert(inbox).values(values).on_conflict_do_nothing().returning(inbox.c.update_id)
        return len(await self._fetch_all(added))

    async def claim(self, worker_id: str, now: float) -> InboxUpdate | None:
        """Claim the oldest pending update of a user without a claimed one."""
        await self._lock_claims("inbox")
        busy = select(inbox.c.user_id).where(_RUNNING, inbox.c.user_id.is_not(None))
        free = inbox.c.user_id.is_(None) | inbox.c.user_id.not_in(busy)
        oldest = select(func.min(inbox.c.update_id)).where(_NEW, free).scalar_subquery()
        row = await self._fetch_one(
            update(inbox)
            .where(inbox.c.update_id == oldest)
            .values(state="running", owner=worker_id)
            .returning(*_COLUMNS)
        )
        return InboxUpdate(**row) if row else None

    async def mark_done(self, update_id: int, now: float) -> None:
        """Mark the update as handled; only its id is kept."""
        await self._finish(update_id, "done", now, None)

    async def mark_failed(self, update_id: int, error: str, now: float) -> None:
        """Mark the update as failed; its id and the error are kept."""
        await self._finish(update_id, "failed", now, error)

    async def release(self, update_id: int) -> None:
        """Make the update pending again; it counts as an attempt."""
        await self._release(inbox.c.update_id == update_id)

    async def recover(self, gone: ColumnElement[bool], limit: int, now: float) -> tuple[int, list[InboxUpdate]]:
        """Release the updates of dead workers; those with `limit` attempts fail and are returned."""
        often = select(*_COLUMNS).where(_RUNNING, gone, inbox.c.attempts + 1 >= limit).with_for_update()
        failed = [InboxUpdate(**row) for row in await self._fetch_all(often)]
        for given_up in failed:
            await self.mark_failed(given_up.update_id, "interrupted", now)
        return await self._release(gone), failed

    async def count_pending(self) -> int:
        """Return the number of unhandled updates, including claimed ones."""
        new, running = (select(func.count()).where(state).scalar_subquery() for state in (_NEW, _RUNNING))
        count: int = await self._scalar(select(new + running))
        return count

    async def delete_finished(self, before: float) -> int:
        """Delete the ids of updates that were handled before this time."""
        return await self._execute(delete(inbox).where(inbox.c.finished_at < before))

    async def _release(self, which: ColumnElement[bool]) -> int:
        again = {"state": "new", "owner": None, "attempts": inbox.c.attempts + 1}
        return await self._execute(update(inbox).where(_RUNNING, which).values(again))

    async def _finish(self, update_id: int, state: str, now: float, error: str | None) -> None:
        left = {"user_id": None, "payload": None, "owner": None, "state": state, "error": error, "finished_at": now}
        await self._execute(update(inbox).where(inbox.c.update_id == update_id).values(left))
