"""A least-recently-used cache of models with a limit in bytes."""

from __future__ import annotations

from collections.abc import Collection
from typing import Generic, TypeVar

Model = TypeVar("Model")


class ModelCache(Generic[Model]):
    """Models by name, at most `max_bytes` together; a single model may be larger when it is alone."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._models: dict[str, tuple[Model, int]] = {}  # least recently used first

    def __contains__(self, name: str) -> bool:
        return name in self._models

    def put(self, name: str, model: Model, size: int) -> None:
        """Add a model of `size` bytes, or replace the one of this name."""
        self._models[name] = (model, size)

    def get(self, name: str) -> Model:
        """Return the model and mark it as most recently used."""
        self._models[name] = self._models.pop(name)
        return self._models[name][0]

    def evict(self, name: str) -> None:
        """Remove a model if it is there."""
        self._models.pop(name, None)

    def evict_for(self, size: int, keep: Collection[str]) -> bool:
        """Evict the least recently used models, except those in `keep`, until `size` more bytes fit.

        Return False and evict nothing when they would not fit beside `keep`.
        """
        total = size + sum(model_size for _, model_size in self._models.values())
        evicted = []
        for name, (_, model_size) in self._models.items():
            if total > self._max_bytes and name not in keep:
                evicted.append(name)
                total -= model_size
        if total > self._max_bytes and len(evicted) < len(self._models):
            return False
        for name in evicted:
            del self._models[name]
        return True

    def clear(self) -> None:
        """Remove all models."""
        self._models.clear()
