from __future__ import annotations

import asyncio

from storage.records import ListingRecord, Note
from storage.repositories.listings import MAX_PHOTOS
from storage.store import Store, Transaction
from tests.storage.conftest import stored
from tests.support.storage.samples import NOW, OTHER, USER, new_listing, photo


async def _get(tx: Transaction, listing_id: int) -> ListingRecord:
    listing = await tx.listings.get(listing_id)
    assert listing
    return listing


@stored
async def test_a_new_listing_is_empty_and_collects(store: Store) -> None:
    async with store.transaction() as tx:
        assert await tx.listings.get_current(USER) is None
        opened = await new_listing(tx)
        assert opened == ListingRecord(opened.id, USER, True, 0, (), (), None, None, None, False, NOW)
    async with store.transaction() as tx:
        assert await _get(tx, opened.id) == await tx.listings.get_current(USER) == opened
        assert await tx.listings.get(opened.id + 1) is None


@stored
async def test_one_listing_of_a_user_collects(store: Store) -> None:
    async with store.transaction() as tx:
        first, foreign, second = await new_listing(tx), await new_listing(tx, OTHER), await new_listing(tx)
        assert await tx.listings.get_current(USER) == second
        assert await tx.listings.get_current(OTHER) == foreign
        await tx.listings.resume_collecting(first.id)
        assert await tx.listings.get_current(USER) == await _get(tx, first.id)
        await tx.listings.stop_collecting(first.id)
        assert await tx.listings.get_current(USER) is None
        assert await tx.listings.get_latest(USER) == await _get(tx, second.id)
        assert [listing.id for listing in await tx.listings.list_recent(USER, 9)] == [second.id, first.id]
        assert len(await tx.listings.list_recent(USER, 1)) == 1


@stored
async def test_a_case_is_a_listing_by_name(store: Store) -> None:
    async with store.transaction() as tx:
        await tx.users.get_or_create(USER, NOW)
        listing = await tx.listings.add(USER, NOW, case="1.1")
        assert (await _get(tx, listing.id)).case == "1.1"


@stored
async def test_photos_and_notes_stand_in_the_order_of_their_messages(store: Store) -> None:
    async with store.transaction() as tx:
        listing = await new_listing(tx)
        for number in (5, 3, 4):
            assert await tx.listings.add_photo(listing.id, photo(number))
        for number in (9, 2):
            await tx.listings.set_note(listing.id, Note(number, f"note {number}"))
        listing = await _get(tx, listing.id)
        assert listing.photos == (photo(3), photo(4), photo(5))
        assert listing.notes == (Note(2, "note 2"), Note(9, "note 9"))


@stored
async def test_the_same_photo_is_taken_once_a_listing(store: Store) -> None:
    async with store.transaction() as tx:
        listing, other = await new_listing(tx), await new_listing(tx)
        assert [await tx.listings.add_photo(listing.id, photo(1)) for _ in range(2)] == [True, False]
        assert await tx.listings.add_photo(other.id, photo(1))
        await tx.listings.delete_photo(listing.id, photo(1).file_unique_id)
        assert ((await _get(tx, listing.id)).photos, (await _get(tx, other.id)).photos) == ((), (photo(1),))
        assert await tx.listings.add_photo(listing.id, photo(1))


@stored
async def test_photos_without_end_are_not_kept(store: Store) -> None:
    async with store.transaction() as tx:
        listing = await new_listing(tx)
        taken = [await tx.listings.add_photo(listing.id, photo(number)) for number in range(MAX_PHOTOS + 2)]
        assert taken == [True] * MAX_PHOTOS + [False] * 2
        assert len((await _get(tx, listing.id)).photos) == MAX_PHOTOS


@stored
async def test_an_edited_message_replaces_its_note(store: Store) -> None:
    async with store.transaction() as tx:
        listing = await new_listing(tx)
        for text in ("Цена: 5", "Цена: 6"):
            await tx.listings.set_note(listing.id, Note(1, text))
        assert (await _get(tx, listing.id)).notes == (Note(1, "Цена: 6"),)
        await tx.listings.set_note(listing.id, Note(1, ""))
        assert (await _get(tx, listing.id)).notes == ()


