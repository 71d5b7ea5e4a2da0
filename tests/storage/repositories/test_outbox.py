from __future__ import annotations

import asyncio

from sqlalchemy import select

from storage.records import OutboxMessage, OutgoingMessage
from storage.store import Store, Transaction
from storage.tables import outbox, slots
from tests.storage.conftest import rows_of, stored
from tests.support.storage.samples import NOW, OTHER, USER, message, new_request

THIRD = OTHER + 1


async def _claim(tx: Transaction, *busy: int, now: float = NOW, limit: int = 99) -> list[OutboxMessage]:
    return await tx.outbox.claim("me", now, busy, limit)


async def _texts(tx: Transaction, *busy: int, now: float = NOW, limit: int = 99) -> list[str]:
    return [sending.content.text for sending in await _claim(tx, *busy, now=now, limit=limit)]


async def _send(tx: Transaction, message_id: int | None) -> OutboxMessage:
    [sending] = await _claim(tx)
    await tx.outbox.mark_sent(sending.id, message_id, NOW)
    return sending


@stored
async def test_a_message_comes_out_as_it_was_put_in(store: Store) -> None:
    async with store.transaction() as tx:
        request = await new_request(tx)
        outgoing = OutgoingMessage(
            USER, "<b>текст</b>", '{"inline_keyboard": []}', None, 0, ("a.jpg", "b.jpg"), None, request.id
        )
        row_id = await tx.outbox.enqueue(outgoing, NOW)
    async with store.transaction() as tx:
        assert await tx.outbox.count_pending() == 1
        assert await _claim(tx) == [OutboxMessage(row_id, outgoing, None, 0)]
        assert await tx.outbox.count_pending() == 1
        await tx.outbox.mark_sent(row_id, 5, NOW)
        assert await tx.outbox.count_pending() == 0


@stored
async def test_of_a_sent_message_nothing_is_kept_but_the_place_to_edit(store: Store, url: str) -> None:
    async with store.transaction() as tx:
        await tx.outbox.enqueue(message(), NOW)
        await _send(tx, 5)
        await tx.outbox.enqueue(message(slot="card:1"), NOW)
        await _send(tx, 6)
    assert await rows_of(url, select(outbox)) == []
    assert await rows_of(url, select(slots)) == [("card:1", USER, 6)]


@stored
async def test_one_message_of_a_chat_is_sent_at_a_time_the_answer_first(store: Store) -> None:
    async with store.transaction() as tx:
        for text, priority in (("progress", 2), ("card", 1), ("answer", 0), ("second answer", 0)):
            await tx.outbox.enqueue(message(text=text, priority=priority), NOW)
        order = []
        while sendings := await _claim(tx):
            assert await _claim(tx) == []
            order += [sending.content.text for sending in sendings]
            await tx.outbox.mark_sent(sendings[0].id, 5, NOW)
        assert order == ["answer", "second answer", "card", "progress"]


@stored
async def test_chats_that_are_busy_wait_and_the_best_come_first(store: Store) -> None:
    async with store.transaction() as tx:
        await tx.outbox.enqueue(message(THIRD, "low", priority=2), NOW)
        await tx.outbox.enqueue(message(USER, "middle"), NOW)
        await tx.outbox.enqueue(message(OTHER, "high", priority=0), NOW)
        assert await _texts(tx, USER, limit=1) == ["high"]
        assert await _texts(tx, USER) == ["low"]
        assert await _texts(tx) == ["middle"]


@stored
async def test_what_waits_in_a_slot_is_replaced(store: Store) -> None:
    """Only the newest content is sent, in the place of the first."""
    async with store.transaction() as tx:
        first = await tx.outbox.enqueue(message(text="one", slot="card:1", keyboard="{}"), NOW)
        await tx.outbox.enqueue(message(text="another"), NOW)
        assert await tx.outbox.enqueue(message(text="two", slot="card:1"), NOW) == first
        assert await tx.outbox.count_pending() == 2
        sending = await _send(tx, 5)
        assert (sending.content.text, sending.content.keyboard) == ("two", None)
        assert await _texts(tx) == ["another"]


@stored
async def test_messages_without_a_slot_are_all_sent(store: Store) -> None:
    async with store.transaction() as tx:
        assert await tx.outbox.enqueue(message(), NOW) != await tx.outbox.enqueue(message(), NOW)
        assert await tx.outbox.count_pending() == 2


@stored
async def test_a_slot_is_edited_after_it_was_sent(store: Store) -> None:
    async with store.transaction() as tx:
        for slot in ("card:1", "card:1", "card:2", "card:1"):
            await tx.outbox.enqueue(message(slot=slot), NOW)
            sending = await _send(tx, 5 if slot == "card:1" else 6)
        assert sending.message_id == 5


