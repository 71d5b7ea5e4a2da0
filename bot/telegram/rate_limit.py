"""Limit the rate of messages. Pure: the caller passes the clock and reports every call; no network, no waiting.

Telegram counts a message when it arrives, which is some time between the start and the end of a call. So a call
counts from its start until a window after its end: whatever the network does, the limits hold where they are counted.
"""

from __future__ import annotations

import math
from collections import deque
from typing import Final

WINDOW_S: Final = 1.0


class RateLimiter:
    """Allow at most `total` messages in any second, and at most `chat` per second in each chat.

    All times are seconds of one monotonic clock.
    """

    def __init__(self, total: int, chat: float) -> None:
        self._total = total
        self._chat_pause_s = 1 / chat
        self._active: set[int] = set()
        self._ended: deque[float] = deque()
        self._held_until: dict[int, float] = {}
        self._all_held_until = 0.0
        self._flooded: dict[int, float] = {}

    def count_free(self, now: float) -> int:
        """Return the number of messages that may start now, over all chats."""
        self._expire(now)
        if now < self._all_held_until:
            return 0
        return 0 if self._is_full() else self._total - len(self._active) - len(self._ended)

    def get_busy_chats(self, now: float) -> set[int]:
        """Return the chats that must wait now."""
        self._expire(now)
        return self._active | set(self._held_until)

    def get_next_change(self, now: float) -> float:
        """Return the time when the next limit expires; infinite when only the end of a call can change anything."""
        self._expire(now)
        times = list(self._held_until.values())
        if now < self._all_held_until:
            times.append(self._all_held_until)
        if self._ended and self._is_full():
            times.append(self._ended[0] + WINDOW_S)
        return min(times, default=math.inf)

    def acquire(self, chat_id: int) -> None:
        """Count a call for this chat that starts now."""
        self._active.add(chat_id)

    def release(self, chat_id: int, now: float) -> None:
        """Count the end of the call for this chat, successful or not."""
        self._active.discard(chat_id)
        self._ended.append(now)
        self.hold(chat_id, now + self._chat_pause_s)

    def hold(self, chat_id: int, until: float) -> None:
        """Hold this chat back until the given time."""
        self._held_until[chat_id] = max(until, self._held_until.get(chat_id, until))

    def hold_flooded(self, chat_id: int, now: float, until: float) -> None:
        """Hold back after a 429 of Telegram.

        It does not say whether it limits the chat or the bot: two limited chats at once count as the bot.
        """
        self._flooded = {chat: end for chat, end in self._flooded.items() if end > now} | {chat_id: until}
        if len(self._flooded) > 1:
            self._all_held_until = max(until, self._all_held_until)
        self.hold(chat_id, until)

    def _is_full(self) -> bool:
        return len(self._active) + len(self._ended) >= self._total

    def _expire(self, now: float) -> None:
        while self._ended and self._ended[0] + WINDOW_S <= now:
            self._ended.popleft()
        self._held_until = {chat_id: until for chat_id, until in self._held_until.items() if until > now}
