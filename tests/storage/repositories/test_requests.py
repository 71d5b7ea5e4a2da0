from __future__ import annotations

import asyncio
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from storage.records import Request
from storage.store import Store, Transaction
from storage.tables import requests
from tests.storage.conftest import in_memory, rows_of, stored
from tests.support.storage.samples import NOW, OTHER, USER, new_listing, new_request

THIRD = OTHER + 1


async def _claim(tx: Transaction) -> int | None:
    request = await tx.requests.claim("me", NOW)
    return request.id if request else None


@stored
async def test_a_request_is_about_the_listing_as_it_was(store: Store) -> None:
    async with store.transaction() as tx:
        listing = await new_listing(tx)
        await tx.listings.add_revision(listing.id, window_opened_at=None, card_due_at=None)
        changed = await tx.listings.get(listing.id)
        assert changed
        request = await tx.requests.add(changed, "compare", ("mini", "nano"), 7, NOW)
    expected = Request(request.id, listing.id, USER, 1, "compare", ("mini", "nano"), 7, "pending", 0, NOW, None)
    async with store.transaction() as tx:
        assert await tx.requests.get(request.id) == request == expected
        assert await tx.requests.get(request.id + 1) is None


@stored
async def test_an_open_request_is_known_until_it_is_finished(store: Store) -> None:
    async with store.transaction() as tx:
        request = await new_request(tx)
        assert await tx.requests.get_open(request.listing_id) == request
        assert await _claim(tx) == request.id
        running = await tx.requests.get_open(request.listing_id)
        assert running
        assert running.state == "running"
        assert (await tx.requests.count_open(), await tx.requests.count_open(USER)) == (1, 1)
        await tx.requests.finish(request.id, "failed", NOW, "bug 17")
        assert await tx.requests.get_open(request.listing_id) is None
        assert await tx.requests.count_open() == 0
        finished = await tx.requests.get(request.id)
        assert finished
        assert (finished.state, finished.error) == ("failed", "bug 17")


@stored
async def test_what_waits_is_counted_by_user(store: Store) -> None:
    async with store.transaction() as tx:
        for user in (USER, USER, OTHER):
            await new_request(tx, user)
        assert [await tx.requests.count_open(user) for user in (USER, OTHER, THIRD, None)] == [2, 1, 0, 3]


@stored
async def test_users_take_turns(store: Store) -> None:
    """A user's second text comes after everybody's first, whoever asked earlier."""
    async with store.transaction() as tx:
        ids = [(await new_request(tx, user)).id for user in (USER, USER, USER, OTHER, THIRD, OTHER)]
        order = [ids[index] for index in (0, 3, 4, 1, 5, 2)]
        assert [request.id for request in await tx.requests.list_pending(9)] == order
        assert [request.id for request in await tx.requests.list_pending(2)] == order[:2]
        assert [await tx.requests.count_ahead(request_id) for request_id in order] == [0, 1, 2, 3, 4, 5]
        assert [await _claim(tx) for _ in range(7)] == [*order, None]


@stored
async def test_a_text_that_is_being_written_counts_as_a_turn(store: Store) -> None:
    async with store.transaction() as tx:
        first = await new_request(tx)
        assert await _claim(tx) == first.id
        second, foreign = await new_request(tx), await new_request(tx, OTHER)
        assert await tx.requests.count_ahead(first.id) == 0
        assert [await tx.requests.count_ahead(request.id) for request in (foreign, second)] == [0, 1]
        assert [await _claim(tx), await _claim(tx)] == [foreign.id, second.id]


@stored
async def test_a_renewed_request_waits_in_its_old_place_with_the_new_revision(store: Store) -> None:
    async with store.transaction() as tx:
        request, other = await new_request(tx), await new_request(tx, OTHER)
        assert await _claim(tx) == request.id
        await tx.requests.requeue(request.id, 5)
        assert [found.id for found in await tx.requests.list_pending(9)] == [request.id, other.id]
        renewed = await tx.requests.claim("me", NOW)
        assert renewed
        assert (renewed.id, renewed.revision, renewed.attempts) == (request.id, 5, 0)


