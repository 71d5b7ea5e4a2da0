"""Photos that the owner keeps: `<data>/photos/<user id>/<sha256>.<extension>`. Used only when a setting says so."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from bot.telegram.downloads import Downloaded
from storage.store import Store

_EXTENSIONS: Final = {b"\xff\xd8\xff": "jpg", b"\x89PNG": "png", b"GIF8": "gif"}


class PhotoStore:
    """A folder a user, a file a photo, each written whole or not at all."""

    def __init__(self, data: Path, store: Store) -> None:
        self._root = data / "photos"
        self._store = store

    async def keep(self, user_id: int, photos: Iterable[Downloaded]) -> None:
        """Write what is not there yet; nothing stays of a user who has been forgotten meanwhile."""
        folder = self._root / str(user_id)
        await asyncio.to_thread(_write_all, folder, list(photos))
        async with self._store.transaction() as tx:
            known = await tx.users.get(user_id)
        if known is None:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


def _write_all(folder: Path, photos: list[Downloaded]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for photo in photos:
        data = photo.upload.data
        extension = next((ext for start, ext in _EXTENSIONS.items() if data.startswith(start)), "mp4")
        path = folder / f"{photo.sha256}.{extension}"
        if not path.exists():
            _write(path, data)


def _write(path: Path, data: bytes) -> None:
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".", delete=False) as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    Path(file.name).replace(path)
