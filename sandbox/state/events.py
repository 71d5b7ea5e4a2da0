"""What happens in the chats, told to everyone who listens: the web pages and the pretend users that wait."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sandbox.state.types import Json, snapshot


@dataclass(frozen=True)
class Event:
    """One thing that happened. `user` is None when it concerns everybody."""

    name: str
    user: int | None
    data: Json


Listener = asyncio.Queue[Event | None]


class Events:
    """Hands every event to every listener; None is the last thing a listener hears."""

    def __init__(self) -> None:
        self._listeners: set[Listener] = set()

    def publish(self, name: str, user: int | None, data: Json) -> None:
        """Tells all listeners."""
        event = Event(name, user, snapshot(data))
        for listener in self._listeners:
            listener.put_nowait(event)

    @contextmanager
    def listening(self) -> Iterator[Listener]:
        """A queue that holds what happens from now on."""
        listener: Listener = asyncio.Queue()
        self._listeners.add(listener)
        try:
            yield listener
        finally:
            self._listeners.discard(listener)

    def close(self) -> None:
        """Ends all listening."""
        for listener in self._listeners:
            listener.put_nowait(None)
