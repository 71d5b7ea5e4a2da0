from __future__ import annotations

from dataclasses import replace

from sqlalchemy import select

from storage.records import CheckpointStats, Choice, Comparison, DescriptionRecord, Note, Stats
from storage.repositories.feedback import MEDIAN_WINDOW
from storage.store import Store, Transaction
from storage.tables import corrections, descriptions, votes
from tests.storage.conftest import rows_of, stored
from tests.support.storage.samples import NOW, OTHER, USER, WRITTEN, new_description, new_listing, new_request

NANO = replace(WRITTEN, checkpoint="nano", text="Куртка, 5000 рублей.")
REFUSED = replace(WRITTEN, text=None, draft=None, diversity=None, timings={}, photo_sha256=())


async def _get(tx: Transaction, description_id: int) -> DescriptionRecord:
    description = await tx.feedback.get(description_id)
    assert description
    return description


@stored
async def test_what_was_written_is_kept_whole(store: Store) -> None:
    async with store.transaction() as tx:
        request = await new_request(tx)
        first = await tx.feedback.add(request, WRITTEN, NOW)
        expected = DescriptionRecord(
            first.id,
            request.listing_id,
            request.id,
            USER,
            0,
            WRITTEN,
            vote=None,
            reason=None,
            correction=None,
            created_at=NOW,
        )
    async with store.transaction() as tx:
        assert await _get(tx, first.id) == first == expected
        assert (await tx.feedback.add(request, REFUSED, NOW)).generation == REFUSED
        assert await tx.feedback.get(first.id + 2) is None


@stored
async def test_descriptions_are_found_by_listing_and_by_user(store: Store) -> None:
    async with store.transaction() as tx:
        request, foreign = await new_request(tx), await new_description(tx, user_id=OTHER)
        first, second = [await tx.feedback.add(request, written, NOW) for written in (WRITTEN, NANO)]
        third = await new_description(tx)
        assert await tx.feedback.list_for_listing(request.listing_id) == [first, second]
        assert await tx.feedback.list_recent(USER, 9) == [third, second, first]
        assert await tx.feedback.list_recent(USER, 1) == [third]
        assert await tx.feedback.list_recent(OTHER, 9) == [foreign]


@stored
async def test_the_notes_that_it_was_written_from_are_kept_with_it(store: Store, url: str) -> None:
    """Also when the listing changes afterwards."""
    async with store.transaction() as tx:
        request = await new_request(tx)
        await tx.listings.set_note(request.listing_id, Note(2, "Цена: 5000"))
        await tx.listings.set_note(request.listing_id, Note(1, "Куртка"))
        await tx.feedback.add(request, WRITTEN, NOW)
        await tx.listings.clear(request.listing_id)
    assert await rows_of(url, select(descriptions.c.source)) == [("Куртка\nЦена: 5000",)]


@stored
async def test_a_withdrawn_vote_leaves_nothing(store: Store, url: str) -> None:
    async with store.transaction() as tx:
        description = await new_description(tx)
        await tx.feedback.set_vote(description.id, USER, -1, "invented", NOW)
        await tx.feedback.withdraw_vote(description.id, OTHER)
        assert (await _get(tx, description.id)).vote == -1
        await tx.feedback.withdraw_vote(description.id, USER)
        assert (await _get(tx, description.id)).vote is None
    assert await rows_of(url, select(votes)) == []


@stored
async def test_the_last_vote_counts(store: Store, url: str) -> None:
    async with store.transaction() as tx:
        description = await new_description(tx)
        assert await tx.feedback.set_vote(description.id, USER, -1, "invented", NOW)
        voted = await _get(tx, description.id)
        assert (voted.vote, voted.reason) == (-1, "invented")
        assert await tx.feedback.set_vote(description.id, USER, 1, None, NOW + 1)
        voted = await _get(tx, description.id)
        assert (voted.vote, voted.reason) == (1, None)
    assert await rows_of(url, select(votes)) == [(description.id, USER, 1, None, NOW + 1)]


@stored
async def test_the_last_correction_counts(store: Store, url: str) -> None:
    async with store.transaction() as tx:
        description = await new_description(tx)
        for text in ("раз", "два"):
            assert await tx.feedback.set_correction(description.id, USER, text, f"-{text}", NOW)
        corrected = await _get(tx, description.id)
        assert (corrected.correction, corrected.generation.text) == ("два", WRITTEN.text)
    assert await rows_of(url, select(corrections.c.text, corrections.c.diff)) == [("два", "-два")]


