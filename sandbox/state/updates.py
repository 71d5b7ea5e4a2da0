"""What waits for the bot: the queue behind `getUpdates` and the webhook, and the disorder that can be put into it."""

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
    """Every update comes `copies` times, each copy after a random delay of up to `spread_s` seconds."""

    copies: int = 1
    spread_s: float = 0.0
    random: random.Random = field(default_factory=lambda: random.Random(0))

    @property
    def calm(self) -> bool:
        """Whether this changes nothing."""
        return self.copies == 1 and self.spread_s == 0

    def delays(self) -> list[float]:
        """When each copy comes, in seconds from now."""
        return sorted(self.random.uniform(0, self.spread_s) for _ in range(self.copies))


@dataclass
class Delivery:
    """One copy of an update, due at a monotonic time. A `late` one is not confirmed before it was handed over."""

    update: Json
    due: float
    late: bool
    handed: bool = False

    def confirmed(self, offset: int) -> bool:
        """Whether a request with this offset says that it was received."""
        return self.update["update_id"] < offset and (self.handed or not self.late)


class Updates:
    """The queue of one bot. Ids grow from the clock, so that a sandbox started later repeats none."""

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
        """The kinds that the bot asked for; None for the usual ones."""
        return self._allowed

    @property
    def waiting(self) -> int:
        """How many are not confirmed."""
        return len(self._waiting)

    @property
    def polled(self) -> bool:
        """Whether a bot is asking now, or was a moment ago."""
        return self._polling > 0 or time.monotonic() - self.last_poll < 3

    def push(self, update: Json) -> Json:
        """Queues an update; one without an `update_id` gets the next. Returns it as the bot will see it."""
        numbered = {"update_id": next(self._numbers), **snapshot(update)}
        if not self._wanted(numbered):
            return numbered
        now = time.monotonic()
        late = not self.chaos.calm
        self._waiting += [Delivery(numbered, now + delay, late) for delay in self.chaos.delays()]
        self._waiting.sort(key=lambda delivery: delivery.due)
        self._wake()
        return numbered

    def allow(self, kinds: Iterable[str] | None) -> None:
        """Which kinds are queued from now on; an empty list means the usual ones, None changes nothing."""
        if kinds is not None:
            self._allowed = frozenset(kinds) or None

    def drop(self) -> None:
        """Forgets all that waits."""
        self._waiting.clear()

    def confirm(self, offset: int) -> None:
        """Forgets what has a lower id; a negative offset keeps that many of the last."""
        if offset < 0:
            del self._waiting[:offset]
        else:
            self._waiting = [delivery for delivery in self._waiting if not delivery.confirmed(offset)]

    def due(self, limit: int) -> list[Delivery]:
        """What may be handed over now, in order."""
        now = time.monotonic()
        return [delivery for delivery in self._waiting if delivery.due <= now][:limit]

    def remove(self, delivery: Delivery) -> None:
        """Forgets one that was received."""
        if delivery in self._waiting:
            self._waiting.remove(delivery)

    async def arrival(self, timeout: float) -> None:
        """Waits until something may have become due, or the time is over."""
        now = time.monotonic()
        next_due = min((delivery.due - now for delivery in self._waiting), default=timeout)
        self._changed.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, min(timeout, next_due))):
                await self._changed.wait()

    async def poll(self, offset: int, limit: int, timeout: float) -> list[Json]:
        """Long polling: waits up to `timeout` seconds for something. A newer poll ends this one with a 409."""
        self.confirm(offset)
        self.interrupt(TERMINATED)
        self._polling += 1
        try:
            return await self._gather(self._poll, limit, time.monotonic() + timeout)
        finally:
            self._polling -= 1
            self.last_poll = time.monotonic()

    def interrupt(self, reason: str) -> None:
        """Ends the poll that is under way with a 409."""
        self._poll += 1
        self._reason = reason
        self._wake()

    def close(self) -> None:
        """Ends the poll that is under way with nothing."""
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

    def _wanted(self, update: Json) -> bool:
        kinds = update.keys() - {"update_id"}
        return bool(kinds - OPT_IN) if self._allowed is None else bool(kinds & self._allowed)

    def _wake(self) -> None:
        self._changed.set()
