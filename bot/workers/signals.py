"""Wake a worker before its pause is over, from another worker of the same process."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field


class Signal:
    """An event that is cleared by waiting; a notification without a waiter is kept for the next one.

    Use it from the thread of the event loop only.
    """

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def notify(self) -> None:
        """Wake the waiter."""
        self._event.set()

    async def wait(self, timeout_s: float) -> None:
        """Return on a notification, or after `timeout_s` seconds."""
        try:
            async with asyncio.timeout(max(0.0, timeout_s)):
                await self._event.wait()
        except TimeoutError:
            pass
        self._event.clear()


@dataclass(frozen=True, slots=True)
class Signals:
    """One signal for each table that a worker of this process waits for."""

    inbox: Signal = field(default_factory=Signal)
    drafts: Signal = field(default_factory=Signal)
    requests: Signal = field(default_factory=Signal)
    outbox: Signal = field(default_factory=Signal)
    facts: Signal = field(default_factory=Signal)

    def notify_all(self) -> None:
        """Wake all workers."""
        for signal in (self.inbox, self.drafts, self.requests, self.outbox, self.facts):
            signal.notify()
