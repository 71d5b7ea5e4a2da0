"""The private chat of one user with the bot, as it looks now."""

from __future__ import annotations

import time
from collections.abc import Iterator

from sandbox.state.events import Events
from sandbox.state.types import Json, snapshot


class Chat:
    """Messages by id. The bot sees the chat once the user has written (`started`)."""

    def __init__(self, user: Json, bot: Json, numbers: Iterator[int], events: Events) -> None:
        self.id: int = user["id"]
        self.user = user
        self.started = False
        self.blocked = False
        self._bot = bot
        self._numbers = numbers
        self._events = events
        self._messages: dict[int, Json] = {}

    @property
    def header(self) -> Json:
        """Return the `chat` object of its messages."""
        return {"id": self.id, "type": "private", "first_name": self.user["first_name"]}

    @property
    def messages(self) -> list[Json]:
        """Return all current messages, oldest first."""
        return [snapshot(message) for message in self._messages.values()]

    def find(self, message_id: int) -> Json | None:
        """Return a copy of a message, or None if it does not exist."""
        message = self._messages.get(message_id)
        return None if message is None else snapshot(message)

    def write(self, content: Json, *, by_bot: bool) -> Json:
        """Add a message with the next id; parts that are None are omitted."""
        message = {
            "message_id": next(self._numbers),
            "from": self._bot if by_bot else self.user,
            "chat": self.header,
            "date": int(time.time()),
            **{key: value for key, value in content.items() if value is not None},
        }
        self._messages[message["message_id"]] = message
        self._events.publish("message", self.id, message)
        return snapshot(message)

    def change(self, message_id: int, changes: Json) -> Json:
        """Replace parts of a message; None removes one. Raises `KeyError` for an unknown message."""
        merged = {**self._messages[message_id], **changes, "edit_date": int(time.time())}
        message = {key: value for key, value in merged.items() if value is not None}
        self._messages[message_id] = message
        self._events.publish("edited", self.id, message)
        return snapshot(message)

    def delete(self, message_id: int) -> None:
        """Delete a message. Raises `KeyError` for an unknown message."""
        del self._messages[message_id]
        self._events.publish("deleted", self.id, {"message_id": message_id})
