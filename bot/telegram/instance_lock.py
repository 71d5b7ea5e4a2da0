"""One process a token on this machine: two pollers would take each other's updates away."""

from __future__ import annotations

import fcntl
import hashlib
import os
import tempfile
from pathlib import Path

from inference.errors import InvalidInput


class InstanceLock:
    """A lock file that is held until `release` or the end of the process, however it ends."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    @classmethod
    def take(cls, bot_id: int, api_server: str = "", folder: Path | None = None) -> InstanceLock:
        """Hold the lock of a bot. Raises `InvalidInput` when another process does.

        The same number means another bot on another server: `api_server` is part of the name.
        """
        server = hashlib.sha256(api_server.encode()).hexdigest()[:8] if api_server else "telegram"
        path = (folder or Path(tempfile.gettempdir())) / f"opisalka-{bot_id}-{server}.lock"
        descriptor = _open(path)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(descriptor)
            raise InvalidInput("bot-runs-already") from error
        return cls(descriptor)

    def release(self) -> None:
        """Let go. The file stays: removing it would let two processes hold two files of one name."""
        os.close(self._descriptor)


def _open(path: Path) -> int:
    try:
        return os.open(path, os.O_RDONLY)  # also what another user of the machine has made
    except FileNotFoundError:
        return os.open(path, os.O_RDONLY | os.O_CREAT, 0o644)
