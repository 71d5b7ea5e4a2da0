"""All of a transaction or nothing, whatever happens in the middle."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError

from storage.errors import StorageError
from storage.store import Store
from storage.tables import users
from tests.storage.conftest import rows_of, stored
from tests.support.postgres import Cluster, cluster
from tests.support.storage.samples import NOW, OTHER, USER, WRITTEN, message, new_description, new_listing, new_request


@stored
async def test_a_transaction_that_raises_leaves_nothing(store: Store) -> None:
    async with store.transaction() as tx:
        await new_description(tx, user_id=OTHER)
        await tx.inbox.add([(1, USER, "{}")], NOW)

    async def work() -> None:
        async with store.transaction() as tx:
            assert await tx.inbox.claim("me", NOW)
            await new_description(tx)
            await tx.outbox.enqueue(message(), NOW)
            await tx.users.delete(OTHER)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await work()
    async with store.transaction() as tx:
        assert await tx.users.count_rows(USER) == 1
        assert await tx.users.count_rows(OTHER) == 4
        assert await tx.outbox.count_pending() == 0
        assert await tx.inbox.claim("me", NOW)


@stored
async def test_a_cancelled_transaction_leaves_nothing_and_the_store_goes_on(store: Store) -> None:
    """Wherever the cancellation hits: while it waits for its turn, executes, or is in other hands."""

    async def work() -> None:
        async with store.transaction() as tx:
            await new_description(tx)
            await asyncio.Event().wait()

    for steps in range(0, 60, 3):
        task = asyncio.create_task(work())
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    async with store.transaction() as tx:
        assert await tx.users.count_rows(USER) == 0


@stored
async def test_transactions_of_two_processes_do_not_mix(one: Store, two: Store) -> None:
    async with one.transaction() as tx:
        listing = await new_listing(tx)

    async def count(store: Store) -> None:
        async with store.transaction() as tx:
            found = await tx.listings.get(listing.id)
            assert found
            await tx.listings.add_revision(listing.id, window_opened_at=None, card_due_at=float(found.revision))

    await asyncio.gather(*(count((one, two)[number % 2]) for number in range(20)))
    async with one.transaction() as tx:
        found = await tx.listings.get(listing.id)
        assert found
        assert (found.revision, found.card_due_at) == (20, 19.0)


@stored
async def test_many_who_meet_a_new_user_make_one(one: Store, two: Store, url: str) -> None:
    async def meet(store: Store) -> None:
        async with store.transaction() as tx:
            assert (await tx.users.get_or_create(USER, NOW)).id == USER

    await asyncio.gather(*(meet((one, two)[number % 2]) for number in range(10)))
    assert await rows_of(url, select(users.c.id)) == [(USER,)]


@stored
async def test_rows_refer_to_rows_that_are_there(store: Store) -> None:
    async with store.transaction() as tx:
        request = await new_request(tx)
        await tx.users.delete(USER)
    with pytest.raises(IntegrityError):
        async with store.transaction() as tx:
            await tx.feedback.add(request, WRITTEN, NOW)


@stored
async def test_text_comes_back_as_it_was(store: Store) -> None:
    texts = ["ё́ 👍🏽 \u202e\ufeff «»", "'; DROP TABLE users; --", "a\tb\r\nc", "\\0 %s {x} :name"]
    async with store.transaction() as tx:
        ids = [await tx.outbox.enqueue(message(USER + number, found), NOW) for number, found in enumerate(texts)]
        taken = {sending.id: sending.content.text for sending in await tx.outbox.claim("me", NOW, (), 99)}
        assert [taken[row_id] for row_id in ids] == texts


class TestAddress:
    @pytest.mark.parametrize("url", ["", "opisalka.db", "sqlite:///x.db", "mysql://x", "postgresql://localhost/x"])
    def test_an_address_that_is_none_of_ours_is_refused(self, url: str) -> None:
        with pytest.raises(StorageError, match="database-url"):
            asyncio.run(Store.open(url))

    def test_the_folder_of_a_file_is_made(self, tmp_path: Path) -> None:
        path = tmp_path / "папка" / "nested" / "opisalka.db"

        async def scenario() -> None:
            store = await Store.open(f"sqlite+aiosqlite:///{path}")
            await store.close()

        asyncio.run(scenario())
        assert path.is_file()

    @pytest.mark.parametrize("name", ["file/opisalka.db", "folder", "file"])
    def test_a_file_that_cannot_be_a_database_is_one_sentence(self, tmp_path: Path, name: str) -> None:
        (tmp_path / "file").write_text("no database" * 1000)
        (tmp_path / "folder").mkdir()
        with pytest.raises(StorageError, match="database-unavailable") as raised:
            asyncio.run(Store.open(f"sqlite+aiosqlite:///{tmp_path / name}"))
        assert raised.value.details["reason"]

    @pytest.mark.parametrize("place", ["127.0.0.1:1/x", "/x?host=/no/such/folder"])
    def test_a_server_that_is_not_there_is_one_sentence(self, place: str) -> None:
        with pytest.raises(StorageError, match="database-unavailable"):
            asyncio.run(Store.open(f"postgresql+asyncpg://user:s3cret@{place}"))

    def test_a_database_that_is_not_there_is_one_sentence(self, postgres: Cluster) -> None:
        url = postgres.database().replace("/test", "/none")
        with pytest.raises(StorageError, match="database-unavailable") as raised:
            asyncio.run(Store.open(url))
        assert "does not exist" in raised.value.details["reason"]


class TestSqlite:
    def test_nothing_is_lost_when_the_power_goes(self, tmp_path: Path) -> None:
        """The settings that promise it are in force in every connection."""
        path = tmp_path / "opisalka.db"

        async def scenario() -> list[object]:
            store = await Store.open(f"sqlite+aiosqlite:///{path}")
            async with store._connection() as connection:
                names = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
                found = [(await connection.execute(text(f"PRAGMA {name}"))).scalar() for name in names]
            await store.close()
            return found

        assert asyncio.run(scenario()) == ["wal", 2, 1, 30_000]

    def test_a_killed_process_leaves_whole_transactions(self, tmp_path: Path) -> None:
        """Each transaction stores two rows; killed at random moments, no odd one is left and the file is whole."""
        path = tmp_path / "opisalka.db"
        script = Path(__file__).parents[1] / "support" / "storage" / "writing_pairs.py"
        seen = 0
        for round_number in range(6):
            process = subprocess.Popen([sys.executable, script, path], stdout=subprocess.PIPE)
            assert process.stdout
            committed = [process.stdout.readline() for _ in range(5 + 7 * round_number)]
            process.send_signal(signal.SIGKILL)
            committed += process.stdout.readlines()
            process.wait()
            process.stdout.close()
            seen += len([line for line in committed if line.endswith(b"\n")])
            with sqlite3.connect(path) as connection:
                assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
                [pairs] = connection.execute("SELECT count(*) FROM listings").fetchone()
                assert connection.execute("SELECT count(*) FROM notes").fetchone() == (pairs,)
            connection.close()
            assert pairs >= seen


class TestPostgresql:
    def test_a_server_that_goes_away_and_comes_back_does_no_harm(self) -> None:
        with cluster() as server:
            asyncio.run(_survive(server))


async def _survive(server: Cluster) -> None:
    store = await Store.open(server.database())

    async def work(meanwhile: Callable[[], None]) -> None:
        async with store.transaction() as tx:
            await tx.users.get_or_create(USER, NOW)
            meanwhile()
            await tx.users.get_or_create(OTHER, NOW)

    for meanwhile in (server.stop, lambda: None):
        with pytest.raises(StorageError, match="database-unavailable"):
            await work(meanwhile)
    server.start()
    async with store.transaction() as tx:
        assert await tx.users.get(USER) is None
        await tx.users.get_or_create(USER, NOW)
    await store.close()
