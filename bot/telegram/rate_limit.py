"""How fast the bot may talk. Pure: knows no clock, no network, and is told what happens.

Telegram counts a message when it arrives, which is some time between the start and the end of a call. So a call
counts from its start until a window after its end: whatever the network does, the limits hold where they are counted.
"""

from __future__ import annotations

import math
from collections import deque
from typing import Final

WINDOW_S: Final = 1.0


class RateLimiter:
    """At most `total` messages in any second, and in each chat at most `chat` a second."""

    def __init__(self, total: int, chat: float) -> None:
        self._total = total
        self._chat_pause_s = 1 / chat
        self._under_way: set[int] = set()
        self._ended: deque[float] = deque()
        self._held_until: dict[int, float] = {}
        self._all_held_until = 0.0
        self._flooded: dict[int, float] = {}

    def free(self, now: float) -> int:
        """How many messages may start now, over all chats."""
        self._forget(now)
        if now < self._all_held_until:
            return 0
        return 0 if self._full() else self._total - len(self._under_way) - len(self._ended)

    def busy(self, now: float) -> set[int]:
        """The chats that must wait now."""
        self._forget(now)
        return self._under_way | set(self._held_until)

    def next_change(self, now: float) -> float:
        """When something that is held now is free again; infinite when only the end of a call can change anything."""
        self._forget(now)
        times = list(self._held_until.values())
        if now < self._all_held_until:
            times.append(self._all_held_until)
        if self._ended and self._full():
            times.append(self._ended[0] + WINDOW_S)
        return min(times, default=math.inf)

    def start(self, chat_id: int) -> None:
        """A call for this chat begins."""
        self._under_way.add(chat_id)

    def end(self, chat_id: int, now: float) -> None:
        """The call for this chat is over, whatever came of it."""
        self._under_way.discard(chat_id)
        self._ended.append(now)
        self.hold(chat_id, now + self._chat_pause_s)

    def hold(self, chat_id: int, until: float) -> None:
        """Nothing for this chat before `until`."""
        self._held_until[chat_id] = max(until, self._held_until.get(chat_id, until))

    def flood(self, chat_id: int, now: float, until: float) -> None:
        """Telegram asks to wait. It does not say whether for the chat or for all: two chats at once mean all."""
        self._flooded = {chat: end for chat, end in self._flooded.items() if end > now} | {chat_id: until}
        if len(self._flooded) > 1:
            self._all_held_until = max(until, self._all_held_until)
        self.hold(chat_id, until)

    def _full(self) -> bool:
        return len(self._under_way) + len(self._ended) >= self._total

    def _forget(self, now: float) -> None:
        while self._ended and self._ended[0] + WINDOW_S <= now:
            self._ended.popleft()
        self._held_until = {chat_id: until for chat_id, until in self._held_until.items() if until > now}
