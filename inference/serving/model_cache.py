"""Which captioners are in memory: the least recently used one makes room for the next."""

from __future__ import annotations

from collections.abc import Collection
from typing import Generic, TypeVar

Model = TypeVar("Model")


class ModelCache(Generic[Model]):
    """Models by name, of at most `room` bytes together where that can be: one that is larger stands alone."""

    def __init__(self, room: int) -> None:
        self._room = room
        self._models: dict[str, tuple[Model, int]] = {}  # least recently used first

    def __contains__(self, name: str) -> bool:
        return name in self._models

    def put(self, name: str, model: Model, size: int) -> None:
        """Keep a model of `size` bytes."""
        self._models[name] = (model, size)

    def take(self, name: str) -> Model:
        """The model, which counts as used now."""
        self._models[name] = self._models.pop(name)
        return self._models[name][0]

    def drop(self, name: str) -> None:
        """Keep a model no longer, if it is kept."""
        self._models.pop(name, None)

    def make_room(self, size: int, keep: Collection[str]) -> bool:
        """Drop what was used least recently, but none of `keep`, until `size` bytes fit.

        False where they would not fit beside `keep`; then nothing is dropped.
        """
        taken = size + sum(each for _, each in self._models.values())
        dropped = []
        for name, (_, each) in self._models.items():
            if taken > self._room and name not in keep:
                dropped.append(name)
                taken -= each
        if taken > self._room and len(dropped) < len(self._models):
            return False
        for name in dropped:
            del self._models[name]
        return True

    def clear(self) -> None:
        """Drop everything."""
        self._models.clear()
