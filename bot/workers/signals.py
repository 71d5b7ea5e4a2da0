"""What wakes a loop before its time: a bell that another loop rings."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field


class Bell:
    """Rung from the event loop's thread; what rang while nobody waited is heard at the next wait."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()

    def ring(self) -> None:
        """Wake who waits."""
        self._rung.set()

    async def wait(self, timeout_s: float) -> None:
        """Return when it rings, or after `timeout_s` seconds."""
        try:
            async with asyncio.timeout(max(0.0, timeout_s)):
                await self._rung.wait()
        except TimeoutError:
            pass
        self._rung.clear()


@dataclass(frozen=True, slots=True)
class Bells:
    """One bell for each kind of row that a loop of this process waits for."""

    inbox: Bell = field(default_factory=Bell)
    drafts: Bell = field(default_factory=Bell)
    requests: Bell = field(default_factory=Bell)
    outbox: Bell = field(default_factory=Bell)

    def ring_all(self) -> None:
        """Anything may have changed."""
        for bell in (self.inbox, self.drafts, self.requests, self.outbox):
            bell.ring()
