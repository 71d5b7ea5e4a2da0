"""When the quiet window of a draft closes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

import pytest

from bot.conversation.chat import Rules, UnitOfWork, open_unit_of_work
from bot.conversation.notify import close_window
from bot.workers import draft_cards
from bot.workers.draft_cards import DraftCardWorker
from bot.workers.signals import Signals
from storage.records import ListingRecord, Note
from storage.store import Store


class Window:
    """A store with drafts, and the loop that closes their windows, step by step."""

    def __init__(self, store: Store, loop: DraftCardWorker) -> None:
        self.store = store
        self.loop = loop

    async def draft(self, user: int, due_in: float) -> ListingRecord:
        """A draft whose window is over in so many seconds."""
        now = time.time()
        async with self.store.transaction() as tx:
            await tx.users.get_or_create(user, now)
            listing = await tx.listings.add(user, now)
            await tx.listings.set_note(listing.id, Note(user, f"Куртка {user}"))
            await tx.listings.add_revision(listing.id, window_opened_at=now, card_due_at=now + due_in)
        return listing

    async def cards(self) -> list[str]:
        """What waits in the outbox."""
        async with self.store.transaction() as tx:
            return [each.content.text for each in await tx.outbox.claim("test", time.time() + 99, [], 99)]


def run(script: Callable[[Window], Awaitable[None]], folder: Path) -> None:
    """Run a test's script."""

    async def opened() -> None:
        store = await Store.open(f"sqlite+aiosqlite:///{folder / 'base.db'}")
        rules = Rules(default="mini", data=folder)
        try:
            await script(Window(store, DraftCardWorker(partial(open_unit_of_work, store, list, rules), Signals())))
        finally:
            await store.close()

    asyncio.run(opened())


def test_a_window_closes_when_it_is_over_and_once(tmp_path: Path) -> None:
    async def script(window: Window) -> None:
        await window.draft(1, -0.1)
        await window.draft(2, 60)
        assert 0 < await window.loop.step(3600) <= 60
        assert await window.loop.step(10) == 10
        (card,) = await window.cards()
        assert "Куртка 1" in card

    run(script, tmp_path)


def test_a_window_stays_open_for_what_lies_in_the_inbox_but_not_for_long(tmp_path: Path) -> None:
    async def script(window: Window) -> None:
        await window.draft(1, -0.1)
        async with window.store.transaction() as tx:
            await tx.inbox.add([(1, 1, "{}")], time.time())
        assert await window.loop.step(10) < 0.1
        assert await window.cards() == []
        await window.draft(2, -draft_cards._BACKLOG_S)
        await window.loop.step(10)
        assert len(await window.cards()) == 2

    run(script, tmp_path)


def test_an_unreadable_card_is_reported_and_harms_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(uow: UnitOfWork, listing: ListingRecord) -> None:
        await close_window(uow, listing)
        if listing.user_id == 1:
            raise ZeroDivisionError

    monkeypatch.setattr(draft_cards, "close_window", fail)

    async def script(window: Window) -> None:
        for user in (1, 2, 3):
            await window.draft(user, -0.1)
        for _ in range(4):
            await window.loop.step(10)
        cards = await window.cards()
        assert len(cards) == 3
        assert sorted("Куртка" in card for card in cards) == [False, True, True]

    run(script, tmp_path)
