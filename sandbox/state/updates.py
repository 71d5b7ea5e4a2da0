"""The queue of updates behind `getUpdates` and the webhook, and the disorder that tests can add to it."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count

from sandbox.state.types import BotApiError, Json, snapshot

OPT_IN = frozenset({"chat_member", "message_reaction", "message_reaction_count"})
"""Kinds that a bot gets only when it names them."""

TERMINATED = "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running"


@dataclass
class Chaos:
    """Deliver every update `copies` times, each copy after a random delay of up to `spread_s` seconds."""

    copies: int = 1
    spread_s: float = 0.0
    random: random.Random = field(default_factory=lambda: random.Random(0))

    @property
    def calm(self) -> bool:
        """True if it changes nothing."""
        return self.copies == 1 and self.spread_s == 0

    def delays(self) -> list[float]:
        """Return the delay of each copy in seconds."""
        return sorted(self.random.uniform(0, self.spread_s) for _ in range(self.copies))


@dataclass
class Delivery:
    """One copy of an update, due at a monotonic time. A `late` one cannot be confirmed before it was delivered."""

    update: Json
    due: float
    late: bool
    handed: bool = False

    def is_confirmed(self, offset: int) -> bool:
        """Return True if a request with this offset confirms it."""
        return self.update["update_id"] < offset and (self.handed or not self.late)


class Updates:
    """The queue of one bot. Ids grow from the clock, so a sandbox started later repeats none."""

    def __init__(self) -> None:
        self.chaos = Chaos()
        self.last_poll = 0.0
        self._numbers = count(int(time.time()))
        self._waiting: list[Delivery] = []
        self._allowed: frozenset[str] | None = None
        self._changed = asyncio.Event()
        self._poll = 0
        self._reason = TERMINATED
        self._polling = 0
        self._closed = False

    @property
    def allowed(self) -> frozenset[str] | None:
        """Return the kinds of updates that the bot asked for; None for the default ones."""
        return self._allowed

    @property
    def waiting(self) -> int:
        """Return the number of unconfirmed updates."""
        return len(self._waiting)

    @property
    def is_polled(self) -> bool:
        """True if a bot is polling, or was a moment ago."""
        return self._polling > 0 or time.monotonic() - self.last_poll < 3

    def push(self, update: Json) -> Json:
        """Queue an update; one without an `update_id` gets the next. Returns it as the bot will see it."""
        numbered = {"update_id": next(self._numbers), **snapshot(update)}
        if not self._is_allowed(numbered):
            return numbered
        now = time.monotonic()
        late = not self.chaos.calm
        self._waiting += [Delivery(numbered, now + delay, late) for delay in self.chaos.delays()]
        self._waiting.sort(key=lambda delivery: delivery.due)
        self._wake()
        return numbered

    def allow(self, kinds: Iterable[str] | None) -> None:
        """Set the kinds that are queued from now on; an empty list restores the default ones, None changes nothing."""
        if kinds is not None:
            self._allowed = frozenset(kinds) or None

    def drop(self) -> None:
        """Discard all pending updates."""
        self._waiting.clear()

    def confirm(self, offset: int) -> None:
        """Discard updates with a lower id; a negative offset keeps that many of the last."""
        if offset < 0:
            del self._waiting[:offset]
        else:
            self._waiting = [delivery for delivery in self._waiting if not delivery.is_confirmed(offset)]

    def due(self, limit: int) -> list[Delivery]:
        """Return the deliveries that are due, in order."""
        now = time.monotonic()
        return [delivery for delivery in self._waiting if delivery.due <= now][:limit]

    def remove(self, delivery: Delivery) -> None:
        """Discard a delivery that was received."""
        if delivery in self._waiting:
            self._waiting.remove(delivery)

    async def arrival(self, timeout: float) -> None:
        """Wait until something may have become due, or for `timeout` seconds."""
        now = time.monotonic()
        next_due = min((delivery.due - now for delivery in self._waiting), default=timeout)
        self._changed.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, min(timeout, next_due))):
                await self._changed.wait()

    async def poll(self, offset: int, limit: int, timeout: float) -> list[Json]:
        """Long-poll for up to `timeout` seconds. A newer poll ends this one with a 409."""
        self.confirm(offset)
        self.interrupt(TERMINATED)
        self._polling += 1
        try:
            return await self._gather(self._poll, limit, time.monotonic() + timeout)
        finally:
            self._polling -= 1
            self.last_poll = time.monotonic()

    def interrupt(self, reason: str) -> None:
        """End the current poll with a 409."""
        self._poll += 1
        self._reason = reason
        self._wake()

    def close(self) -> None:
        """End the current poll with no updates."""
        self._closed = True
        self._wake()

    async def _gather(self, poll: int, limit: int, end: float) -> list[Json]:
        while not (ready := self.due(limit)) and (left := end - time.monotonic()) > 0 and not self._closed:
            await self.arrival(left)
            if poll != self._poll:
                raise BotApiError(409, self._reason)
        for delivery in ready:
            delivery.handed = True
        return [snapshot(delivery.update) for delivery in ready]

    def _is_allowed(self, update: Json) -> bool:
        kinds = update.keys() - {"update_id"}
        return bool(kinds - OPT_IN) if self._allowed is None else bool(kinds & self._allowed)

    def _wake(self) -> None:
        self._changed.set()
