"""Report progress in the chats: the stage of each running request and the places in the queue."""

from __future__ import annotations

import time
from typing import Final

from bot.conversation.chat import OpenUnitOfWork
from bot.conversation.notify import show_places, show_stage
from bot.workers.signals import Signal
from inference.listing.types import Stage
from storage.records import Request

_PLACES_INTERVAL_S: Final = 2.0


class ProgressReporter:
    """Collect the stages of all running requests and show them in one transaction, apart from the generation."""

    def __init__(self, open_uow: OpenUnitOfWork, outbox: Signal) -> None:
        self._open_uow = open_uow
        self._outbox = outbox
        self._stages: dict[int, tuple[Request, Stage]] = {}
        self._queue_moved = False
        self._places_at = 0.0
        self.signal = Signal()

    def report(self, request: Request, stage: Stage) -> None:
        """Note that a request has reached a stage."""
        self._stages[request.id] = (request, stage)
        self.signal.notify()

    def discard(self, request: Request) -> None:
        """Drop the stage of a request that is over."""
        self._stages.pop(request.id, None)

    def refresh_places(self) -> None:
        """Note that a request left the queue, so that the places of the others have changed."""
        self._queue_moved = True
        self.signal.notify()

    async def step(self, idle_s: float) -> float:
        """Show the collected stages and, at most every 2 seconds, the places; return the seconds to wait."""
        stages, self._stages = self._stages, {}
        shows_places = self._queue_moved and time.monotonic() >= self._places_at
        if shows_places:
            self._queue_moved, self._places_at = False, time.monotonic() + _PLACES_INTERVAL_S
        if stages or shows_places:
            await self._show(list(stages.values()), shows_places)
            self._outbox.notify()
        return min(idle_s, _PLACES_INTERVAL_S) if self._queue_moved else idle_s

    async def _show(self, stages: list[tuple[Request, Stage]], shows_places: bool) -> None:
        async with self._open_uow() as uow:
            for request, stage in stages:
                current = await uow.tx.requests.get(request.id)
                if current is not None and (current.state, current.revision) == ("running", request.revision):
                    await show_stage(uow, current, stage)
            if shows_places:
                await show_places(uow)
