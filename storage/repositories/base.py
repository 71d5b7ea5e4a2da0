"""What every repository does with the connection of its transaction."""

from __future__ import annotations

from typing import Any, TypeAlias

from sqlalchemy import Executable, Table, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

Row: TypeAlias = dict[str, Any]
Insert: TypeAlias = postgresql.Insert | sqlite.Insert


class Repository:
    """The rows of one noun, seen from inside a transaction."""

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
        """Execute, and return how many rows it changed."""
        return (await self._connection.execute(statement)).rowcount

    def _insert(self, table: Table) -> Insert:
        """An insert that can say what happens on a conflict."""
        return postgresql.insert(table) if self._postgresql else sqlite.insert(table)

    async def _lock_claims(self, name: str) -> None:
        """Let no other process claim the same things until this transaction ends.

        In SQLite the transaction is the only writer anyway. In PostgreSQL a claim looks at many rows before it takes
        one, which locks on single rows would not make safe.
        """
        if self._postgresql:
            await self._connection.execute(select(func.pg_advisory_xact_lock(func.hashtext(f"opisalka {name}"))))
