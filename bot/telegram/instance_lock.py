"""Allow one polling process per token on a machine: two pollers would steal each other's updates."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path

from filelock import BaseFileLock, FileLock, Timeout

from inference.errors import InvalidInput


def acquire_instance_lock(bot_id: int, api_server: str = "", folder: Path | None = None) -> BaseFileLock:
    """Acquire and return the lock of a bot; the operating system releases it when the process ends.

    The same id on another `api_server` is another bot. Raises `InvalidInput` when another process holds the lock.
    """
    server = hashlib.sha256(api_server.encode()).hexdigest()[:8] if api_server else "telegram"
    path = (folder or Path(tempfile.gettempdir())) / f"opisalka-{bot_id}-{server}.lock"
    lock = FileLock(path, timeout=0, mode=0o666)  # filelock opens for writing: other users of the machine must be able
    try:
        lock.acquire()
    except (Timeout, PermissionError) as error:
        raise InvalidInput("bot-runs-already") from error
    return lock
