from __future__ import annotations

from sqlalchemy import Column, select

from storage.records import Note
from storage.store import Store, Transaction
from storage.tables import metadata, user_columns
from tests.storage.conftest import rows_of, stored
from tests.support.storage.samples import NOW, OTHER, USER, message, new_description, new_request, photo


@stored
async def test_a_new_user_gets_the_language_and_keeps_it(store: Store) -> None:
    async with store.transaction() as tx:
        assert await tx.users.get(USER) is None
        user = await tx.users.get_or_create(USER, NOW, "en")
        assert (user.id, user.language, user.checkpoint, user.blocked) == (USER, "en", None, False)
    async with store.transaction() as tx:
        assert await tx.users.get_or_create(USER, NOW, "ru") == user == await tx.users.get(USER)


@stored
async def test_choices_are_remembered(store: Store) -> None:
    async with store.transaction() as tx:
        await tx.users.get_or_create(USER, NOW)
        await tx.users.set_language(USER, "en")
        await tx.users.set_checkpoint(USER, "nano", previous="mini")
        await tx.users.await_correction(USER, 7)
        user = await tx.users.get_or_create(USER, NOW)
        assert (user.language, user.checkpoint, user.awaits_correction_of) == ("en", "nano", 7)
        await tx.users.await_correction(USER, None)
        assert (await tx.users.get_or_create(USER, NOW)).awaits_correction_of is None


@stored
async def test_the_checkpoint_before_the_chosen_one_comes_back_once(store: Store) -> None:
    async with store.transaction() as tx:
        await tx.users.get_or_create(USER, NOW)
        await tx.users.set_checkpoint(USER, "nano", previous="mini")
        for checkpoint, before in (("nano", "mini"), ("mini", None), (None, None)):
            user = await tx.users.get_or_create(USER, NOW)
            assert (user.checkpoint, user.checkpoint_before) == (checkpoint, before)
            await tx.users.restore_checkpoint(USER)


@stored
async def test_a_user_who_blocks_the_bot_waits_for_nothing(store: Store) -> None:
    async with store.transaction() as tx:
        running = await new_request(tx)
        assert await tx.requests.claim("me", NOW)
        waiting, foreign = await new_request(tx), await new_request(tx, OTHER)
        await tx.outbox.enqueue(message(), NOW)
        await tx.outbox.enqueue(message(OTHER), NOW)
        await tx.users.mark_blocked(USER)
    async with store.transaction() as tx:
        user = await tx.users.get(USER)
        assert user
        assert user.blocked
        requests = [await tx.requests.get(request.id) for request in (running, waiting, foreign)]
        assert [(r.state, r.error) for r in requests if r] == [
            ("running", None),
            ("failed", "blocked"),
            ("pending", None),
        ]
        assert [sending.content.chat_id for sending in await tx.outbox.claim("me", NOW, (), 9)] == [OTHER]


@stored
async def test_who_writes_again_is_not_blocked_any_more(store: Store) -> None:
    async with store.transaction() as tx:
        await tx.users.get_or_create(USER, NOW)
        await tx.users.mark_blocked(USER)
        assert not (await tx.users.get_or_create(USER, NOW)).blocked


@stored
async def test_everything_about_a_user_is_forgotten_and_nothing_about_another(store: Store) -> None:
    async with store.transaction() as tx:
        for user_id in (USER, OTHER):
            await _fill_every_table(tx, user_id)
        tables = {column.table for column in user_columns()}
        assert await tx.users.count_rows(USER) == await tx.users.count_rows(OTHER) >= len(tables)
    async with store.transaction() as tx:
        count = await tx.users.count_rows(USER)
        assert await tx.users.delete(USER) == count
    async with store.transaction() as tx:
        assert await tx.users.count_rows(USER) == 0
        assert await tx.users.count_rows(OTHER) == count
        assert await tx.users.get(USER) is None


@stored
async def test_no_table_mentions_a_forgotten_user(store: Store, url: str) -> None:
    """Not one value of any column, whether or not the table says that it is about users."""
    async with store.transaction() as tx:
        await _fill_every_table(tx, USER)
    before = await _values(url)
    assert all(rows for name, rows in before.items() if name != "leases")
    assert str(USER) in str(before)
    async with store.transaction() as tx:
        await tx.users.delete(USER)
    after = await _values(url)
    assert {name for name, rows in after.items() if rows} == {"inbox"}
    assert str(USER) not in str(after)
    assert "payload" not in str(after)


@stored
async def test_an_update_of_a_forgotten_user_is_not_handled_again(store: Store) -> None:
    async with store.transaction() as tx:
        await tx.inbox.add([(1, USER, "{}"), (2, USER, "{}")], NOW)
        assert await tx.inbox.claim("me", NOW)
        await tx.users.delete(USER)
        await tx.inbox.mark_done(1, NOW)
        assert await tx.inbox.add([(1, USER, "{}"), (2, USER, "{}")], NOW) == 0
        assert await tx.inbox.claim("me", NOW) is None
        assert await tx.inbox.count_pending() == 0


@stored
async def test_a_message_on_its_way_to_a_forgotten_user_leaves_no_trace(store: Store) -> None:
    """What was being sent comes back as sent after its row is gone."""
    async with store.transaction() as tx:
        await tx.outbox.enqueue(message(slot="card:1"), NOW)
        [sending] = await tx.outbox.claim("me", NOW, (), 9)
        await tx.users.delete(USER)
        await tx.outbox.mark_sent(sending.id, 77, NOW)
        await tx.outbox.retry(sending.id, NOW, "late")
        await tx.outbox.mark_failed(sending.id, "late")
        assert await tx.users.count_rows(USER) == 0


def test_every_column_that_could_name_a_user_is_marked() -> None:
    columns = [column for table in metadata.tables.values() for column in table.columns]
    marked = {str(column) for column in user_columns()}
    assert marked == {str(column) for column in columns if _names_a_user(column)}
    assert len(marked) == len(metadata.tables) - len(["leases"])


def _names_a_user(column: Column[object]) -> bool:
    return column.name in ("user_id", "chat_id") or str(column) == "users.id"


async def _values(url: str) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table."""
    return {name: await rows_of(url, select(table)) for name, table in metadata.tables.items()}


async def _fill_every_table(tx: Transaction, user_id: int) -> None:
    description = await new_description(tx, user_id=user_id)
    other = await new_description(tx, user_id=user_id)
    await tx.listings.add_photo(other.listing_id, photo(5, "album"))
    await tx.listings.set_note(other.listing_id, Note(6, f"Телефон: {user_id}"))
    await tx.feedback.set_vote(description.id, user_id, -1, "invented", NOW)
    await tx.feedback.set_correction(description.id, user_id, "исправлено", "diff", NOW)
    await tx.feedback.add_comparison(other.listing_id, user_id, description.id, other.id, NOW)
    listing = await tx.listings.get(other.listing_id)
    assert listing is not None
    await tx.facts.answer_item(listing, "платье", NOW)
    await tx.users.await_correction(user_id, description.id)
    await tx.inbox.add([(user_id * 2, user_id, "payload"), (user_id * 2 + 1, user_id, "payload")], NOW)
    for slot in (f"card:{user_id}", f"scores:{user_id}"):
        await tx.outbox.enqueue(message(user_id, slot=slot), NOW)
        [sending] = await tx.outbox.claim("me", NOW, {USER, OTHER} - {user_id}, 9)
        await tx.outbox.mark_sent(sending.id, 5, NOW)
    await tx.outbox.enqueue(message(user_id, slot=f"vote:{user_id}"), NOW)
