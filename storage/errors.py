"""The error for an unusable database: a code and its details; the sentences are in `locales/`."""

from __future__ import annotations


class StorageError(Exception):
    """The database cannot be used, temporarily or as configured. The transaction was rolled back and may be retried."""

    def __init__(self, code: str, **details: str) -> None:
        super().__init__(code, details)
        self.code = code
        self.details = details
