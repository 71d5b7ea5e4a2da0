"""The whole state of the local Telegram: the bot, its chats, files and pending updates."""

from __future__ import annotations

import time
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from sandbox.state.callbacks import Callbacks
from sandbox.state.chats import Chat
from sandbox.state.events import Events
from sandbox.state.faults import Faults
from sandbox.state.files import Files
from sandbox.state.limits import Limits
from sandbox.state.menu import Menu
from sandbox.state.types import Json
from sandbox.state.updates import Updates
from sandbox.state.webhook import Webhook

MESSAGES_START = 1_700_000_000


@dataclass(frozen=True)
class Call:
    """One call of the bot: times (unix and monotonic), parameters, result."""

    time: float
    monotonic: float
    method: str
    params: Json
    chat_id: int | None
    result: object = None
    error: str | None = None


class Telegram:
    """The state behind one token. Message ids grow from the clock, so a sandbox started later repeats none."""

    def __init__(self, token: str, folder: Path) -> None:
        self.token = token
        self.bot: Json = {
            "id": int(token.partition(":")[0]),
            "is_bot": True,
            "first_name": "Описалка",
            "username": "opisalka_sandbox_bot",
        }
        self.events = Events()
        self.files = Files(folder)
        self.updates = Updates()
        self.callbacks = Callbacks()
        self.faults = Faults()
        self.menu = Menu()
        self.descriptions: dict[tuple[str, str], str] = {}
        self.limits: Limits | None = None
        self.webhook: Webhook | None = None
        self.webhook_pause_s = 1.0
        self.calls: list[Call] = []
        self.chats: dict[int, Chat] = {}
        self._messages = count(int(time.time()) - MESSAGES_START)
        self._albums = count(time.time_ns() // 1000)

    def chat_of(self, user: Json) -> Chat:
        """Return the chat of a user, created if new."""
        if user["id"] not in self.chats:
            self.chats[user["id"]] = Chat(user, self.bot, self._messages, self.events)
        return self.chats[user["id"]]

    @property
    def is_connected(self) -> bool:
        """True if a bot polls, or has set a webhook."""
        return self.webhook is not None or self.updates.is_polled

    def new_album(self) -> str:
        """Return the `media_group_id` of a new album."""
        return str(next(self._albums))

    async def close(self) -> None:
        """End all waiting and listening."""
        self.events.close()
        self.updates.close()
        if self.webhook is not None:
            await self.webhook.close()
