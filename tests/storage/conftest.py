"""Fresh databases of both kinds, and tests that run inside an event loop with a store."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from inspect import signature
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Select, text
from sqlalchemy.ext.asyncio import create_async_engine

from storage.store import Store
from storage.tables import metadata
from tests.support.postgres import Cluster


def stored(test: Callable[..., Coroutine[None, None, None]]) -> Callable[[str], None]:
    """Run the test in an event loop with an open store for each of its parameters, all on one fresh database.

    A parameter `url` gets the URL of the database.
    """

    async def scenario(url: str) -> None:
        async with AsyncExitStack() as stack:
            await test(*[url if name == "url" else await opened(stack, url) for name in signature(test).parameters])

    def run(database: str) -> None:
        asyncio.run(scenario(database))

    run.__name__, run.__doc__ = test.__name__, test.__doc__
    return run


async def opened(stack: AsyncExitStack, url: str) -> Store:
    """An open store that the stack closes."""
    store = await Store.open(url)
    stack.push_async_callback(store.close)
    return store


@pytest.fixture(scope="session")
def empty_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file, to be copied."""
    path = tmp_path_factory.mktemp("sqlite") / "empty.db"
    asyncio.run(_migrate(f"sqlite+aiosqlite:///{path}"))
    return path


@pytest.fixture(scope="session")
def shared_postgresql(postgres: Cluster) -> str:
    """The URL of a migrated database; whoever uses it empties it before."""
    url = postgres.database()
    asyncio.run(_migrate(url))
    return url


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a migrated database without a row."""
    if request.param == "postgresql":
        url: str = request.getfixturevalue("shared_postgresql")
        asyncio.run(_empty(url))
        return url
    path = tmp_path / "opisalka.db"
    shutil.copy(request.getfixturevalue("empty_sqlite"), path)
    return f"sqlite+aiosqlite:///{path}"


async def _empty(url: str) -> None:
    engine = create_async_engine(url)
    async with engine.begin() as connection:
        await connection.execute(text(f"TRUNCATE {', '.join(metadata.tables)} RESTART IDENTITY"))
    await engine.dispose()


async def _migrate(url: str) -> None:
    store = await Store.open(url)
    await store.close()


def in_memory(test: Callable[[Store], Coroutine[None, None, None]]) -> None:
    """Run the test with a store that is quickly made, for many examples."""

    async def scenario() -> None:
        async with AsyncExitStack() as stack:
            await test(await opened(stack, "sqlite+aiosqlite://"))

    asyncio.run(scenario())


async def rows_of(url: str, statement: Select[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """What the statement finds, past the store."""
    engine = create_async_engine(url)
    async with engine.connect() as connection:
        rows = [tuple(row) for row in await connection.execute(statement)]
    await engine.dispose()
    return rows