@stored
async def test_a_request_that_is_put_back_counts_the_attempt(store: Store) -> None:
    async with store.transaction() as tx:
        request = await new_request(tx)
        assert await _claim(tx) == request.id
        await tx.requests.release(request.id, NOW)
        again = await tx.requests.claim("me", NOW)
        assert again
        assert (again.id, again.attempts) == (request.id, 1)
        await tx.requests.finish(request.id, "done", NOW)
        await tx.requests.release(request.id, NOW)
        assert await _claim(tx) is None


@stored
async def test_who_writes_is_on_the_row_while_it_runs(store: Store, url: str) -> None:
    async with store.transaction() as tx:
        request = await new_request(tx)
        await tx.requests.claim("worker", NOW)
    assert await rows_of(url, select(requests.c.owner, requests.c.finished_at)) == [("worker", None)]
    async with store.transaction() as tx:
        await tx.requests.finish(request.id, "done", NOW + 1)
    assert await rows_of(url, select(requests.c.owner, requests.c.finished_at)) == [(None, NOW + 1)]


@stored
async def test_two_processes_never_write_the_same_text(one: Store, two: Store) -> None:
    async with one.transaction() as tx:
        expected = [(await new_request(tx, USER + number % 4)).id for number in range(24)]
    taken: list[int] = []

    async def work(store: Store) -> None:
        while True:
            async with store.transaction() as tx:
                request_id = await _claim(tx)
                await asyncio.sleep(0)
            if request_id is None:
                return
            taken.append(request_id)

    await asyncio.gather(*(work(store) for store in (one, two, one, two)))
    assert sorted(taken) == expected


@settings(max_examples=40)
@given(st.lists(st.integers(0, 3), min_size=1, max_size=12), st.integers(0, 3))
def test_nobody_is_served_twice_while_another_waits_for_the_first_text(askers: list[int], running: int) -> None:
    """Round robin: in the order of service, a user's turn never runs ahead of another's who still waits."""

    async def scenario(store: Store) -> None:
        async with store.transaction() as tx:
            ids = {(await new_request(tx, USER + asker)).id: asker for asker in askers}
            served = Counter([ids[claimed] for _ in range(running) if (claimed := await _claim(tx))])
            queue = [request.id for request in await tx.requests.list_pending(99)]
            assert [await tx.requests.count_ahead(request_id) for request_id in queue] == list(range(len(queue)))
            waits = Counter(ids[request_id] for request_id in queue)
            for request_id in queue:
                assert await _claim(tx) == request_id
                asker = ids[request_id]
                assert all(served[asker] <= served[other] for other in waits if waits[other])
                served[asker] += 1
                waits[asker] -= 1
            assert await _claim(tx) is None

    in_memory(scenario)


@settings(max_examples=30)
@given(st.lists(st.one_of(st.integers(0, 3), st.none()), max_size=30))
def test_everybody_s_first_text_is_written_before_anybody_s_second(steps: list[int | None]) -> None:
    """One hand; a number is a user who asks, None finishes the text in hand and takes the next one."""

    async def scenario(store: Store) -> None:
        waiting: dict[int, list[int]] = {}
        hand: Request | None = None
        for step in [*steps, *[None] * len(steps), None]:
            async with store.transaction() as tx:
                if step is not None:
                    waiting.setdefault(step, []).append((await new_request(tx, USER + step)).id)
                    continue
                if hand:
                    await tx.requests.finish(hand.id, "done", NOW)
                hand = await tx.requests.claim("me", NOW)
                firsts = [ids[0] for ids in waiting.values() if ids]
                assert (hand.id if hand else None) == min(firsts, default=None)
                if hand:
                    waiting[hand.user_id - USER].remove(hand.id)

    in_memory(scenario)
