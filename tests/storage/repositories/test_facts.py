from __future__ import annotations

from storage import export
from storage.records import KnownFact, Note, RefusedFile, Remark, Understanding
from storage.repositories.facts import to_understanding
from storage.store import Store, Transaction
from tests.storage.conftest import stored
from tests.support.storage.samples import NOW, OTHER, USER, new_listing, photo

ITEM = KnownFact("item", "поло", "поло", "photo", 0.4)


async def _draft(tx: Transaction, user_id: int = USER) -> int:
    """A draft with a photo, shown."""
    listing = await new_listing(tx, user_id)
    await tx.listings.add_photo(listing.id, photo(1))
    await tx.listings.add_revision(listing.id, window_opened_at=None, card_due_at=None)
    return listing.id


@stored
async def test_the_facts_of_a_draft_are_read_once_for_each_of_its_revisions(store: Store) -> None:
    async with store.transaction() as tx:
        assert await tx.facts.claim() is None
        first, second = await _draft(tx), await _draft(tx, OTHER)
        assert [await tx.facts.claim(), await tx.facts.claim(), await tx.facts.claim()] == [first, second, None]
        await tx.listings.add_revision(first, window_opened_at=NOW, card_due_at=NOW)
        assert await tx.facts.claim() is None
        await tx.listings.claim_due(NOW, 9)
        assert await tx.facts.claim() == first
        await tx.listings.add_revision(second, window_opened_at=None, card_due_at=None)
        await tx.listings.stop_collecting(second)
        assert await tx.facts.claim() is None


@stored
async def test_facts_come_back_as_they_were_stored(store: Store) -> None:
    remark = Remark("photos-blank", {"count": 1, "numbers": "2"})
    refused = RefusedFile("unique1", "photo-format", {"limit": 3})
    understanding = Understanding(1, (ITEM,), 0.3, ("a" * 64,), ("item",), (refused,), ("поло",), (remark,))
    async with store.transaction() as tx:
        listing_id = await _draft(tx)
        await tx.facts.store(listing_id, understanding)
    async with store.transaction() as tx:
        listing = await tx.listings.get(listing_id)
        assert listing is not None
        assert (listing.understanding, listing.item, listing.is_set) == (understanding, None, None)


def test_facts_of_an_older_version_are_read() -> None:
    stored = {"revision": 1, "facts": [], "diversity": None, "photo_sha256": []}
    assert to_understanding(stored) == Understanding(1)


@stored
async def test_answers_are_kept_and_exported_with_what_was_offered(store: Store) -> None:
    understanding = Understanding(1, (ITEM,), 0.3, ("a" * 64,), ("item",))
    async with store.transaction() as tx:
        listing_id = await _draft(tx)
        await tx.listings.set_note(listing_id, Note(2, "Цена: 5000"))
        await tx.facts.store(listing_id, understanding)
        listing = await tx.listings.get(listing_id)
        assert listing is not None
        await tx.facts.answer_item(listing, "футболка", NOW)
        await tx.facts.answer_set(listing, False, NOW)
        listing = await tx.listings.get(listing_id)
        assert listing is not None
        assert (listing.item, listing.is_set) == ("футболка", False)
        item, one = await export.export_answers(tx, lambda text: [("", text)])
        shared = {"photos": [], "photo_sha256": ["a" * 64], "attributes": {"": "Цена: 5000"}, "source": "answer"}
        assert item == shared | {"id": "answer-1", "question": "item", "answer": "футболка", "offered": {"поло": 0.4}}
        assert one == shared | {"id": "answer-2", "question": "set", "answer": "one", "offered": {"many": 0.3}}
        await tx.users.delete(USER)
        assert await tx.facts.list_answers() == []
