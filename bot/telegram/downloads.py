"""Photos of a draft, from Telegram into memory: bounded in size, number and patience."""

from __future__ import annotations

import asyncio
import hashlib
import math
from collections import OrderedDict
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from aiogram import Bot
from aiogram.exceptions import ClientDecodeError, TelegramAPIError, TelegramBadRequest, TelegramRetryAfter
from aiohttp import ClientError, ClientResponseError

from bot.workers.concurrency import backoff_s, gather_all
from inference.errors import InvalidInput, UserError
from inference.listing.types import Upload
from storage.records import PhotoFile

_MEGABYTE: Final = 1024 * 1024
_MEMORY: Final = 64 * _MEGABYTE
_AT_ONCE: Final = 8
_TRIES: Final = 5
_TIMEOUT_S: Final = 60
_LONGEST_REST_S: Final = 30.0
_CHUNK: Final = 64 * 1024
_FAILURES: Final = (TelegramAPIError, ClientDecodeError, ClientError, OSError, TimeoutError)


@dataclass(frozen=True, slots=True)
class Downloaded:
    """A photo as it was sent, and the SHA-256 of its bytes."""

    upload: Upload
    sha256: str


class Downloads:
    """Fetches photos. The latest stay in memory, so that another text about them costs no download."""

    def __init__(self, bot: Bot, limit_mb: int, memory: int = _MEMORY) -> None:
        self._bot = bot
        self._limit_mb = limit_mb
        self._memory = memory
        self._kept: OrderedDict[str, Downloaded] = OrderedDict()
        self._size = 0
        self._turns = asyncio.Semaphore(_AT_ONCE)

    async def fetch(self, photos: Sequence[PhotoFile]) -> list[Downloaded]:
        """The photos, in order.

        Raises `InvalidInput` that names a photo which is too big or gone, `UserError` when Telegram is out of reach.
        """
        return await gather_all(self._one(photo, number) for number, photo in enumerate(photos, start=1))

    async def _one(self, photo: PhotoFile, number: int) -> Downloaded:
        if photo.file_unique_id in self._kept:
            self._kept.move_to_end(photo.file_unique_id)
            return self._kept[photo.file_unique_id]
        async with self._turns:
            data = await self._persist(photo, number)
        digest = await asyncio.to_thread(lambda: hashlib.sha256(data).hexdigest())
        downloaded = Downloaded(Upload(data, photo.name), digest)
        self._keep(photo.file_unique_id, downloaded)
        return downloaded

    def _keep(self, key: str, downloaded: Downloaded) -> None:
        if key in self._kept:
            return
        self._kept[key] = downloaded
        self._size += len(downloaded.upload.data)
        while self._size > self._memory:
            _, oldest = self._kept.popitem(last=False)
            self._size -= len(oldest.upload.data)

    async def _persist(self, photo: PhotoFile, number: int) -> bytes:
        where: dict[str, str | int | float] = {"name": photo.name or "", "number": number}
        for failures in range(1, _TRIES + 1):
            try:
                return await self._read(photo)
            except _TooBig as error:
                megabytes = math.ceil(error.size / _MEGABYTE * 10) / 10
                raise InvalidInput("photo-too-big", **where, megabytes=megabytes, limit=self._limit_mb) from None
            except _FAILURES as error:
                if failures == _TRIES:
                    gone = isinstance(error, TelegramBadRequest) or _is_missing(error)
                    # Not `from error`: it may hold the address of the file, and the token in it.
                    raise (InvalidInput("photo-gone", **where) if gone else UserError("photos-out-of-reach")) from None
                asked_s = error.retry_after if isinstance(error, TelegramRetryAfter) else 0
                await asyncio.sleep(min(asked_s or backoff_s(failures, 0.25), _LONGEST_REST_S))
        raise AssertionError

    async def _read(self, photo: PhotoFile) -> bytes:
        limit = self._limit_mb * _MEGABYTE
        try:
            file = await self._bot.get_file(photo.file_id)
        except TelegramBadRequest as error:
            if "file is too big" in error.message.lower():
                raise _TooBig(max(photo.size or 0, limit + 1)) from None
            raise
        if file.file_size is not None and file.file_size > limit:
            raise _TooBig(file.file_size)
        data = bytearray()
        async with aclosing(self._chunks(file.file_path or "")) as chunks:
            async for chunk in chunks:
                data += chunk
                if len(data) > limit:
                    raise _TooBig(max(photo.size or 0, len(data)))
        return bytes(data)

    async def _chunks(self, path: str) -> AsyncGenerator[bytes]:
        session = self._bot.session
        if not session.api.is_local:
            url = session.api.file_url(self._bot.token, path)
            stream = session.stream_content(url, timeout=_TIMEOUT_S, chunk_size=_CHUNK, raise_for_status=True)
            async with aclosing(stream):
                async for chunk in stream:
                    yield chunk
            return
        local = Path(session.api.wrap_local_file.to_local(path))
        yield await asyncio.to_thread(_head, local, self._limit_mb * _MEGABYTE + 1)


class _TooBig(Exception):
    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.size = size


def _head(path: Path, size: int) -> bytes:
    with path.open("rb") as file:
        return file.read(size)


def _is_missing(error: Exception) -> bool:
    return isinstance(error, FileNotFoundError) or (isinstance(error, ClientResponseError) and error.status == 404)
