"""Sent files, stored in a folder and known to the bot by `file_id`. Equal content has the same unique id."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass
from itertools import count
from pathlib import Path, PurePath

from sandbox.state import pictures
from sandbox.state.pictures import Picture
from sandbox.state.types import Json, bad_request

DOWNLOAD_LIMIT = 20 * 2**20
"""What Telegram's cloud lets a bot download, bytes."""


@dataclass(frozen=True)
class StoredFile:
    """One file; `place` is its `file_path` in the Bot API."""

    unique_id: str
    place: str
    path: Path
    mime: str
    size: int


@dataclass(frozen=True)
class _Size:
    """A stored picture with its width and height in pixels."""

    file: StoredFile
    width: int
    height: int


@dataclass(frozen=True)
class _Clip:
    """A stored video, its first frame, and its duration in seconds."""

    film: _Size
    still: _Size
    duration: int


class Files:
    """All files of one sandbox. Each sending gets its own `file_id`; image processing runs in threads.

    `photo`, `document`, `recording` and `animation` return the part of a message that shows the file.
    """

    def __init__(self, folder: Path, download_limit: int = DOWNLOAD_LIMIT) -> None:
        self.download_limit = download_limit
        self._folder = folder
        self._numbers = count(1)
        self._places: dict[str, StoredFile] = {}
        self._ids: dict[str, StoredFile] = {}
        self._parts: dict[str, Json] = {}
        self._photos: dict[str, list[_Size]] = {}
        self._clips: dict[str, _Clip] = {}

    def of_id(self, file_id: str) -> StoredFile | None:
        """Return the file with a `file_id`."""
        return self._ids.get(file_id)

    def of_place(self, place: str) -> StoredFile | None:
        """Return the file with a `file_path`."""
        return self._places.get(place)

    def part_of(self, file_id: str) -> Json | None:
        """Return the message part in which a `file_id` was sent."""
        return self._parts.get(file_id)

    def link(self, file_id: str) -> Json:
        """Return the `File` object of `getFile`; 400 for an unknown id or a file over the limit."""
        stored = self._ids.get(file_id)
        if stored is None:
            raise bad_request("wrong file_id or the file is temporarily unavailable")
        if stored.size > self.download_limit:
            raise bad_request("file is too big")
        known = {"file_id": file_id, "file_unique_id": stored.unique_id}
        return {**known, "file_size": stored.size, "file_path": stored.place}

    async def photo(self, data: bytes) -> Json:
        """Store a picture as a photo. Raises `ValueError` for other content, or a shape that Telegram rejects."""
        key = fingerprint(data)
        if key not in self._photos:
            made = await asyncio.to_thread(pictures.photo, data)
            self._photos[key] = [self._picture(f"p{key}{number}", one) for number, one in enumerate(made)]
        return self._part({"photo": [self._describe_size(size) for size in self._photos[key]]})

    async def document(self, data: bytes, name: str, mime: str) -> Json:
        """Store any file unchanged."""
        stored = self._put(data, f"d{fingerprint(data)}", "documents", PurePath(name).suffix, mime)
        return self._part({"document": {"file_name": name, "mime_type": mime, **self._describe_document(stored)}})

    async def recording(self, kind: str, data: bytes, name: str, mime: str) -> Json:
        """Store a video or an audio unchanged."""
        stored = self._put(data, f"{kind[0]}{fingerprint(data)}", kind, PurePath(name).suffix, mime)
        size = {"width": 640, "height": 480} if kind == "video" else {}
        known = {"file_name": name, "mime_type": mime, "duration": 1, **size}
        return self._part({kind: {**known, **self._describe_document(stored)}})

    async def animation(self, data: bytes, name: str) -> Json:
        """Store a GIF or a video as an animation, with the `document` that Telegram adds for older bots.

        Raises `ValueError` for other content.
        """
        clip = await self._clip(data)
        still = self._describe_size(clip.still)
        film = self._describe_size(clip.film)
        file_name = name if name.lower().endswith(".mp4") else f"{name}.mp4"
        names = {"file_name": file_name, "mime_type": "video/mp4", "thumbnail": still, "thumb": still}
        animation = {**names, **film, "duration": clip.duration}
        document = {key: value for key, value in animation.items() if key not in ("width", "height", "duration")}
        return self._part({"animation": animation, "document": document})

    async def _clip(self, data: bytes) -> _Clip:
        key = fingerprint(data)
        if key not in self._clips:
            made = pictures.film if pictures.kind_of(data) == "GIF" else pictures.ready_film
            film = await asyncio.to_thread(made, data)
            stored = self._put(film.data, f"g{key}", "animations", ".mp4", "video/mp4")
            still = self._picture(f"t{key}", film.still)
            self._clips[key] = _Clip(_Size(stored, film.width, film.height), still, film.duration)
        return self._clips[key]

    def _picture(self, unique_id: str, picture: Picture) -> _Size:
        stored = self._put(picture.data, unique_id, "photos", ".jpg", "image/jpeg")
        return _Size(stored, picture.width, picture.height)

    def _describe_size(self, size: _Size) -> Json:
        return {**self._describe_document(size.file), "width": size.width, "height": size.height}

    def _put(self, data: bytes, unique_id: str, folder: str, suffix: str, mime: str) -> StoredFile:
        plain = "".join(letter for letter in suffix.lower() if letter.isascii() and (letter.isalnum() or letter == "."))
        place = f"{folder}/{unique_id}{plain[:12]}"
        if place not in self._places:
            path = self._folder / place
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            self._places[place] = StoredFile(unique_id, place, path, mime, len(data))
        return self._places[place]

    def _describe_document(self, stored: StoredFile) -> Json:
        file_id = f"{stored.unique_id}-{next(self._numbers)}"
        self._ids[file_id] = stored
        return {"file_id": file_id, "file_unique_id": stored.unique_id, "file_size": stored.size}

    def _part(self, part: Json) -> Json:
        for shown in part.values():
            for one in shown if isinstance(shown, list) else [shown]:
                self._parts[one["file_id"]] = part
        return part


def fingerprint(data: bytes) -> str:
    """Return a hash of the content."""
    return hashlib.sha256(data).hexdigest()[:24]
