"""Deliver updates to the bot's webhook, in order, retrying until it accepts them."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress

from aiohttp import ClientError, ClientSession, ClientTimeout

from sandbox.state.types import Json
from sandbox.state.updates import Updates

SECRET_HEADER = "X-Telegram-Bot-Api-Secret-Token"  # noqa: S105 - the header's name
ANSWER_S = 60.0
IDLE_S = 3600.0


class Webhook:
    """Post pending updates to `url`. After a failure it backs off, doubling the pause up to a minute."""

    def __init__(self, updates: Updates, url: str, secret: str, max_connections: int, first_pause_s: float) -> None:
        self.url = url
        self._updates = updates
        self._secret = secret
        self._max_connections = max_connections
        self._first_pause_s = first_pause_s
        self._error: tuple[int, str] | None = None
        self._task = asyncio.create_task(self._deliver())

    @property
    def info(self) -> Json:
        """Return the `WebhookInfo` of this webhook."""
        info = {
            "url": self.url,
            "has_custom_certificate": False,
            "pending_update_count": self._updates.waiting,
            "max_connections": self._max_connections,
            "ip_address": "127.0.0.1",
        }
        if self._error:
            info |= {"last_error_date": self._error[0], "last_error_message": self._error[1]}
        return info

    async def close(self) -> None:
        """Stop delivering; undelivered updates stay in the queue."""
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task

    async def _deliver(self) -> None:
        headers = {SECRET_HEADER: self._secret} if self._secret else {}
        pause = self._first_pause_s
        async with ClientSession(headers=headers, timeout=ClientTimeout(ANSWER_S)) as session:
            while True:
                ready = self._updates.due(1)
                if not ready:
                    await self._updates.arrival(IDLE_S)
                elif await self._post(session, ready[0].update):
                    self._updates.remove(ready[0])
                    pause = self._first_pause_s
                else:
                    await asyncio.sleep(pause)
                    pause = min(pause * 2, 60.0)

    async def _post(self, session: ClientSession, update: Json) -> bool:
        try:
            async with session.post(self.url, json=update, allow_redirects=False) as response:
                await response.read()
        except (ClientError, TimeoutError) as error:
            return self._record_failure(f"Connection failed: {type(error).__name__}")
        if response.ok and response.status < 300:
            return True
        return self._record_failure(f"Wrong response from the webhook: {response.status} {response.reason}")

    def _record_failure(self, reason: str) -> bool:
        self._error = int(time.time()), reason
        return False
