"""Database engines for SQLite and PostgreSQL, configured so that no commit is lost."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

import asyncpg
from sqlalchemy import URL, Connection, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from storage.errors import StorageError

BUSY_TIMEOUT_S: Final = 30
CONNECT_TIMEOUT_S: Final = 10

# Serialization failure, deadlock, lock not available; the server is starting, stopping or full.
_PASSING: Final = {"40001", "40P01", "55P03", "57P01", "57P02", "57P03", "53300"}
_SQLITE_PASSING: Final = ("database is locked", "disk is full", "disk I/O error")
_PRAGMAS: Final = (
    "journal_mode = WAL",
    "synchronous = FULL",
    "foreign_keys = ON",
    f"busy_timeout = {BUSY_TIMEOUT_S * 1000}",
)


def parse_url(url: str) -> URL:
    """Parse the address of a database. Raises `StorageError` for one that is not supported."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError) as error:
        raise StorageError("database-url") from error
    if parsed.drivername not in ("sqlite+aiosqlite", "postgresql+asyncpg"):
        raise StorageError("database-url")
    return parsed


def build_engine(url: URL, *, make: bool = True) -> AsyncEngine:
    """Return an engine; in SQLite its transactions take the write lock at once.

    make: create a missing SQLite file and its folder. Raises `StorageError` for a file that is missing or no
    database.
    """
    if url.get_backend_name() == "postgresql":
        return create_async_engine(
            url, pool_pre_ping=True, hide_parameters=True, connect_args={"timeout": CONNECT_TIMEOUT_S}
        )
    if url.database:
        with wrap_connection_errors():
            _check_file(Path(url.database), make)
    engine = create_async_engine(url, hide_parameters=True, connect_args={"timeout": BUSY_TIMEOUT_S})
    event.listen(engine.sync_engine, "connect", _prepare)
    event.listen(engine.sync_engine, "begin", _begin)
    return engine


@contextmanager
def wrap_connection_errors() -> Iterator[None]:
    """Turn every failure to connect into a `StorageError`."""
    try:
        yield
    except (OSError, DBAPIError, sqlite3.Error, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise _unavailable(error) from error


@contextmanager
def wrap_transient_errors() -> Iterator[None]:
    """Turn errors that a retry of the transaction may resolve into `StorageError`; all others are bugs."""
    try:
        yield
    except DBAPIError as error:
        state = getattr(error.orig, "sqlstate", None)
        full_or_locked = any(words in str(error.orig) for words in _SQLITE_PASSING)
        if not (error.connection_invalidated or state in _PASSING or full_or_locked):
            raise
        raise _unavailable(error) from error


def _unavailable(error: Exception) -> StorageError:
    said = error.orig if isinstance(error, DBAPIError) and error.orig else error
    return StorageError("database-unavailable", reason=str(said).partition("\n")[0])


def _check_file(path: Path, make: bool) -> None:
    # What cannot be a database is noticed here, where no thread of a driver has begun yet.
    if not make and not path.is_file():
        raise StorageError("database-missing", file=str(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA schema_version")


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
