"""What is said while texts are being written: how far they are, and who waits where. Never in the way."""

from __future__ import annotations

import time
from typing import Final

from bot.conversation.chat import OpenUnitOfWork
from bot.conversation.notify import show_places, show_stage
from bot.workers.signals import Signal
from inference.listing.types import Stage
from storage.records import Request
from storage.store import Store

_PLACES_S: Final = 2.0


class Progress:
    """Gathers the stages of all requests that run, and tells them in one transaction."""

    def __init__(self, store: Store, open_uow: OpenUnitOfWork, outbox: Signal) -> None:
        self._store = store
        self._open_uow = open_uow
        self._outbox = outbox
        self._stages: dict[int, tuple[Request, Stage]] = {}
        self._line_moved = False
        self._places_at = 0.0
        self.signal = Signal()

    def report(self, request: Request, stage: Stage) -> None:
        """The work on a request has come to a stage."""
        self._stages[request.id] = (request, stage)
        self.signal.notify()

    def forget(self, request: Request) -> None:
        """The work is over: nothing more to tell of it."""
        self._stages.pop(request.id, None)

    def line_moved(self) -> None:
        """Somebody who waited is served: the places of the others have changed."""
        self._line_moved = True
        self.signal.notify()

    async def step(self, idle_s: float) -> float:
        """Tell what there is to tell."""
        stages, self._stages = self._stages, {}
        places = self._line_moved and time.monotonic() >= self._places_at
        if places:
            self._line_moved, self._places_at = False, time.monotonic() + _PLACES_S
        if stages or places:
            await self._tell(list(stages.values()), places)
            self._outbox.notify()
        return min(idle_s, _PLACES_S) if self._line_moved else idle_s

    async def _tell(self, stages: list[tuple[Request, Stage]], places: bool) -> None:
        async with self._store.transaction() as tx:
            uow = self._open_uow(tx)
            for request, stage in stages:
                current = await tx.requests.get(request.id)
                if current is not None and (current.state, current.revision) == ("running", request.revision):
                    await show_stage(uow, current, stage)
            if places:
                await show_places(uow)
