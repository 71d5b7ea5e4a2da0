"""What travels: objects of the Bot API as JSON, and the error that the Bot API answers with."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]
"""A Bot API object. Its shape is Telegram's to define, so values stay untyped."""


def snapshot(thing: Json) -> Json:
    """A copy that later changes do not reach."""
    return copy.deepcopy(thing)


@dataclass(frozen=True)
class Upload:
    """A file that came in a multipart body."""

    name: str
    mime: str
    data: bytes


class BotApiError(Exception):
    """An answer with `"ok": false`; `parameters` may hold `retry_after`."""

    def __init__(self, code: int, description: str, parameters: Json | None = None) -> None:
        super().__init__(f"{code} {description}")
        self.code = code
        self.description = description
        self.parameters = parameters


def bad_request(reason: str) -> BotApiError:
    """The 400 that Telegram gives for a mistake of the bot."""
    return BotApiError(400, f"Bad Request: {reason}")
