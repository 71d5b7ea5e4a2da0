"""Serve the queue of requests: claim them in turn, run them as jobs, and store how they finish."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Collection
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from bot.conversation.chat import OpenUnitOfWork
from bot.conversation.notify import fail
from bot.logs import new_error_id
from bot.workers.concurrency import retry_until_done
from bot.workers.jobs import Handler, JobRunner
from bot.workers.progress import ProgressReporter
from bot.workers.signals import Signals
from storage.errors import StorageError
from storage.records import ListingRecord, Request
from storage.repositories.recovery import MAX_ATTEMPTS
from storage.store import Transaction

logger = logging.getLogger(__name__)

_ALONE_ATTEMPTS: Final = (
    2  # after so many attempts a request runs alone: if it kills the process, it takes no other along
)
_SHORT_S: Final = 2.0  # a chat action counts against the rate limit like a message: not worth it for a short job


@dataclass(eq=False, slots=True)
class _Job:
    """A running request. `is_finishing`: described, its result is being stored."""

    request: Request
    task: asyncio.Task[None]
    started_at: float = field(default_factory=time.monotonic)
    is_finishing: bool = False


class GenerationWorker:
    """Keep the engine busy with up to `slots` requests at once."""

    def __init__(
        self,
        open_uow: OpenUnitOfWork,
        runner: JobRunner,
        progress: ProgressReporter,
        worker_id: str,
        signals: Signals,
        *,
        slots: int,
    ) -> None:
        self._open_uow = open_uow
        self._runner = runner
        self._progress = progress
        self._worker_id = worker_id
        self._signals = signals
        self._slots = slots
        self._jobs: dict[int, _Job] = {}  # by request id

    def get_active_chats(self) -> Collection[int]:
        """Return the chats that have waited for a text for a while."""
        before = time.monotonic() - _SHORT_S
        return {job.request.user_id for job in self._jobs.values() if job.started_at < before}

    async def step(self, idle_s: float) -> float:
        """Claim and start the next request, if a slot is free; return the seconds to wait."""
        async with self._open_uow() as uow:
            tx = uow.tx
            request = await tx.requests.claim(self._worker_id, time.time()) if self._has_free_slot() else None
            if request is None:
                await self._cancel_withdrawn(tx)
                return idle_s
            if request.attempts >= _ALONE_ATTEMPTS and self._jobs:
                await tx.requests.requeue(request.id, request.revision)  # back to the head of the queue
                return idle_s
            listing = await self._get_listing(tx, request)
        self._progress.refresh_places()
        if listing is not None:
            self._start(request, listing)
        return 0

    def _has_free_slot(self) -> bool:
        runs_alone = any(job.request.attempts >= _ALONE_ATTEMPTS for job in self._jobs.values())
        return len(self._jobs) < self._slots and not runs_alone

    async def drain(self, seconds: float) -> None:
        """Wait at most so many seconds for the running jobs; cancel the rest and put it back into the queue."""
        jobs = list(self._jobs.values())
        if jobs:
            await asyncio.wait([job.task for job in jobs], timeout=seconds)
        unfinished = [job for job in jobs if not job.task.done()]
        for job in unfinished:
            job.task.cancel()
        await asyncio.gather(*(job.task for job in jobs), return_exceptions=True)
        async with self._open_uow() as uow:
            for job in unfinished:
                if await self._is_current(uow.tx, job.request):
                    # `renew`, not `put_back`: a shutdown is no failed attempt.
                    await uow.tx.requests.requeue(job.request.id, job.request.revision)

    async def _cancel_withdrawn(self, tx: Transaction) -> None:
        """Cancel the jobs of requests that were changed, cancelled or deleted."""
        for job in list(self._jobs.values()):
            if not job.is_finishing and not await self._is_current(tx, job.request):
                job.task.cancel()

    async def _is_current(self, tx: Transaction, request: Request) -> bool:
        current = await tx.requests.get(request.id)
        return current is not None and (current.state, current.revision) == ("running", request.revision)

    async def _get_listing(self, tx: Transaction, request: Request) -> ListingRecord | None:
        """Return the listing of a request; None where the request cannot run as it is."""
        listing = await tx.listings.get(request.listing_id)
        if listing is None or request.attempts >= MAX_ATTEMPTS:
            await tx.requests.finish(request.id, "failed", time.time(), "attempts" if listing else "no listing")
            return None
        if listing.revision != request.revision:
            await tx.requests.requeue(request.id, listing.revision)
            return None
        return listing

    def _start(self, request: Request, listing: ListingRecord) -> None:
        if earlier := self._jobs.get(request.id):
            earlier.task.cancel()  # it describes an earlier revision of the listing
        job = _Job(request, asyncio.create_task(self._run(request, listing)))
        self._jobs[request.id] = job
        job.task.add_done_callback(lambda _: self._remove(job))

    def _remove(self, job: _Job) -> None:
        if self._jobs.get(job.request.id) is job:
            del self._jobs[job.request.id]
        self._signals.requests.notify()
        self._signals.outbox.notify()

    async def _run(self, request: Request, listing: ListingRecord) -> None:
        result = await self._runner.run(request, listing, partial(self._progress.report, request))
        self._jobs[request.id].is_finishing = True
        try:
            await retry_until_done(lambda: self._finish(request, result.handler), "storing a result", StorageError)
        except Exception:
            error_id = new_error_id()
            logger.exception("the answer to request %d failed [%s]", request.id, error_id)
            await self._give_up(request, partial(fail, error_id=error_id))
        await self._runner.save_photos(request, result)

    async def _give_up(self, request: Request, handler: Handler) -> None:
        """Finish a request as failed; if even that fails, put it back into the queue until its attempts are used up."""
        try:
            await retry_until_done(lambda: self._finish(request, handler), "storing a failure", StorageError)
        except Exception:
            logger.exception("request %d goes back", request.id)
            await retry_until_done(lambda: self._put_back(request), "putting a request back")

    async def _finish(self, request: Request, handler: Handler) -> None:
        self._progress.discard(request)
        async with self._open_uow() as uow:
            if await self._is_current(uow.tx, request):
                await handler(uow, request)

    async def _put_back(self, request: Request) -> None:
        async with self._open_uow() as uow:
            await uow.tx.requests.release(request.id, time.time())
