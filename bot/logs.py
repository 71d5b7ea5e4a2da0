"""Logging: one line per record, short error ids, secrets masked."""

from __future__ import annotations

import logging
import secrets
import sys
from collections.abc import Sequence
from typing import Final

_PACKAGES: Final = ("bot", "storage", "inference", "sandbox")


class OneLineFormatter(logging.Formatter):
    """Format a record and its traceback as one line and mask secrets.

    Libraries put the URL of a failed call into their errors, and Telegram's URLs contain the token.
    """

    def __init__(self, hidden: Sequence[str] = ()) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")
        self._hidden = [secret for secret in hidden if secret]

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line."""
        line = " | ".join(part.strip() for part in super().format(record).splitlines() if part.strip())
        for secret in self._hidden:
            line = line.replace(secret, "***")
        return line


def configure_logging(level: str, hidden: Sequence[str]) -> None:
    """Log this project's packages to stderr from `level` on, libraries from WARNING on.

    Libraries stay at WARNING whatever the level: at DEBUG they would log messages of users.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(OneLineFormatter(hidden))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    for package in _PACKAGES:
        logging.getLogger(package).setLevel(level)


def new_error_id() -> str:
    """Return a short id that a user can report and the log can be searched for."""
    return secrets.token_hex(4)
