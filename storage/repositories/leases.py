"""Leases: names that one owner holds until a time, so that several processes agree who is alive and who does what."""

from __future__ import annotations

from sqlalchemy import delete

from storage.repositories.base import Repository
from storage.tables import leases


class Leases(Repository):
    """Rows of `leases`."""

    async def hold(self, name: str, owner: str, until: float, now: float) -> bool:
        """Take or renew the lease; False while somebody else holds it."""
        mine = self._insert(leases).values(name=name, owner=owner, until=until)
        free = (leases.c.owner == owner) | (leases.c.until <= now)
        taken = mine.on_conflict_do_update(
            index_elements=["name"], set_={"owner": owner, "until": until}, where=free
        ).returning(leases.c.name)
        return await self._one(taken) is not None

    async def release(self, owner: str) -> None:
        """Give back all that the owner holds."""
        await self._run(delete(leases).where(leases.c.owner == owner))
