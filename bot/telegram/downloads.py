"""Download photos from Telegram into memory, with limits on size, concurrency and retries."""

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

from bot.workers.concurrency import compute_backoff_s, gather_all
from inference.errors import InvalidInput, UserError
from inference.listing.types import Upload
from storage.records import PhotoFile

_MEGABYTE: Final = 1024 * 1024
_CACHE_BYTES: Final = 64 * _MEGABYTE
_CONCURRENCY: Final = 8
_ATTEMPTS: Final = 5
_TIMEOUT_S: Final = 60
_LONGEST_PAUSE_S: Final = 30.0
_CHUNK: Final = 64 * 1024
_FAILURES: Final = (TelegramAPIError, ClientDecodeError, ClientError, OSError, TimeoutError)


@dataclass(frozen=True, slots=True)
class DownloadedPhoto:
    """The bytes of a photo as it was sent, and their SHA-256 in hex."""

    upload: Upload
    sha256: str


class PhotoDownloader:
    """Download photos and cache the latest ones, so that another text about them costs no download.

    limit_mb: largest file; memory: size of the cache, bytes.
    """

    def __init__(self, bot: Bot, limit_mb: int, memory: int = _CACHE_BYTES) -> None:
        self._bot = bot
        self._limit_mb = limit_mb
        self._memory = memory
        self._cache: OrderedDict[str, DownloadedPhoto] = OrderedDict()
        self._cache_bytes = 0
        self._semaphore = asyncio.Semaphore(_CONCURRENCY)

    async def fetch(self, photos: Sequence[PhotoFile]) -> list[DownloadedPhoto]:
        """Return the photos, in order.

        Raises `InvalidInput` that names a photo which is too big or gone, `UserError` when Telegram is out of reach.
        """
        return await gather_all(self._fetch_photo(photo, number) for number, photo in enumerate(photos, start=1))

    async def _fetch_photo(self, photo: PhotoFile, number: int) -> DownloadedPhoto:
        if photo.file_unique_id in self._cache:
            self._cache.move_to_end(photo.file_unique_id)
            return self._cache[photo.file_unique_id]
        async with self._semaphore:
            data = await self._download_with_retries(photo, number)
        digest = await asyncio.to_thread(lambda: hashlib.sha256(data).hexdigest())
        downloaded = DownloadedPhoto(Upload(data, photo.name), digest)
        self._cache_photo(photo.file_unique_id, downloaded)
        return downloaded

    def _cache_photo(self, key: str, downloaded: DownloadedPhoto) -> None:
        if key in self._cache:
            return
        self._cache[key] = downloaded
        self._cache_bytes += len(downloaded.upload.data)
        while self._cache_bytes > self._memory:
            _, oldest = self._cache.popitem(last=False)
            self._cache_bytes -= len(oldest.upload.data)

    async def _download_with_retries(self, photo: PhotoFile, number: int) -> bytes:
        where: dict[str, str | int | float] = {"name": photo.name or "", "number": number}
        for failures in range(1, _ATTEMPTS + 1):
            try:
                return await self._download(photo)
            except _TooBig as error:
                megabytes = math.ceil(error.size / _MEGABYTE * 10) / 10
                raise InvalidInput("photo-too-big", **where, megabytes=megabytes, limit=self._limit_mb) from None
            except _FAILURES as error:
                if failures == _ATTEMPTS:
                    gone = isinstance(error, TelegramBadRequest) or _is_missing(error)
                    # Not `from error`: its text may contain the URL of the file, and with it the token.
                    raise (InvalidInput("photo-gone", **where) if gone else UserError("photos-out-of-reach")) from None
                retry_after_s = error.retry_after if isinstance(error, TelegramRetryAfter) else 0
                await asyncio.sleep(min(retry_after_s or compute_backoff_s(failures, 0.25), _LONGEST_PAUSE_S))
        raise AssertionError

    async def _download(self, photo: PhotoFile) -> bytes:
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
        async with aclosing(self._stream(file.file_path or "")) as chunks:
            async for chunk in chunks:
                data += chunk
                if len(data) > limit:
                    raise _TooBig(max(photo.size or 0, len(data)))
        return bytes(data)

    async def _stream(self, path: str) -> AsyncGenerator[bytes]:
        session = self._bot.session
        if not session.api.is_local:
            url = session.api.file_url(self._bot.token, path)
            stream = session.stream_content(url, timeout=_TIMEOUT_S, chunk_size=_CHUNK, raise_for_status=True)
            async with aclosing(stream):
                async for chunk in stream:
                    yield chunk
            return
        local = Path(session.api.wrap_local_file.to_local(path))
        yield await asyncio.to_thread(_read_head, local, self._limit_mb * _MEGABYTE + 1)


class _TooBig(Exception):
    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.size = size


def _read_head(path: Path, size: int) -> bytes:
    with path.open("rb") as file:
        return file.read(size)


def _is_missing(error: Exception) -> bool:
    return isinstance(error, FileNotFoundError) or (isinstance(error, ClientResponseError) and error.status == 404)
