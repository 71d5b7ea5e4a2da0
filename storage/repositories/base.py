"""The base class of repositories."""

from __future__ import annotations

from typing import Any, TypeAlias

from sqlalchemy import Executable, Table, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

Row: TypeAlias = dict[str, Any]
Insert: TypeAlias = postgresql.Insert | sqlite.Insert


class Repository:
    """Access to the rows of one noun within a transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection
        self._postgresql = connection.dialect.name == "postgresql"

    async def _fetch_all(self, statement: Executable) -> list[Row]:
        return [row._asdict() for row in await self._connection.execute(statement)]

    async def _fetch_one(self, statement: Executable) -> Row | None:
        row = (await self._connection.execute(statement)).first()
        return None if row is None else row._asdict()

    async def _scalar(self, statement: Executable) -> Any:
        return (await self._connection.execute(statement)).scalar()

    async def _execute(self, statement: Executable) -> int:
        """Execute a statement and return the number of affected rows."""
        return (await self._connection.execute(statement)).rowcount

    def _insert(self, table: Table) -> Insert:
        """Return an insert of the dialect, which supports `on_conflict_…`."""
        return postgresql.insert(table) if self._postgresql else sqlite.insert(table)

    async def _lock_claims(self, name: str) -> None:
        """Keep other processes from claiming the same things until this transaction ends.

        A SQLite transaction is the only writer anyway. On PostgreSQL a claim looks at many rows before it takes
        one, so locks on
        single rows would not be enough.
        """
        if self._postgresql:
            await self._connection.execute(select(func.pg_advisory_xact_lock(func.hashtext(f"opisalka {name}"))))
