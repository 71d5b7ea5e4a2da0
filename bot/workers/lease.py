"""Renew the lease of this process, and recover the rows of processes whose leases have expired."""

from __future__ import annotations

import logging
import time
from typing import Final

from bot.conversation.chat import OpenUnitOfWork, UnitOfWork
from bot.conversation.notify import apologise, fail
from bot.logs import new_error_id
from bot.workers.signals import Signals
from storage.records import RecoveryReport

logger = logging.getLogger(__name__)


LEASE_S: Final = 15.0
BEAT_S: Final = 4.0
_PURGE_INTERVAL_S: Final = 3600.0
_INBOX_AGE_S: Final = 3 * 24 * 3600.0  # Telegram drops an update after a day: a duplicate cannot be older


class LeaseKeeper:
    """Hold the lease of one process. `is_alone`: no other process uses the database."""

    def __init__(self, open_uow: OpenUnitOfWork, worker_id: str, signals: Signals, *, is_alone: bool) -> None:
        self._open_uow = open_uow
        self._worker_id = worker_id
        self._signals = signals
        self._sole = worker_id if is_alone else None
        self._purge_at = 0.0

    async def step(self) -> float:
        """Renew the lease and recover expired ones; return the seconds until the next renewal."""
        now = time.time()
        async with self._open_uow() as uow:
            await uow.tx.leases.acquire(f"process:{self._worker_id}", self._worker_id, now + LEASE_S, now)
            recovered = await uow.tx.recover(now, self._sole)
            await self._notify_users(uow, recovered)
            if now >= self._purge_at:
                await uow.tx.inbox.delete_finished(now - _INBOX_AGE_S)
        self._purge_at = now + _PURGE_INTERVAL_S if now >= self._purge_at else self._purge_at
        if recovered.updates or recovered.requests or recovered.messages:
            logger.info(
                "back in the queue: %d updates, %d requests, %d messages",
                recovered.updates,
                recovered.requests,
                recovered.messages,
            )
            self._signals.notify_all()
        return BEAT_S

    async def stop(self) -> None:
        """Release the lease, so that other processes need not wait until it expires."""
        async with self._open_uow() as uow:
            await uow.tx.leases.release(self._worker_id)

    async def _notify_users(self, uow: UnitOfWork, recovered: RecoveryReport) -> None:
        """Tell users about updates and requests that are given up because they ended too many processes."""
        for update in recovered.failed_updates:
            error_id = new_error_id()
            logger.error("update %d given up [%s]", update.update_id, error_id)
            if update.user_id is not None:
                await apologise(uow, update.user_id, error_id)
        for request in recovered.failed_requests:
            error_id = new_error_id()
            logger.error("request %d given up [%s]", request.id, error_id)
            await fail(uow, request, error_id)
