"""Objects of the Bot API as JSON, and its error response."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]
"""A Bot API object. Its shape is Telegram's to define, so values stay untyped."""


def snapshot(thing: Json) -> Json:
    """Return a deep copy."""
    return copy.deepcopy(thing)


@dataclass(frozen=True)
class Upload:
    """A file of a multipart body."""

    name: str
    mime: str
    data: bytes


class BotApiError(Exception):
    """A response with `"ok": false`; `parameters` may contain `retry_after`."""

    def __init__(self, code: int, description: str, parameters: Json | None = None) -> None:
        super().__init__(f"{code} {description}")
        self.code = code
        self.description = description
        self.parameters = parameters


def bad_request(reason: str) -> BotApiError:
    """Return the 400 with which Telegram answers a mistake of the bot."""
    return BotApiError(400, f"Bad Request: {reason}")
