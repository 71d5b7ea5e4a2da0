"""Keep the photos of users in `<data>/photos/<user id>/<sha256>.<extension>`, when KEEP_PHOTOS is set."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from bot.telegram.downloads import DownloadedPhoto
from inference.listing.formats.boxes import is_heic
from storage.store import Store

_EXTENSIONS: Final = {b"\xff\xd8\xff": "jpg", b"\x89PNG": "png", b"GIF8": "gif", b"RIFF": "webp"}


class PhotoStore:
    """A folder per user, a file per photo; files are written atomically."""

    def __init__(self, data: Path, store: Store) -> None:
        self._root = data / "photos"
        self._store = store

    async def save(self, user_id: int, photos: Iterable[DownloadedPhoto]) -> None:
        """Write the photos that are not stored yet; keep nothing of a user who was deleted meanwhile."""
        folder = self._root / str(user_id)
        await asyncio.to_thread(_write_all, folder, list(photos))
        async with self._store.transaction() as tx:
            user = await tx.users.get(user_id)
        if user is None:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


def _write_all(folder: Path, photos: list[DownloadedPhoto]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for photo in photos:
        data = photo.upload.data
        path = folder / f"{photo.sha256}.{_get_extension(data)}"
        if not path.exists():
            _write_atomically(path, data)


def _get_extension(data: bytes) -> str:
    if is_heic(data):
        return "heic"
    return next((extension for magic, extension in _EXTENSIONS.items() if data.startswith(magic)), "mp4")


def _write_atomically(path: Path, data: bytes) -> None:
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".", delete=False) as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    Path(file.name).replace(path)
