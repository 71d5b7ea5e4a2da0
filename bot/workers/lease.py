"""Says that this process lives, and takes over what those had in hand that do not."""

from __future__ import annotations

import logging
import time
from typing import Final

from bot.conversation.chat import OpenUnitOfWork
from bot.conversation.notify import apologise, fail
from bot.logs import new_id
from bot.workers.signals import Signals
from storage.records import RecoveryReport
from storage.store import Store, Transaction

logger = logging.getLogger(__name__)


LEASE_S: Final = 15.0
BEAT_S: Final = 4.0
_PURGE_S: Final = 3600.0
_REMEMBERED_S: Final = 3 * 24 * 3600.0  # Telegram gives an update up once it is a day old


class LeaseKeeper:
    """Renews the lease of the process. `alone`: nobody else works on this database."""

    def __init__(self, store: Store, open_uow: OpenUnitOfWork, owner: str, signals: Signals, *, alone: bool) -> None:
        self._store = store
        self._open_uow = open_uow
        self._owner = owner
        self._signals = signals
        self._sole = owner if alone else None
        self._purge_at = 0.0

    async def step(self) -> float:
        """Beat once; returns the seconds until the next time."""
        now = time.time()
        async with self._store.transaction() as tx:
            await tx.leases.acquire(f"process:{self._owner}", self._owner, now + LEASE_S, now)
            recovered = await tx.recover(now, self._sole)
            await self._tell(tx, recovered)
            if now >= self._purge_at:
                await tx.inbox.delete_finished(now - _REMEMBERED_S)
        self._purge_at = now + _PURGE_S if now >= self._purge_at else self._purge_at
        if recovered.updates or recovered.requests or recovered.messages:
            logger.info(
                "back in line: %d updates, %d requests, %d messages",
                recovered.updates,
                recovered.requests,
                recovered.messages,
            )
            self._signals.ring_all()
        return BEAT_S

    async def stop(self) -> None:
        """Say that the process ends: others need not wait for the lease to run out."""
        async with self._store.transaction() as tx:
            await tx.leases.release(self._owner)

    async def _tell(self, tx: Transaction, recovered: RecoveryReport) -> None:
        """What ended processes too often is given up, and said to whom it concerns."""
        for update in recovered.failed_updates:
            error_id = new_id()
            logger.error("update %d given up [%s]", update.update_id, error_id)
            if update.user_id is not None:
                await apologise(self._open_uow(tx), update.user_id, error_id)
        for request in recovered.failed_requests:
            error_id = new_id()
            logger.error("request %d given up [%s]", request.id, error_id)
            await fail(self._open_uow(tx), request, error_id)
