from __future__ import annotations

import asyncio

from storage.store import Store
from tests.storage.conftest import stored
from tests.support.storage.samples import NOW


@stored
async def test_a_lease_has_one_owner_until_it_ends(store: Store) -> None:
    async with store.transaction() as tx:
        assert await tx.leases.acquire("poller", "one", NOW + 10, NOW)
        assert not await tx.leases.acquire("poller", "two", NOW + 20, NOW + 9)
        assert await tx.leases.acquire("poller", "one", NOW + 30, NOW + 9)
        assert not await tx.leases.acquire("poller", "two", NOW + 40, NOW + 29)
        assert await tx.leases.acquire("poller", "two", NOW + 40, NOW + 30)
        assert not await tx.leases.acquire("poller", "one", NOW + 50, NOW + 30)


@stored
async def test_an_owner_gives_back_its_own_leases(store: Store) -> None:
    async with store.transaction() as tx:
        for name, worker_id in (("poller", "one"), ("process:one", "one"), ("process:two", "two")):
            assert await tx.leases.acquire(name, worker_id, NOW + 10, NOW)
        await tx.leases.release("one")
        names = ("poller", "process:one", "process:two")
        assert [await tx.leases.acquire(name, "three", NOW + 10, NOW) for name in names] == [True, True, False]


@stored
async def test_of_many_who_ask_at_once_one_gets_it(one: Store, two: Store) -> None:
    async def hold(store: Store, worker_id: str) -> bool:
        async with store.transaction() as tx:
            return await tx.leases.acquire("poller", worker_id, NOW + 10, NOW)

    held = await asyncio.gather(*(hold((one, two)[number % 2], str(number)) for number in range(10)))
    assert sum(held) == 1
