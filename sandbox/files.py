"""Files that were sent: kept in a folder, known to the bot by `file_id`. The same content has the same unique id."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from sandbox import pictures
from sandbox.pictures import Film, Picture
from sandbox.shapes import Json, bad_request

DOWNLOAD_LIMIT = 20 * 2**20
"""What Telegram's cloud lets a bot download, bytes."""


@dataclass(frozen=True)
class StoredFile:
    """One file. `place` is its `file_path` of the Bot API."""

    unique_id: str
    place: str
    path: Path
    mime: str
    size: int


class Files:
    """All files of one sandbox. Work on pictures runs in threads."""

    def __init__(self, folder: Path, download_limit: int = DOWNLOAD_LIMIT) -> None:
        self.download_limit = download_limit
        self._folder = folder
        self._numbers = count(1)
        self._places: dict[str, StoredFile] = {}
        self._ids: dict[str, StoredFile] = {}
        self._photos: dict[str, list[Picture]] = {}
        self._films: dict[str, Film] = {}

    def of_id(self, file_id: str) -> StoredFile | None:
        """The file behind a `file_id`."""
        return self._ids.get(file_id)

    def of_place(self, place: str) -> StoredFile | None:
        """The file behind a `file_path`."""
        return self._places.get(place)

    def link(self, file_id: str) -> Json:
        """The `File` object of `getFile`. 400 for an unknown id or a file over the limit."""
        stored = self._ids.get(file_id)
        if stored is None:
            raise bad_request("wrong file_id or the file is temporarily unavailable")
        if stored.size > self.download_limit:
            raise bad_request("file is too big")
        return {
            "file_id": file_id,
            "file_unique_id": stored.unique_id,
            "file_size": stored.size,
            "file_path": stored.place,
        }

    async def photo(self, data: bytes) -> list[Json]:
        """The `PhotoSize` list of a picture, smallest first. ValueError when it is none."""
        if await asyncio.to_thread(pictures.kind_of, data) is None:
            raise ValueError("not a picture")
        key = _fingerprint(data)
        if key not in self._photos:
            self._photos[key] = await asyncio.to_thread(pictures.photo, data)
        return [self._size(key, number, picture) for number, picture in enumerate(self._photos[key])]

    async def document(self, data: bytes, name: str, mime: str) -> Json:
        """The `Document` of a file, kept byte for byte."""
        stored = self._put(data, f"d{_fingerprint(data)}", "documents", Path(name).suffix, mime)
        return {"file_name": name, "mime_type": mime, **self._known_as(stored)}

    async def animation(self, data: bytes, name: str) -> Json:
        """The `Animation` that a GIF becomes."""
        key = _fingerprint(data)
        if key not in self._films:
            self._films[key] = await asyncio.to_thread(pictures.film, data)
        film = self._films[key]
        stored = self._put(film.data, f"g{key}", "animations", ".mp4", "video/mp4")
        still = self._size(f"t{key}", 0, film.still)
        return {
            "file_name": f"{name}.mp4",
            "mime_type": "video/mp4",
            "duration": film.duration,
            "width": film.width,
            "height": film.height,
            "thumbnail": still,
            "thumb": still,
            **self._known_as(stored),
        }

    def _size(self, key: str, number: int, picture: Picture) -> Json:
        stored = self._put(picture.data, f"p{key}{number}", "photos", ".jpg", "image/jpeg")
        return {**self._known_as(stored), "width": picture.width, "height": picture.height}

    def _put(self, data: bytes, unique_id: str, folder: str, suffix: str, mime: str) -> StoredFile:
        safe = "".join(letter for letter in suffix.lower() if letter.isascii() and (letter.isalnum() or letter == "."))
        place = f"{folder}/{unique_id}{safe}"
        if place not in self._places:
            path = self._folder / place
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            self._places[place] = StoredFile(unique_id, place, path, mime, len(data))
        return self._places[place]

    def _known_as(self, stored: StoredFile) -> Json:
        """A new id for each time a file is sent, as Telegram does."""
        file_id = f"{stored.unique_id}-{next(self._numbers)}"
        self._ids[file_id] = stored
        return {"file_id": file_id, "file_unique_id": stored.unique_id, "file_size": stored.size}


def _fingerprint(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:24]
