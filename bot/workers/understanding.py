"""Read the facts of drafts before anything is written, one draft at a time and only while no request waits."""

from __future__ import annotations

from bot.conversation.chat import Chat, OpenUnitOfWork
from bot.conversation.understanding import show_understanding
from bot.workers.jobs import JobRunner
from bot.workers.signals import Signals
from storage.records import ListingRecord


class UnderstandingWorker:
    """Show in the card of a draft what the engine sees in its photos."""

    def __init__(self, open_uow: OpenUnitOfWork, runner: JobRunner, signals: Signals) -> None:
        self._open_uow = open_uow
        self._runner = runner
        self._signals = signals

    async def step(self, idle_s: float) -> float:
        """Read the facts of the next draft, if there is one; return the seconds to wait."""
        listing = await self._claim()
        if listing is None:
            return idle_s
        understanding = await self._runner.understand(listing)
        if understanding is not None:
            async with self._open_uow() as uow:
                current, user = await uow.tx.listings.get(listing.id), await uow.tx.users.get(listing.user_id)
                if current is not None and user is not None:
                    await show_understanding(Chat(uow, user), current, understanding)
            self._signals.outbox.notify()
        return 0

    async def _claim(self) -> ListingRecord | None:
        async with self._open_uow() as uow:
            if await uow.tx.requests.list_pending(1):
                return None
            listing_id = await uow.tx.facts.claim()
            return None if listing_id is None else await uow.tx.listings.get(listing_id)
