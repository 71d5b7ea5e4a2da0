"""Migrations: from nothing to the head and back, on both databases, in step with the tables."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

from storage.connection import build_engine, parse_url
from storage.errors import StorageError
from storage.migrate import MIGRATIONS, build_alembic_config, get_head, get_revision, migrate
from storage.store import Store
from storage.tables import metadata
from tests.support.postgres import Cluster
from tests.support.storage.samples import NOW, USER


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database without a table."""
    if request.param == "postgresql":
        cluster: Cluster = request.getfixturevalue("postgres")
        return cluster.database()
    return f"sqlite+aiosqlite:///{tmp_path / 'opisalka.db'}"


def _inside(url: str, *steps: Callable[[Connection], Any]) -> list[Any]:
    """What the steps return, each in a transaction of its own."""

    async def scenario() -> list[Any]:
        engine = build_engine(parse_url(url))
        results = []
        try:
            for step in steps:
                async with engine.begin() as connection:
                    results.append(await connection.run_sync(step))
        finally:
            await engine.dispose()
        return results

    return asyncio.run(scenario())


def _open(url: str) -> None:
    async def scenario() -> None:
        store = await Store.open(url)
        await store.close()

    asyncio.run(scenario())


def _tables(connection: Connection) -> set[str]:
    return set(inspect(connection).get_table_names())


def _upgrade(to: str) -> Callable[[Connection], None]:
    return lambda connection: command.upgrade(build_alembic_config(connection), to)


def _downgrade(to: str) -> Callable[[Connection], None]:
    return lambda connection: command.downgrade(build_alembic_config(connection), to)


def _differences(connection: Connection) -> list[object]:
    return list(compare_metadata(MigrationContext.configure(connection), metadata))


REVISIONS = [script.revision for script in ScriptDirectory(str(MIGRATIONS)).walk_revisions()][::-1]


def test_the_head_is_the_last_migration() -> None:
    assert ScriptDirectory(str(MIGRATIONS)).get_heads() == [get_head()] == [REVISIONS[-1]]


def test_every_migration_runs_up_down_and_up_again(empty: str) -> None:
    """A stairway: each step down leaves what was there before the step up."""
    below: set[str] = set()
    for number, step in enumerate(REVISIONS):
        down = _downgrade(REVISIONS[number - 1] if number else "base")
        _, up, _, back, _, again, at = _inside(
            empty, _upgrade(step), _tables, down, _tables, _upgrade(step), _tables, get_revision
        )
        assert (back, again, at) == (below | {"alembic_version"}, up, step)
        below = set(again)


def test_all_the_way_up_and_down_leaves_nothing(empty: str) -> None:
    *_, left, version = _inside(empty, migrate, _downgrade("base"), _tables, get_revision)
    assert (left, version) == ({"alembic_version"}, None)


def test_migrations_make_what_the_tables_say(empty: str) -> None:
    assert _inside(empty, migrate, _differences)[1] == []


def test_a_difference_would_be_seen(empty: str) -> None:
    def drop(connection: Connection) -> None:
        connection.execute(text("DROP INDEX ix_outbox_pending"))

    assert len(_inside(empty, migrate, drop, _differences)[2]) == 1


def test_sqlite_makes_the_very_same_tables(tmp_path: Path) -> None:
    """Conditions of indices and the promise never to give an id again are not compared by Alembic."""
    migrated, created = (f"sqlite+aiosqlite:///{tmp_path / name}" for name in ("migrated.db", "created.db"))
    assert _inside(migrated, migrate, _definitions)[1] == _inside(created, metadata.create_all, _definitions)[1]


def _definitions(connection: Connection) -> dict[str, list[str]]:
    """The words of each definition in any order: the migrations need not name columns in the order of the tables."""
    rows = connection.execute(text("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL"))
    definitions = {name: sorted(re.findall(r"[^\s,()]+|[()]", sql)) for name, sql in rows}
    definitions.pop("alembic_version", None)
    return definitions


def test_postgresql_makes_the_very_same_indices(postgres: Cluster) -> None:
    def indices(connection: Connection) -> set[str]:
        rows = connection.execute(text("SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'"))
        return {definition for (definition,) in rows if "alembic_version" not in definition}

    migrated = _inside(postgres.database(), migrate, indices)[1]
    assert migrated == _inside(postgres.database(), metadata.create_all, indices)[1]


def test_a_database_of_an_older_version_keeps_its_rows(empty: str) -> None:
    def insert(connection: Connection) -> None:
        values = f"({USER}, 'en', FALSE, {NOW})"
        connection.execute(text(f"INSERT INTO users (id, language, blocked, created_at) VALUES {values}"))  # noqa: S608

    _inside(empty, _upgrade("0001"), insert)

    async def scenario() -> None:
        store = await Store.open(empty)
        async with store.transaction() as tx:
            user = await tx.users.get(USER)
            assert user
            assert user.language == "en"
        await store.close()

    asyncio.run(scenario())


def test_a_database_of_a_newer_version_is_refused(empty: str) -> None:
    def claim_to_be_newer(connection: Connection) -> None:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    _inside(empty, migrate, claim_to_be_newer)
    with pytest.raises(StorageError, match="database-newer"):
        _open(empty)


def test_a_migration_that_fails_leaves_nothing(empty: str) -> None:
    def fail(connection: Connection) -> None:
        migrate(connection)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        _inside(empty, fail)
    assert _inside(empty, _tables) == [set()]


def test_processes_that_start_at_once_migrate_once(empty: str) -> None:
    script = "import asyncio, sys; from storage.store import Store\n"
    script += "async def main():\n store = await Store.open(sys.argv[1])\n await store.close()\nasyncio.run(main())"
    command_line = [sys.executable, "-W", "error", "-c", script, empty]
    started = [subprocess.Popen(command_line, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) for _ in range(3)]
    said = [process.communicate(timeout=60)[0] for process in started]
    assert [(process.returncode, output) for process, output in zip(started, said, strict=True)] == [(0, b"")] * 3
    assert _inside(empty, get_revision, _differences) == [get_head(), []]


def test_opening_a_migrated_database_is_quick_and_needs_no_alembic(database: str) -> None:
    script = "import asyncio, sys; from time import perf_counter; from storage.store import Store\n"
    script += "async def main():\n start = perf_counter(); store = await Store.open(sys.argv[1])\n"
    script += " took = perf_counter() - start; await store.close()\n"
    script += " sys.exit(f'{took:.3f} s' if took > 0.3 else 'alembic' in sys.modules)\nasyncio.run(main())"
    done = subprocess.run([sys.executable, "-c", script, database], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_migrations_can_be_run_by_hand(empty: str) -> None:
    def run(*arguments: str) -> str:
        line = [sys.executable, "-m", "storage.migrations", *arguments]
        done = subprocess.run(line, env=os.environ | {"DATABASE_URL": empty}, capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    run("upgrade", "head")
    assert run("current").startswith(f"{get_head()} (head)")
    run("downgrade", "base")
    assert run("current") == ""
