"""Show the card of a draft once its quiet window is over: after the last photo of an album."""

from __future__ import annotations

import logging
import time
from typing import Final

from bot.conversation.chat import OpenUnitOfWork
from bot.conversation.notify import apologise, close_window
from bot.logs import new_error_id
from bot.workers.signals import Signals
from storage.errors import StorageError

logger = logging.getLogger(__name__)

_BATCH: Final = 20
_BACKLOG_S: Final = 3.0  # the rest of an album may still be in the inbox: keep a window open for it this long
_RECHECK_S: Final = 0.05


class DraftCardWorker:
    """Close the quiet windows that are over and show their drafts."""

    def __init__(self, open_uow: OpenUnitOfWork, signals: Signals) -> None:
        self._open_uow = open_uow
        self._signals = signals

    async def step(self, idle_s: float) -> float:
        """Close the windows that are over; return the seconds until the next one may be."""
        try:
            closed, next_due = await self._close_due(_BATCH)
        except StorageError:
            raise
        except Exception:
            logger.exception("cards failed; one at a time")
            closed, next_due = await self._close_oldest()
        if closed:
            self._signals.outbox.notify()
            self._signals.requests.notify()
            self._signals.facts.notify()
        return idle_s if next_due is None else min(idle_s, max(0.0, next_due - time.time()))

    async def _close_due(self, limit: int) -> tuple[int, float | None]:
        async with self._open_uow() as uow:
            listings = uow.tx.listings
            next_due = await listings.get_next_due_at()
            if next_due is None or next_due > uow.now:
                return 0, next_due
            if uow.now - next_due < _BACKLOG_S and await uow.tx.inbox.count_pending():
                return 0, uow.now + _RECHECK_S
            due = await listings.claim_due(uow.now, limit)
            for listing in due:
                await close_window(uow, listing)
            return len(due), await listings.get_next_due_at()

    async def _close_oldest(self) -> tuple[int, float | None]:
        """Close the oldest window alone; if it fails, apologise to its user, so that it cannot block the others."""
        try:
            return await self._close_due(1)
        except StorageError:
            raise
        except Exception:
            error_id = new_error_id()
            logger.exception("a card failed [%s]", error_id)
        async with self._open_uow() as uow:
            for listing in await uow.tx.listings.claim_due(uow.now, 1):
                await apologise(uow, listing.user_id, error_id)
            return 1, await uow.tx.listings.get_next_due_at()
