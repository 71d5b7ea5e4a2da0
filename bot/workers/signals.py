"""What wakes a loop before its time: a bell that another loop rings."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field


class Signal:
    """Rung from the event loop's thread; what rang while nobody waited is heard at the next wait."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()

    def notify(self) -> None:
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
class Signals:
    """One bell for each kind of row that a loop of this process waits for."""

    inbox: Signal = field(default_factory=Signal)
    drafts: Signal = field(default_factory=Signal)
    requests: Signal = field(default_factory=Signal)
    outbox: Signal = field(default_factory=Signal)

    def ring_all(self) -> None:
        """Anything may have changed."""
        for signal in (self.inbox, self.drafts, self.requests, self.outbox):
            signal.notify()