@stored
async def test_a_listing_is_found_by_its_album_and_its_messages(store: Store) -> None:
    async with store.transaction() as tx:
        listing, later, foreign = await new_listing(tx), await new_listing(tx), await new_listing(tx, OTHER)
        await tx.listings.add_photo(listing.id, photo(1, "album"))
        await tx.listings.set_note(listing.id, Note(2, "text"))
        await tx.listings.add_photo(later.id, photo(3, "later"))
        await tx.listings.add_photo(foreign.id, photo(1, "album"))
        by_album = [await tx.listings.get_by_album(USER, album) for album in ("album", "later", "none")]
        assert [found and found.id for found in by_album] == [listing.id, later.id, None]
        by_message = [await tx.listings.get_by_message(USER, number) for number in (1, 2, 3, 4)]
        assert [found and found.id for found in by_message] == [listing.id, listing.id, later.id, None]


@stored
async def test_a_cleared_listing_is_empty(store: Store) -> None:
    async with store.transaction() as tx:
        listing = await new_listing(tx)
        await tx.listings.add_photo(listing.id, photo(1))
        await tx.listings.set_note(listing.id, Note(2, "text"))
        await tx.listings.clear(listing.id)
        assert await _get(tx, listing.id) == listing


@stored
async def test_every_change_is_a_revision(store: Store) -> None:
    async with store.transaction() as tx:
        listing = await new_listing(tx)
        await tx.listings.add_revision(listing.id, window_opened_at=NOW, card_due_at=NOW + 1)
        changed = await _get(tx, listing.id)
        assert (changed.revision, changed.window_opened_at, changed.card_due_at) == (1, NOW, NOW + 1)
        await tx.listings.add_revision(listing.id, window_opened_at=None, card_due_at=None)
        changed = await _get(tx, listing.id)
        assert (changed.revision, changed.window_opened_at, changed.card_due_at) == (2, None, None)
        await tx.listings.set_wants_text(listing.id, True)
        assert (await _get(tx, listing.id)).wants_text
        await tx.listings.set_wants_text(listing.id, False)
        assert not (await _get(tx, listing.id)).wants_text


@stored
async def test_windows_that_are_over_are_closed_once_the_oldest_first(store: Store) -> None:
    async with store.transaction() as tx:
        assert await tx.listings.get_next_due_at() is None
        listings = [await new_listing(tx, user) for user in (USER, OTHER, USER, OTHER)]
        for listing, wait in zip(listings, (3, 1, 2, 9), strict=True):
            await tx.listings.add_revision(listing.id, window_opened_at=NOW, card_due_at=NOW + wait)
        assert await tx.listings.get_next_due_at() == NOW + 1
        due = await tx.listings.claim_due(NOW + 3, 2)
        assert [listing.id for listing in due] == [listings[1].id, listings[2].id]
        assert {(listing.window_opened_at, listing.card_due_at) for listing in due} == {(None, None)}
        assert [listing.id for listing in await tx.listings.claim_due(NOW + 3, 2)] == [listings[0].id]
        assert await tx.listings.claim_due(NOW + 3, 2) == []
        assert await tx.listings.get_next_due_at() == NOW + 9


@stored
async def test_two_processes_never_close_the_same_window(one: Store, two: Store) -> None:
    async with one.transaction() as tx:
        for number in range(20):
            listing = await new_listing(tx, USER + number)
            await tx.listings.add_revision(listing.id, window_opened_at=NOW, card_due_at=NOW)
    closed: list[int] = []

    async def close(store: Store) -> None:
        while len(closed) < 20:
            async with store.transaction() as tx:
                due = await tx.listings.claim_due(NOW, 3)
                await asyncio.sleep(0)
            closed.extend(listing.id for listing in due)

    await asyncio.gather(close(one), close(two), close(one), close(two))
    assert sorted(closed) == list(range(1, 21))


@stored
async def test_what_is_decided_by_a_revision_holds(one: Store, two: Store) -> None:
    """Whoever has read a listing keeps others from changing it until the transaction ends."""
    async with one.transaction() as tx:
        listing = await new_listing(tx)

    async def change() -> None:
        async with two.transaction() as tx:
            await tx.listings.add_revision(listing.id, window_opened_at=None, card_due_at=None)

    async with one.transaction() as tx:
        assert (await _get(tx, listing.id)).revision == 0
        changing = asyncio.create_task(change())
        assert not (await asyncio.wait({changing}, timeout=0.2))[0]
        assert (await _get(tx, listing.id)).revision == 0
    await changing
    async with one.transaction() as tx:
        assert (await _get(tx, listing.id)).revision == 1


@stored
async def test_an_id_is_never_given_again(store: Store) -> None:
    """A button in an old chat must not reach a stranger's listing."""
    async with store.transaction() as tx:
        listing = await new_listing(tx)
        await tx.users.delete(USER)
        assert (await new_listing(tx, OTHER)).id > listing.id
