from __future__ import annotations

from storage.records import RecoveryReport
from storage.repositories.recovery import MAX_ATTEMPTS
from storage.store import Store, Transaction
from tests.storage.conftest import stored
from tests.support.storage.samples import NOW, OTHER, USER, message, new_request

NOTHING = RecoveryReport(0, 0, 0, (), ())


async def _take_one_of_each(tx: Transaction, owner: str, number: int) -> None:
    """An update, a request and a message of the user of this number, in the hands of the owner."""
    user = USER + number
    await new_request(tx, user)
    await tx.inbox.add([(number, user, "{}")], NOW)
    await tx.outbox.enqueue(message(user), NOW)
    assert await tx.inbox.claim(owner, NOW)
    assert await tx.requests.claim(owner, NOW)
    assert await tx.outbox.claim(owner, NOW, (), 1)


@stored
async def test_what_a_dead_process_had_in_hand_waits_again(store: Store) -> None:
    """And what a living one has stays with it."""
    async with store.transaction() as tx:
        for number, owner in enumerate(("dead", "alive")):
            assert await tx.leases.acquire(f"process:{owner}", owner, NOW + 10 + number, NOW)
            await _take_one_of_each(tx, owner, number)
    async with store.transaction() as tx:
        assert await tx.recover(NOW + 9) == NOTHING
        assert await tx.recover(NOW + 10) == RecoveryReport(1, 1, 1, (), ())
        assert await tx.recover(NOW + 10) == NOTHING
        update, request = await tx.inbox.claim("new", NOW), await tx.requests.claim("new", NOW)
        [sending] = await tx.outbox.claim("new", NOW, (), 9)
        assert update
        assert request
        assert (update.user_id, request.user_id, sending.content.chat_id) == (USER, USER, USER)
        assert (update.attempts, request.attempts, sending.attempts) == (1, 1, 1)


@stored
async def test_the_sole_process_takes_over_from_all_others_at_once(store: Store) -> None:
    async with store.transaction() as tx:
        for number, owner in enumerate(("before", "sole")):
            assert await tx.leases.acquire(f"process:{owner}", owner, NOW + 10, NOW)
            await _take_one_of_each(tx, owner, number)
        assert await tx.recover(NOW, sole_worker_id="sole") == RecoveryReport(1, 1, 1, (), ())


@stored
async def test_a_lease_of_another_name_keeps_nobody_alive(store: Store) -> None:
    async with store.transaction() as tx:
        assert await tx.leases.acquire("poller", "me", NOW + 10, NOW)
        assert await tx.leases.acquire("process:other", "me", NOW + 10, NOW)
        await _take_one_of_each(tx, "me", 1)
        assert await tx.recover(NOW) == RecoveryReport(1, 1, 1, (), ())


@stored
async def test_work_that_is_released_too_often_is_given_up_and_reported(store: Store) -> None:
    async with store.transaction() as tx:
        await new_request(tx)
        await tx.inbox.add([(1, USER, "{}")], NOW)
        for _ in range(MAX_ATTEMPTS - 1):
            assert await tx.inbox.claim("me", NOW)
            assert await tx.requests.claim("me", NOW)
            assert await tx.recover(NOW) == RecoveryReport(1, 1, 0, (), ())
        update, request = await tx.inbox.claim("me", NOW), await tx.requests.claim("me", NOW)
        assert update
        assert request
        assert await tx.recover(NOW) == RecoveryReport(0, 0, 0, (update,), (request,))
        failed = await tx.requests.get(request.id)
        assert failed
        assert (failed.state, failed.error) == ("failed", "interrupted")
        assert (await tx.inbox.count_pending(), await tx.requests.count_open()) == (0, 0)
        assert await tx.inbox.add([(1, USER, "{}")], NOW) == 0


@stored
async def test_a_message_is_sent_again_however_often_it_was_interrupted(store: Store) -> None:
    async with store.transaction() as tx:
        await tx.outbox.enqueue(message(), NOW)
        for _ in range(MAX_ATTEMPTS + 1):
            assert await tx.outbox.claim("me", NOW, (), 9)
            assert (await tx.recover(NOW)).messages == 1


@stored
async def test_an_interrupted_message_makes_way_for_a_newer_one_of_its_slot(store: Store) -> None:
    async with store.transaction() as tx:
        for user, fresh in ((USER, True), (OTHER, False)):
            await tx.outbox.enqueue(message(user, "old", slot=f"card:{user}", fresh=fresh), NOW)
        assert len(await tx.outbox.claim("me", NOW, (), 9)) == 2
        for user in (USER, OTHER):
            await tx.outbox.enqueue(message(user, "new", slot=f"card:{user}"), NOW)
        assert (await tx.recover(NOW)).messages == 0
        taken = [sending.content for sending in await tx.outbox.claim("me", NOW, (), 9)]
        assert [(outgoing.text, outgoing.fresh) for outgoing in taken] == [("new", True), ("new", False)]
