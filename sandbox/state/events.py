"""Publish chat events to listeners: web pages and waiting simulated users."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sandbox.state.types import Json, snapshot


@dataclass(frozen=True)
class Event:
    """One event; `user` is None if it concerns everybody."""

    name: str
    user: int | None
    data: Json


Listener = asyncio.Queue[Event | None]


class Events:
    """Deliver every event to every listener; a final None ends listening."""

    def __init__(self) -> None:
        self._listeners: set[Listener] = set()

    def publish(self, name: str, user: int | None, data: Json) -> None:
        """Publish an event to all listeners."""
        event = Event(name, user, snapshot(data))
        for listener in self._listeners:
            listener.put_nowait(event)

    @contextmanager
    def listening(self) -> Iterator[Listener]:
        """Yield a queue of all events from now on."""
        listener: Listener = asyncio.Queue()
        self._listeners.add(listener)
        try:
            yield listener
        finally:
            self._listeners.discard(listener)

    def close(self) -> None:
        """End all listeners."""
        for listener in self._listeners:
            listener.put_nowait(None)
