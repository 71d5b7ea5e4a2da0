"""Rate limits of the bot; off unless a test enables them."""

from __future__ import annotations

import time
from collections import defaultdict, deque
from collections.abc import Callable

from sandbox.state.types import BotApiError

WINDOW_S = 1.0


class Limits:
    """At most `per_chat` messages per second in one chat and `overall` in all; more are answered with 429."""

    def __init__(
        self, per_chat: int = 1, overall: int = 30, retry_after: int = 1, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._per_chat, self._overall = per_chat, overall
        self._retry_after = retry_after
        self._clock = clock
        self._sent: defaultdict[int | None, deque[float]] = defaultdict(deque)

    def spend(self, chat_id: int) -> None:
        """Count a message to a chat; 429 if it exceeds a limit, in which case it does not count."""
        now = self._clock()
        windows = ((self._sent[chat_id], self._per_chat), (self._sent[None], self._overall))
        for times, most in windows:
            while times and now - times[0] >= WINDOW_S:
                times.popleft()
            if len(times) >= most:
                after = self._retry_after
                raise BotApiError(429, f"Too Many Requests: retry after {after}", {"retry_after": after})
        for times, _ in windows:
            times.append(now)
