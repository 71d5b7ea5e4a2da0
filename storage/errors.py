"""Why the database cannot be used: a code and its details; the sentences live in `locales/`."""

from __future__ import annotations


class StorageError(Exception):
    """The database cannot be used, now or as it is named. Nothing of a transaction was stored: it may be run again."""

    def __init__(self, code: str, **details: str) -> None:
        super().__init__(code, details)
        self.code = code
        self.details = details
