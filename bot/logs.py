"""Log lines: one line a record, a short id to find it by, and no secret in any of them."""

from __future__ import annotations

import logging
import secrets
import sys
from collections.abc import Sequence
from typing import Final

_ROOMS: Final = ("bot", "storage", "inference", "sandbox")


class OneLine(logging.Formatter):
    """A record with its traceback in one line, with every secret struck out wherever it came from.

    Libraries put the address of a failed call into their errors, and Telegram's addresses hold the token.
    """

    def __init__(self, hidden: Sequence[str] = ()) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")
        self._hidden = [secret for secret in hidden if secret]

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        line = " | ".join(part.strip() for part in super().format(record).splitlines() if part.strip())
        for secret in self._hidden:
            line = line.replace(secret, "***")
        return line


def set_up(level: str, hidden: Sequence[str]) -> None:
    """Send the log of our rooms to stderr from `level` on, and of the libraries what they warn of.

    Libraries never tell more: at DEBUG they would log what people write.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(OneLine(hidden))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    for room in _ROOMS:
        logging.getLogger(room).setLevel(level)


def new_id() -> str:
    """A short id that a person can read out."""
    return secrets.token_hex(4)
