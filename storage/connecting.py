"""Engines: the same code for SQLite and PostgreSQL, with what each needs to lose nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from sqlalchemy import URL, Connection, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from storage.errors import StorageError

BUSY_S: Final = 30
CONNECT_S: Final = 10

# Serialization failure, deadlock, lock not available; the server is starting, stopping or full.
_PASSING: Final = {"40001", "40P01", "55P03", "57P01", "57P02", "57P03", "53300"}
_PRAGMAS: Final = ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON", f"busy_timeout = {BUSY_S * 1000}")


def read_url(url: str) -> URL:
    """The address of a database; raises `StorageError` for one that the room cannot use."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError) as error:
        raise StorageError("database-url") from error
    if parsed.drivername not in ("sqlite+aiosqlite", "postgresql+asyncpg"):
        raise StorageError("database-url")
    return parsed


def build_engine(url: URL) -> AsyncEngine:
    """An engine whose transactions write alone in SQLite; the folder of a SQLite file is made."""
    if url.get_backend_name() == "postgresql":
        return create_async_engine(url, pool_pre_ping=True, connect_args={"timeout": CONNECT_S})
    if url.database:
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_async_engine(url, connect_args={"timeout": BUSY_S})
    event.listen(engine.sync_engine, "connect", _prepare)
    event.listen(engine.sync_engine, "begin", _begin)
    return engine


def passes(error: DBAPIError) -> bool:
    """Whether the same transaction may succeed when it is run again."""
    state = getattr(error.orig, "sqlstate", None)
    return error.connection_invalidated or state in _PASSING or "database is locked" in str(error.orig)


def _prepare(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    # The driver's own BEGIN would come late and take no lock.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in _PRAGMAS:
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(connection: Connection) -> None:
    # With a plain BEGIN, two processes that read first and write then would be in each other's way.
    connection.exec_driver_sql("BEGIN IMMEDIATE")