@stored
async def test_what_is_put_while_the_slot_is_being_sent_edits_it_afterwards(store: Store) -> None:
    async with store.transaction() as tx:
        await tx.outbox.enqueue(message(text="one", slot="card:1"), NOW)
        [first] = await _claim(tx)
        await tx.outbox.enqueue(message(text="two", slot="card:1"), NOW)
        assert await _claim(tx) == []
        await tx.outbox.mark_sent(first.id, 5, NOW)
        [second] = await _claim(tx)
        assert (second.content.text, second.message_id) == ("two", 5)


@stored
async def test_an_edit_that_made_no_message_leaves_the_slot_as_it_is(store: Store) -> None:
    async with store.transaction() as tx:
        for message_id in (5, None, 5):
            await tx.outbox.enqueue(message(slot="card:1"), NOW)
            sending = await _send(tx, message_id)
        assert sending.message_id == 5


@stored
async def test_a_fresh_message_takes_the_slot_over(store: Store) -> None:
    """Also when its content is replaced before it leaves."""
    async with store.transaction() as tx:
        await tx.outbox.enqueue(message(slot="card:1"), NOW)
        await _send(tx, 5)
        await tx.outbox.enqueue(message(slot="card:1", fresh=True), NOW)
        await tx.outbox.enqueue(message(text="newer", slot="card:1"), NOW)
        sending = await _send(tx, 6)
        assert (sending.content.text, sending.message_id) == ("newer", None)
        await tx.outbox.enqueue(message(slot="card:1"), NOW)
        assert (await _send(tx, 6)).message_id == 6


@stored
async def test_a_moving_message_replaces_its_old_one_once_something_stands_below_it(store: Store) -> None:
    """Also when its content is replaced before it leaves, or when it has to be sent again."""
    async with store.transaction() as tx:
        await new_request(tx)
        await tx.outbox.enqueue(message(slot="card:1", moves=True), NOW)
        assert (await _send(tx, 5)).replaced_id is None
        await tx.users.note_message(USER, 5)
        await tx.users.note_message(USER, 4)
        await tx.outbox.enqueue(message(slot="card:1", moves=True), NOW)
        sending = await _send(tx, 5)
        assert (sending.message_id, sending.replaced_id) == (5, None)
        await tx.users.note_message(USER, 6)
        await tx.outbox.enqueue(message(slot="card:1", moves=True), NOW)
        await tx.outbox.enqueue(message(text="newer", slot="card:1"), NOW)
        [sending] = await _claim(tx)
        await tx.outbox.enqueue(message(text="newest", slot="card:1"), NOW)
        await tx.outbox.retry(sending.id, NOW, "502")
        sending = await _send(tx, 7)
        assert (sending.content.text, sending.message_id, sending.replaced_id) == ("newest", None, 5)
        await tx.outbox.enqueue(message(slot="card:1"), NOW)
        assert (await _send(tx, 7)).message_id == 7


@stored
async def test_a_keyboard_is_replaced_where_its_message_was_sent_or_waits(store: Store) -> None:
    async with store.transaction() as tx:
        await tx.outbox.enqueue_keyboard(USER, "card:1", None, NOW)
        assert await _claim(tx) == []
        await tx.outbox.enqueue(message(text="waits", slot="card:1"), NOW)
        await tx.outbox.enqueue_keyboard(USER, "card:1", "{}", NOW)
        sending = await _send(tx, 5)
        assert (sending.content.text, sending.content.keyboard) == ("waits", "{}")
        await tx.outbox.enqueue_keyboard(USER, "card:1", None, NOW)
        sending = await _send(tx, 5)
        assert (sending.content.text, sending.content.keyboard, sending.message_id) == ("", None, 5)


@stored
async def test_a_forgotten_slot_is_sent_anew(store: Store) -> None:
    async with store.transaction() as tx:
        await tx.outbox.enqueue(message(slot="card:1"), NOW)
        await _send(tx, 5)
        await tx.outbox.detach_slot("card:1")
        await tx.outbox.enqueue(message(slot="card:1"), NOW)
        assert (await _send(tx, 6)).message_id is None


@stored
async def test_an_edit_that_waits_when_its_slot_is_forgotten_still_reaches_its_message(store: Store) -> None:
    async with store.transaction() as tx:
        await tx.outbox.enqueue(message(slot="card:1"), NOW)
        await _send(tx, 5)
        await tx.outbox.enqueue(message(text="done", slot="card:1"), NOW)
        await tx.outbox.detach_slot("card:1")
        await tx.outbox.enqueue(message(text="anew", slot="card:1"), NOW)
        done, anew = await _send(tx, 5), await _send(tx, 6)
        assert [(each.content.text, each.message_id) for each in (done, anew)] == [("done", 5), ("anew", None)]
        await tx.outbox.enqueue(message(slot="card:1"), NOW)
        assert (await _send(tx, 6)).message_id == 6


