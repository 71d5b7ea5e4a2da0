from __future__ import annotations

from dataclasses import replace

from storage import export
from storage.records import DescriptionRecord, Generation, Note
from storage.store import Store, Transaction
from tests.storage.conftest import stored
from tests.support.storage.samples import NOW, USER, WRITTEN, new_listing, new_request

HASHES = list(WRITTEN.photo_sha256)


def _parse(text: str) -> list[tuple[str, str]]:
    """A name and a value, or the value alone, a line."""
    pairs = [line.rpartition(": ") for line in text.splitlines()]
    return [(name, value) for name, _, value in pairs]


async def _write(tx: Transaction, *texts: str | None, note: str = "Цена: 5000") -> list[DescriptionRecord]:
    """Descriptions of one new listing with these texts."""
    request = await new_request(tx)
    await tx.listings.set_note(request.listing_id, Note(1, note))
    return [await tx.feedback.add(request, _written(text), NOW) for text in texts]


def _written(text: str | None) -> Generation:
    return replace(WRITTEN, text=text)


async def _vote(tx: Transaction, description: DescriptionRecord, value: int) -> None:
    assert await tx.feedback.set_vote(description.id, USER, value, None, NOW)


async def _correct(tx: Transaction, description: DescriptionRecord, text: str) -> None:
    assert await tx.feedback.set_correction(description.id, USER, text, "", NOW)


async def _texts(tx: Transaction) -> list[str]:
    return [line["description"] for line in await export.export_listings(tx, _parse)]


async def _pairs(tx: Transaction) -> list[tuple[str, str, str]]:
    return [(line["source"], line["chosen"], line["rejected"]) for line in await export.export_pairs(tx, _parse)]


@stored
async def test_nothing_said_is_nothing_learnt(store: Store) -> None:
    async with store.transaction() as tx:
        await _write(tx, "a", "b", None)
        [disliked] = await _write(tx, "c")
        await _vote(tx, disliked, -1)
        assert (await export.export_listings(tx, _parse), await export.export_pairs(tx, _parse)) == ([], [])


@stored
async def test_a_liked_text_is_a_line_of_the_design_s_format(store: Store) -> None:
    async with store.transaction() as tx:
        [description] = await _write(tx, "куртка", note="Цена: 5000\nкак новая\nЦвет: синий\nторг")
        await _vote(tx, description, 1)
        assert await export.export_listings(tx, _parse) == [
            {
                "id": f"listing-{description.listing_id}",
                "photos": [],
                "photo_sha256": HASHES,
                "attributes": {"Цена": "5000", "": "как новая; торг", "Цвет": "синий"},
                "description": "куртка",
                "gpt_description": None,
                "diversity_score": 0.25,
                "split": "train",
                "source": "feedback",
            }
        ]


@stored
async def test_a_correction_is_better_than_a_liked_text_and_the_later_than_the_earlier(store: Store) -> None:
    async with store.transaction() as tx:
        one, two, three = await _write(tx, "one", "two", "three")
        await _vote(tx, one, 1)
        assert await _texts(tx) == ["one"]
        await _vote(tx, two, 1)
        assert await _texts(tx) == ["two"]
        await _correct(tx, one, "corrected")
        await _vote(tx, three, 1)
        assert await _texts(tx) == ["corrected"]
        await _correct(tx, two, "corrected later")
        await _vote(tx, two, -1)
        assert await _texts(tx) == ["corrected later"]


@stored
async def test_a_pair_says_what_both_texts_were_written_from(store: Store) -> None:
    async with store.transaction() as tx:
        [description] = await _write(tx, "было")
        await _correct(tx, description, "стало")
        assert await export.export_pairs(tx, _parse) == [
            {
                "id": f"correction-{description.id}",
                "photos": [],
                "photo_sha256": HASHES,
                "attributes": {"Цена": "5000"},
                "chosen": "стало",
                "rejected": "было",
                "source": "correction",
            }
        ]


@stored
async def test_a_correction_that_changes_nothing_is_no_pair(store: Store) -> None:
    async with store.transaction() as tx:
        [description] = await _write(tx, "то же")
        await _correct(tx, description, "то же")
        assert (await _texts(tx), await _pairs(tx)) == (["то же"], [])


@stored
async def test_the_winner_of_a_comparison_is_chosen(store: Store) -> None:
    async with store.transaction() as tx:
        one, two, refused = await _write(tx, "one", "two", None)
        for first, second, choice in ((one, two, "second"), (one, two, "equal"), (one, two, "neither")):
            comparison = await tx.feedback.add_comparison(one.listing_id, USER, first.id, second.id, NOW)
            await tx.feedback.set_choice(comparison.id, choice, NOW)  # type: ignore[arg-type]  # a tuple of any words
        await tx.feedback.add_comparison(one.listing_id, USER, one.id, two.id, NOW)
        with_refused = await tx.feedback.add_comparison(one.listing_id, USER, one.id, refused.id, NOW)
        await tx.feedback.set_choice(with_refused.id, "first", NOW)
        assert await _pairs(tx) == [("comparison", "two", "one")]


@stored
async def test_a_liked_text_is_better_than_a_disliked_one_of_the_same_listing(store: Store) -> None:
    async with store.transaction() as tx:
        liked, disliked, _ = await _write(tx, "liked", "disliked", "nothing said")
        await _vote(tx, liked, 1)
        await _vote(tx, disliked, -1)
        [elsewhere] = await _write(tx, "of another listing")
        await _vote(tx, elsewhere, -1)
        assert await _pairs(tx) == [("vote", "liked", "disliked")]


@stored
async def test_texts_from_different_notes_are_not_compared(store: Store) -> None:
    """The listing has changed between the two."""
    async with store.transaction() as tx:
        request = await new_request(tx)
        await tx.listings.set_note(request.listing_id, Note(1, "Цена: 5000"))
        await _vote(tx, await tx.feedback.add(request, _written("about 5000"), NOW), 1)
        await tx.listings.set_note(request.listing_id, Note(1, "Цена: 6000"))
        await _vote(tx, await tx.feedback.add(request, _written("about 6000"), NOW), -1)
        [line] = await export.export_listings(tx, _parse)
        assert (line["attributes"], await _pairs(tx)) == ({"Цена": "5000"}, [])


@stored
async def test_preloaded_cases_are_no_lessons(store: Store) -> None:
    async with store.transaction() as tx:
        await new_listing(tx)
        listing = await tx.listings.add(USER, NOW, case="1.1")
        request = await tx.requests.add(listing, "describe", ["mini"], 0, NOW)
        description = await tx.feedback.add(request, WRITTEN, NOW)
        await _vote(tx, description, 1)
        await _correct(tx, description, "исправлено")
        await tx.listings.clear(listing.id)
        assert (await _texts(tx), await _pairs(tx)) == ([], [])
