"""The entry point of storage: open a store and work inside its transactions."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, nullcontext

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from storage.connection import build_engine, parse_url, wrap_connection_errors, wrap_transient_errors
from storage.migrate import migrate
from storage.records import RecoveryReport
from storage.repositories.facts import Facts
from storage.repositories.feedback import Feedback
from storage.repositories.inbox import Inbox
from storage.repositories.leases import Leases
from storage.repositories.listings import Listings
from storage.repositories.outbox import Outbox
from storage.repositories.recovery import recover
from storage.repositories.requests import Requests
from storage.repositories.users import Users


class Transaction:
    """All repositories on one connection; everything is committed together or not at all."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection
        self.users = Users(connection)
        self.inbox = Inbox(connection)
        self.listings = Listings(connection)
        self.requests = Requests(connection)
        self.outbox = Outbox(connection)
        self.feedback = Feedback(connection)
        self.facts = Facts(connection)
        self.leases = Leases(connection)

    async def recover(self, now: float, sole_worker_id: str | None = None) -> RecoveryReport:
        """Release the work of dead workers.

        A worker is dead if it holds no live lease «process:<worker id>»; `sole_worker_id` declares all others dead.
        """
        return await recover(self._connection, now, sole_worker_id)


class Store:
    """A database with an up-to-date schema."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        # In SQLite one transaction at a time: waiting here is fair and costs nothing, waiting in the file polls.
        self._turn: AbstractAsyncContextManager[object] = (
            asyncio.Lock() if engine.dialect.name == "sqlite" else nullcontext()
        )

    @classmethod
    async def open(cls, url: str, *, create: bool = True) -> Store:
        """Connect and migrate to the head. Raises `StorageError` if that fails.

        create: create a missing SQLite file.
        """
        store = cls(build_engine(parse_url(url), make=create))
        try:
            async with store._connection() as connection:
                await connection.run_sync(migrate)
        except BaseException:
            await store.close()
            raise
        return store

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[Transaction]:
        """Open a transaction, committed at the end, rolled back on an exception.

        Raises `StorageError` if the database is unreachable or another process is in the way.
        """
        async with self._connection() as connection:
            yield Transaction(connection)

    async def close(self) -> None:
        """Close all connections."""
        await self._engine.dispose()

    @asynccontextmanager
    async def _connection(self) -> AsyncGenerator[AsyncConnection]:
        async with self._turn:
            with wrap_transient_errors():
                async with AsyncExitStack() as stack:
                    with wrap_connection_errors():
                        connection = await stack.enter_async_context(self._engine.begin())
                    yield connection
