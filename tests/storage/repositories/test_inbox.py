from __future__ import annotations

import asyncio
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from storage.records import InboxUpdate
from storage.store import Store
from storage.tables import inbox
from tests.storage.conftest import in_memory, rows_of, stored
from tests.support.storage.samples import NOW, OTHER, USER

BIG = 2**40  # update ids have no known limit


async def _add(store: Store, *updates: tuple[int, int | None]) -> int:
    async with store.transaction() as tx:
        return await tx.inbox.add([(update_id, user_id, f"payload {update_id}") for update_id, user_id in updates], NOW)


async def _claim(store: Store, worker_id: str = "me") -> int | None:
    async with store.transaction() as tx:
        update = await tx.inbox.claim(worker_id, NOW)
        return update.update_id if update else None


async def _done(store: Store, update_id: int) -> None:
    async with store.transaction() as tx:
        await tx.inbox.mark_done(update_id, NOW)


@stored
async def test_an_update_that_comes_twice_is_stored_once(store: Store) -> None:
    assert await _add(store, (BIG, USER), (BIG, USER), (BIG + 1, None)) == 2
    assert await _add(store, (BIG, USER), (BIG + 2, USER)) == 1
    assert await _add(store) == 0
    await _done(store, BIG)
    assert await _add(store, (BIG, USER)) == 0


@stored
async def test_a_claimed_update_is_as_it_came(store: Store) -> None:
    await _add(store, (BIG, USER))
    async with store.transaction() as tx:
        assert await tx.inbox.claim("me", NOW) == InboxUpdate(BIG, USER, f"payload {BIG}", 0)
        assert await tx.inbox.count_pending() == 1
        await tx.inbox.mark_done(BIG, NOW)
        assert await tx.inbox.count_pending() == 0


@stored
async def test_updates_of_a_user_are_handled_one_after_another_in_their_order(store: Store) -> None:
    """Whatever order they came in; others are not held up."""
    await _add(store, (3, USER), (1, USER), (5, OTHER), (2, USER), (4, None), (6, None))
    assert [await _claim(store) for _ in range(5)] == [1, 4, 5, 6, None]
    await _done(store, 1)
    assert [await _claim(store) for _ in range(2)] == [2, None]


@stored
async def test_of_a_handled_update_the_id_alone_is_kept(store: Store, url: str) -> None:
    await _add(store, (1, USER), (2, USER))
    assert await _claim(store) == 1
    await _done(store, 1)
    assert await _claim(store) == 2
    async with store.transaction() as tx:
        await tx.inbox.mark_failed(2, "bug 17", NOW)
    columns = (inbox.c.update_id, inbox.c.user_id, inbox.c.payload, inbox.c.owner, inbox.c.state, inbox.c.error)
    left = await rows_of(url, select(*columns).order_by(inbox.c.update_id))
    assert left == [(1, None, None, None, "done", None), (2, None, None, None, "failed", "bug 17")]


@stored
async def test_an_update_that_is_put_back_comes_first_and_counts_the_attempt(store: Store) -> None:
    await _add(store, (1, USER), (2, USER))
    assert await _claim(store) == 1
    async with store.transaction() as tx:
        await tx.inbox.release(1)
        update = await tx.inbox.claim("me", NOW)
        assert update == InboxUpdate(1, USER, "payload 1", 1)
        await tx.inbox.mark_done(1, NOW)
        await tx.inbox.release(1)
        assert await tx.inbox.count_pending() == 1


@stored
async def test_old_ids_are_purged_and_nothing_that_waits(store: Store) -> None:
    await _add(store, (1, USER), (2, USER), (3, USER))
    async with store.transaction() as tx:
        await tx.inbox.mark_done(1, NOW)
        await tx.inbox.mark_done(2, NOW + 10)
        assert await tx.inbox.delete_finished(NOW + 5) == 1
    assert await _add(store, (1, USER), (2, USER)) == 1


@stored
async def test_two_processes_never_handle_the_same_update_nor_a_user_twice_at_once(one: Store, two: Store) -> None:
    users = [USER + number % 3 for number in range(30)]
    await _add(one, *enumerate(users))
    handled: list[int] = []
    busy: set[int] = set()

    async def work(store: Store, worker_id: str) -> None:
        while len(handled) < len(users):
            update_id = await _claim(store, worker_id)
            if update_id is None:
                continue
            assert users[update_id] not in busy
            busy.add(users[update_id])
            await asyncio.sleep(0)
            handled.append(update_id)
            busy.remove(users[update_id])
            await _done(store, update_id)

    workers = [work(store, f"{name}{number}") for name, store in (("a", one), ("b", two)) for number in range(3)]
    await asyncio.gather(*workers)
    assert sorted(handled) == list(range(30))
    for user in set(users):
        own = [update_id for update_id in handled if users[update_id] == user]
        assert own == sorted(own)


@settings(max_examples=15)
@given(st.permutations([(number, USER + number % 3) for number in range(6)]), st.integers(1, 4))
def test_every_order_of_delivery_is_handled_once_each_in_order(updates: Sequence[tuple[int, int]], hands: int) -> None:
    """Updates come one by one and three times over while up to `hands` are being handled."""

    async def scenario(store: Store) -> None:
        running: list[int] = []
        handled: list[int] = []
        for update in [*updates, *updates, *updates]:
            await _add(store, update)
            if len(running) >= hands:
                handled.append(running[0])
                await _done(store, running.pop(0))
            claimed = await _claim(store)
            if claimed is not None:
                running.append(claimed)
            assert len({update_id % 3 for update_id in running}) == len(running)
        for update_id in running:
            await _done(store, update_id)
        while (claimed := await _claim(store)) is not None:
            handled.append(claimed)
            await _done(store, claimed)
        assert sorted(handled + running) == list(range(6))

    in_memory(scenario)
