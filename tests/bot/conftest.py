"""What tests of the bot share."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest


@pytest.fixture
def log_put_back() -> Iterator[None]:
    """Puts the log back as pytest had it."""
    root, rooms = logging.getLogger(), [logging.getLogger(name) for name in ("bot", "storage", "inference", "sandbox")]
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for room in rooms:
        room.setLevel(logging.NOTSET)
