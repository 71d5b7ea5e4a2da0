"""What is asked often reads no whole table, however much is kept."""

from __future__ import annotations

from typing import Any

from sqlalchemy import event

from storage.store import Store, Transaction
from storage.tables import metadata
from tests.storage.conftest import in_memory
from tests.support.storage.samples import NOW, USER, message, new_request

GROWING = ("users", "inbox", "outbox", "requests", "listings", "photos", "notes", "descriptions")
# These hold only what waits.
SMALL = [index.name or "" for table in metadata.tables.values() for index in table.indexes if index.dialect_options]


async def _ask_all(tx: Transaction) -> None:
    request = await new_request(tx)
    await tx.inbox.add([(1, USER, "{}")], NOW)
    await tx.outbox.enqueue(message(slot="card:1"), NOW)
    await tx.inbox.claim("me", NOW)
    await tx.inbox.count_pending()
    await tx.requests.claim("me", NOW)
    await tx.requests.list_pending(9)
    await tx.requests.count_ahead(request.id)
    await tx.requests.count_open()
    await tx.requests.count_open(USER)
    await tx.requests.get_open(request.listing_id)
    [sending] = await tx.outbox.claim("me", NOW, (USER + 1,), 9)
    await tx.outbox.retry(sending.id, NOW, "error")
    await tx.listings.get_current(USER)
    await tx.listings.get_by_album(USER, "album")
    await tx.listings.get_by_message(USER, 1)
    await tx.listings.claim_due(NOW, 9)
    await tx.listings.get_next_due_at()
    await tx.feedback.list_for_listing(request.listing_id)
    await tx.feedback.list_recent(USER, 9)
    await tx.feedback.get_median_generate_s("mini")
    await tx.recover(NOW)
    await tx.recover(NOW, sole_worker_id="me")
    await tx.users.mark_blocked(USER)
    await tx.users.delete(USER)


def test_what_is_asked_often_finds_its_rows_by_an_index() -> None:
    asked: dict[str, Any] = {}

    async def scenario(store: Store) -> None:
        @event.listens_for(store._engine.sync_engine, "before_cursor_execute")
        def remember(_: object, __: object, statement: str, parameters: Any, ___: object, ____: object) -> None:
            asked.setdefault(statement, parameters)

        async with store.transaction() as tx:
            await _ask_all(tx)
        event.remove(store._engine.sync_engine, "before_cursor_execute", remember)
        async with store.transaction() as tx:
            whole = []
            for statement, parameters in asked.items():
                plan = await tx._connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
                whole += [(row.detail, statement) for row in plan if _reads_all(row.detail)]
            assert whole == []

    in_memory(scenario)
    assert len(asked) > 40


def _reads_all(step: str) -> bool:
    scans = any(step.split()[:2] == ["SCAN", table] for table in GROWING)
    return scans and step.split()[-1] not in SMALL