@stored
async def test_a_new_message_that_waits_when_its_slot_is_forgotten_again_stays_one(store: Store) -> None:
    async with store.transaction() as tx:
        await tx.outbox.enqueue(message(slot="card:1"), NOW)
        await _send(tx, 5)
        for text in ("first", "second"):
            await tx.outbox.detach_slot("card:1")
            await tx.outbox.enqueue(message(text=text, slot="card:1", fresh=True), NOW)
        assert ((await _send(tx, 6)).content.text, await tx.outbox.count_pending()) == ("second", 0)


@stored
async def test_a_slot_that_is_forgotten_while_it_is_sent_or_waits_is_sent_anew(store: Store) -> None:
    async with store.transaction() as tx:
        await tx.outbox.enqueue(message(slot="card:1"), NOW)
        [first] = await _claim(tx)
        await tx.outbox.enqueue(message(text="two", slot="card:1"), NOW)
        await tx.outbox.detach_slot("card:1")
        await tx.outbox.mark_sent(first.id, 5, NOW)
        assert (await _send(tx, 6)).message_id is None
        await tx.outbox.enqueue(message(slot="card:1"), NOW)
        assert (await _send(tx, 6)).message_id == 6


@stored
async def test_a_message_that_is_to_be_tried_again_keeps_its_chat_in_order(store: Store) -> None:
    async with store.transaction() as tx:
        for text in ("first", "second"):
            await tx.outbox.enqueue(message(text=text), NOW)
        await tx.outbox.enqueue(message(OTHER, "other"), NOW)
        [first] = await _claim(tx, OTHER)
        await tx.outbox.retry(first.id, NOW + 3, "429")
        assert await _texts(tx, now=NOW + 2) == ["other"]
        [again] = await _claim(tx, now=NOW + 3)
        assert (again.content.text, again.attempts) == ("first", 1)


@stored
async def test_a_newer_content_of_the_slot_is_not_overtaken_by_a_retried_one(store: Store) -> None:
    """And a fresh message stays one."""
    async with store.transaction() as tx:
        await tx.outbox.enqueue(message(slot="card:1"), NOW)
        await _send(tx, 5)
        await tx.outbox.enqueue(message(text="old", slot="card:1", fresh=True), NOW)
        [old] = await _claim(tx)
        await tx.outbox.enqueue(message(text="new", slot="card:1"), NOW)
        await tx.outbox.retry(old.id, NOW + 9, "network")
        [new] = await _claim(tx)
        assert (new.content.text, new.message_id, await tx.outbox.count_pending()) == ("new", None, 1)


@stored
async def test_a_message_that_cannot_be_sent_is_kept_with_its_error(store: Store, url: str) -> None:
    async with store.transaction() as tx:
        await tx.outbox.enqueue(message(), NOW)
        [sending] = await _claim(tx)
        await tx.outbox.mark_failed(sending.id, "400")
        assert (await _claim(tx), await tx.outbox.count_pending()) == ([], 0)
    assert await rows_of(url, select(outbox.c.state, outbox.c.error)) == [("failed", "400")]


@stored
async def test_what_waits_for_a_chat_is_dropped(store: Store) -> None:
    async with store.transaction() as tx:
        for chat_id in (USER, USER, OTHER):
            await tx.outbox.enqueue(message(chat_id), NOW)
        assert await tx.outbox.delete_pending(USER) == 2
        assert [sending.content.chat_id for sending in await _claim(tx)] == [OTHER]


@stored
async def test_two_processes_never_send_the_same_message_nor_to_a_chat_at_once(one: Store, two: Store) -> None:
    async with one.transaction() as tx:
        for number in range(30):
            await tx.outbox.enqueue(message(USER + number % 5, str(number)), NOW)
    sent: list[int] = []
    chats: set[int] = set()

    async def send(store: Store) -> None:
        while len(sent) < 30:
            async with store.transaction() as tx:
                taken = await _claim(tx, limit=2)
            for sending in taken:
                assert sending.content.chat_id not in chats
                chats.add(sending.content.chat_id)
            await asyncio.sleep(0)
            for sending in taken:
                chats.remove(sending.content.chat_id)
                sent.append(int(sending.content.text))
                async with store.transaction() as tx:
                    await tx.outbox.mark_sent(sending.id, 5, NOW)

    await asyncio.gather(*(send(store) for store in (one, two, one, two)))
    assert sorted(sent) == list(range(30))
    for chat in range(5):
        own = [number for number in sent if number % 5 == chat]
        assert own == sorted(own)


@stored
async def test_processes_that_fill_a_slot_at_once_leave_one_message(one: Store, two: Store) -> None:
    async def put(store: Store, number: int) -> None:
        async with store.transaction() as tx:
            await tx.outbox.enqueue(message(text=str(number), slot="card:1"), NOW)

    await asyncio.gather(*(put((one, two)[number % 2], number) for number in range(10)))
    async with one.transaction() as tx:
        assert await tx.outbox.count_pending() == 1
