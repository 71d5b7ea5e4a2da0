"""Closes the quiet windows of drafts: after the last photo of an album, the card."""

from __future__ import annotations

import logging
import time
from typing import Final

from bot.conversation.chat import OpenUnitOfWork
from bot.conversation.notify import apologise, close_window
from bot.logs import new_id
from bot.workers.signals import Signals
from storage.errors import StorageError
from storage.store import Store

logger = logging.getLogger(__name__)

_AT_ONCE: Final = 20
_BACKLOG_S: Final = 3.0  # the rest of an album may lie in the inbox already: so long is a window kept open for it
_LOOK_AGAIN_S: Final = 0.05


class DraftCardWorker:
    """Takes the drafts whose window is over, and shows what they hold."""

    def __init__(self, store: Store, open_uow: OpenUnitOfWork, signals: Signals) -> None:
        self._store = store
        self._open_uow = open_uow
        self._signals = signals

    async def step(self, idle_s: float) -> float:
        """Close the windows that are over; returns the seconds until the next one may be."""
        try:
            closed, next_due = await self._close(_AT_ONCE)
        except StorageError:
            raise
        except Exception:
            logger.exception("cards failed; one at a time")
            closed, next_due = await self._close_one()
        if closed:
            self._signals.outbox.notify()
            self._signals.requests.notify()
        return idle_s if next_due is None else min(idle_s, max(0.0, next_due - time.time()))

    async def _close(self, limit: int) -> tuple[int, float | None]:
        async with self._store.transaction() as tx:
            uow = self._open_uow(tx)
            next_due = await tx.listings.get_next_due_at()
            if next_due is None or next_due > uow.now:
                return 0, next_due
            if uow.now - next_due < _BACKLOG_S and await tx.inbox.count_pending():
                return 0, uow.now + _LOOK_AGAIN_S
            due = await tx.listings.claim_due(uow.now, limit)
            for listing in due:
                await close_window(uow, listing)
            return len(due), await tx.listings.get_next_due_at()

    async def _close_one(self) -> tuple[int, float | None]:
        """The oldest window alone: when it is the one that fails, its user is told and it harms nobody else."""
        try:
            return await self._close(1)
        except StorageError:
            raise
        except Exception:
            error_id = new_id()
            logger.exception("a card failed [%s]", error_id)
        async with self._store.transaction() as tx:
            uow = self._open_uow(tx)
            for listing in await tx.listings.claim_due(uow.now, 1):
                await apologise(uow, listing.user_id, error_id)
            return 1, await tx.listings.get_next_due_at()
