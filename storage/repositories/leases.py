"""Leases: names that one worker holds until a time, so that processes agree who is alive and who does what."""

from __future__ import annotations

from sqlalchemy import delete

from storage.repositories.base import Repository
from storage.tables import leases


class Leases(Repository):
    """Rows of `leases`."""

    async def acquire(self, name: str, worker_id: str, until: float, now: float) -> bool:
        """Acquire or renew the lease; return False while another worker holds it."""
        mine = self._insert(leases).values(name=name, owner=worker_id, until=until)
        free = (leases.c.owner == worker_id) | (leases.c.until <= now)
        taken = mine.on_conflict_do_update(
            index_elements=["name"], set_={"owner": worker_id, "until": until}, where=free
        ).returning(leases.c.name)
        return await self._fetch_one(taken) is not None

    async def release(self, worker_id: str) -> None:
        """Release all leases of the worker."""
        await self._execute(delete(leases).where(leases.c.owner == worker_id))