@stored
async def test_nobody_judges_the_text_of_another(store: Store) -> None:
    async with store.transaction() as tx:
        description = await new_description(tx)
        await tx.users.get_or_create(OTHER, NOW)
        assert not await tx.feedback.set_vote(description.id, OTHER, 1, None, NOW)
        assert not await tx.feedback.set_correction(description.id, OTHER, "чужое", "", NOW)
        assert not await tx.feedback.set_vote(description.id + 1, USER, 1, None, NOW)
        assert await _get(tx, description.id) == description


@stored
async def test_a_comparison_is_decided_once(store: Store) -> None:
    async with store.transaction() as tx:
        one, two = await new_description(tx), await new_description(tx)
        comparison = await tx.feedback.add_comparison(one.listing_id, USER, two.id, one.id, NOW)
        assert comparison == Comparison(comparison.id, one.listing_id, USER, two.id, one.id, None)
        assert await tx.feedback.set_choice(comparison.id, "second", NOW)
        assert not await tx.feedback.set_choice(comparison.id, "first", NOW)
        assert await tx.feedback.get_comparison(comparison.id) == replace(comparison, choice="second")
        assert await tx.feedback.get_comparison(comparison.id + 1) is None


@stored
async def test_the_speed_of_a_checkpoint_is_the_median_of_its_latest_texts(store: Store) -> None:
    async with store.transaction() as tx:
        assert await tx.feedback.get_median_generate_s("mini") is None
        request = await new_request(tx)
        for seconds in [99.0] * 9 + [1.0] * (MEDIAN_WINDOW // 2) + [3.0] * (MEDIAN_WINDOW // 2):
            await tx.feedback.add(request, replace(WRITTEN, timings={"generate_s": seconds}), NOW)
        await tx.feedback.add(request, NANO, NOW)
        assert await tx.feedback.get_median_generate_s("mini") == 2.0
        timings = {"generate_s": 0.0}  # a refused listing says nothing of the checkpoint's speed
        await tx.feedback.add(request, replace(REFUSED, checkpoint="other", timings=timings), NOW)
        assert await tx.feedback.get_median_generate_s("other") is None


@stored
async def test_an_empty_service_has_numbers(store: Store) -> None:
    async with store.transaction() as tx:
        assert await tx.feedback.get_stats() == Stats(0, 0, 0, {}, {}, None)


@stored
async def test_the_numbers_of_the_service(store: Store) -> None:
    async with store.transaction() as tx:
        request = await new_request(tx)
        mini, nano = [await tx.feedback.add(request, written, NOW) for written in (WRITTEN, NANO)]
        slow = await tx.feedback.add(request, replace(NANO, timings={"total_s": 9.0}), NOW)
        await tx.requests.finish(request.id, "done", NOW)
        await new_request(tx, OTHER)
        await new_listing(tx, OTHER)
        await tx.users.mark_blocked(OTHER)
        await tx.feedback.set_vote(mini.id, USER, 1, None, NOW)
        await tx.feedback.set_vote(nano.id, USER, -1, "invented", NOW)
        await tx.feedback.set_vote(slow.id, USER, -1, "invented", NOW)
        await tx.feedback.set_correction(nano.id, USER, "исправлено", "", NOW)
        shown: list[tuple[DescriptionRecord, DescriptionRecord, Choice]] = [
            (mini, nano, "first"),
            (nano, mini, "first"),
            (nano, mini, "second"),
            (mini, nano, "equal"),
            (mini, nano, "neither"),
        ]
        for first, second, choice in shown:
            comparison = await tx.feedback.add_comparison(request.listing_id, USER, first.id, second.id, NOW)
            await tx.feedback.set_choice(comparison.id, choice, NOW)
        await tx.feedback.add_comparison(request.listing_id, USER, mini.id, nano.id, NOW)
        assert await tx.feedback.get_stats() == Stats(
            users=2,
            blocked=1,
            listings=3,
            requests={"done": 1, "failed": 1},
            checkpoints={
                "mini": CheckpointStats(1, up=1, down=0, corrections=0, wins=2, losses=1, reasons={}),
                "nano": CheckpointStats(2, up=0, down=2, corrections=1, wins=1, losses=2, reasons={"invented": 2}),
            },
            median_total_s=0.5,
        )
