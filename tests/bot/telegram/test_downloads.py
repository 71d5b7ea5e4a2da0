"""Photos from Telegram: in order, once, never too large, patient with faults, and named when they cannot be had."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from aiogram import Bot
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.types import File

from bot.telegram.downloads import DownloadedPhoto, PhotoDownloader
from bot.telegram.photo_store import PhotoStore
from inference.errors import Message, UserError
from inference.listing.types import Upload
from sandbox.server import Sandbox
from storage.records import PhotoFile
from storage.store import Store
from tests.support.bot.outbox import client

MEGABYTE = 1024 * 1024


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses that a test can wait out."""
    monkeypatch.setattr("bot.telegram.downloads.compute_backoff_s", lambda *_: 0.01)


async def sent(sandbox: Sandbox, data: bytes, name: str | None = "куртка.jpg") -> PhotoFile:
    """A file that lies at Telegram."""
    part = (await sandbox.telegram.files.document(data, name or "x.jpg", "image/jpeg"))["document"]
    return PhotoFile(
        part["file_unique_id"], part["file_id"], 1, None, "document", name, "image/jpeg", part["file_size"]
    )


def run(
    script: Callable[[Sandbox, PhotoDownloader], Awaitable[None]], limit_mb: int = 1, memory: int = MEGABYTE
) -> None:
    """Run a script with a sandbox and downloads from it."""

    async def opened() -> None:
        async with Sandbox() as sandbox, client(sandbox) as bot:
            await script(sandbox, PhotoDownloader(bot, limit_mb, memory))

    asyncio.run(opened())


def count(sandbox: Sandbox) -> int:
    """How often a file was transferred."""
    return [call.method for call in sandbox.calls].count("download")


async def complaint(downloads: PhotoDownloader, *photos: PhotoFile) -> Message:
    """What is said of photos that cannot be had."""
    with pytest.raises(UserError) as raised:
        await downloads.fetch(photos)
    assert raised.value.__cause__ is None
    return raised.value.message


class TestFetch:
    def test_photos_come_in_order_with_their_names_and_hashes(self) -> None:
        async def script(sandbox: Sandbox, downloads: PhotoDownloader) -> None:
            photos = [await sent(sandbox, bytes([number]) * 70_000, f"{number}.jpg") for number in range(10)]
            fetched = await downloads.fetch(photos)
            assert [each.upload.name for each in fetched] == [f"{number}.jpg" for number in range(10)]
            assert [each.upload.data[:1] for each in fetched] == [bytes([number]) for number in range(10)]
            assert fetched[3].sha256 == hashlib.sha256(fetched[3].upload.data).hexdigest()

        run(script)

    def test_what_is_in_memory_is_not_downloaded_again(self) -> None:
        async def script(sandbox: Sandbox, downloads: PhotoDownloader) -> None:
            photo = await sent(sandbox, b"photo")
            await downloads.fetch([photo])
            await downloads.fetch([replace(photo, file_id="another id of the same file")])
            assert count(sandbox) == 1

        run(script)

    def test_memory_keeps_the_latest_within_its_bounds(self) -> None:
        async def script(sandbox: Sandbox, downloads: PhotoDownloader) -> None:
            first, second, third = [await sent(sandbox, bytes([number]) * 400_000) for number in range(3)]
            for photo in (first, second, first, third, first, second):
                await downloads.fetch([photo])
            assert count(sandbox) == 4

        run(script)

    @pytest.mark.parametrize("method", ["getFile", "download"])
    @pytest.mark.parametrize(
        "fault", [{"code": 502}, {"code": 429, "retry_after": 1}, {"drop": "request"}, {"drop": "answer"}]
    )
    def test_faults_are_waited_out(self, method: str, fault: dict[str, object]) -> None:
        async def script(sandbox: Sandbox, downloads: PhotoDownloader) -> None:
            photo = await sent(sandbox, b"photo")
            sandbox.faults.add(method, **fault)
            (fetched,) = await downloads.fetch([photo])
            assert fetched.upload.data == b"photo"

        run(script)


class TestComplaints:
    def test_telegram_out_of_reach(self) -> None:
        async def script(sandbox: Sandbox, downloads: PhotoDownloader) -> None:
            sandbox.faults.add("getFile", code=502, times=None)
            assert (await complaint(downloads, await sent(sandbox, b"photo"))).code == "photos-out-of-reach"

        run(script)

    def test_a_file_that_is_gone_is_named(self) -> None:
        async def script(sandbox: Sandbox, downloads: PhotoDownloader) -> None:
            photos = [await sent(sandbox, b"photo"), replace(await sent(sandbox, b"other"), file_id="gone")]
            message = await complaint(downloads, *photos)
            assert (message.code, message.details) == ("photo-gone", {"name": "куртка.jpg", "number": 2})

        run(script)

    def test_a_transfer_that_is_refused_is_named_too(self) -> None:
        async def script(sandbox: Sandbox, downloads: PhotoDownloader) -> None:
            sandbox.faults.add("download", code=404, times=None)
            message = await complaint(downloads, await sent(sandbox, b"photo", None))
            assert (message.code, message.details) == ("photo-gone", {"name": "", "number": 1})

        run(script)

    def test_a_file_that_says_it_is_too_big_is_not_transferred(self) -> None:
        async def script(sandbox: Sandbox, downloads: PhotoDownloader) -> None:
            message = await complaint(downloads, await sent(sandbox, b"x" * (MEGABYTE + 1)))
            assert message.code == "photo-too-big"
            assert message.details == {"name": "куртка.jpg", "number": 1, "megabytes": 1.1, "limit": 1}
            assert count(sandbox) == 0

        run(script)

    def test_a_file_that_telegram_does_not_hand_out_is_too_big(self) -> None:
        async def script(sandbox: Sandbox, downloads: PhotoDownloader) -> None:
            sandbox.telegram.files.download_limit = 10
            message = await complaint(downloads, await sent(sandbox, b"x" * 11))
            assert message.code == "photo-too-big"

        run(script)

    def test_a_file_that_does_not_say_how_big_it_is_is_cut_off(self, monkeypatch: pytest.MonkeyPatch) -> None:
        async def script(sandbox: Sandbox, downloads: PhotoDownloader) -> None:
            photo = await sent(sandbox, b"x" * (3 * MEGABYTE))
            get_file = Bot.get_file

            async def silent(bot: Bot, file_id: str) -> File:
                return (await get_file(bot, file_id)).model_copy(update={"file_size": None})

            monkeypatch.setattr(Bot, "get_file", silent)
            assert (await complaint(downloads, replace(photo, size=None))).code == "photo-too-big"

        run(script)


def test_a_local_server_s_files_are_read_from_the_disk(tmp_path: Path) -> None:
    async def script() -> None:
        async with Sandbox() as sandbox, AsyncExitStack() as stack:
            server = TelegramAPIServer.from_base(sandbox.url, is_local=True)
            bot = Bot(sandbox.token, session=AiohttpSession(api=server))
            stack.push_async_callback(bot.session.close)
            photo = await sent(sandbox, b"photo")
            place = sandbox.telegram.files.of_id(photo.file_id)
            assert place is not None
            link = File(file_id="1", file_unique_id="1", file_path=str(place.path))

            async def local(file_id: str) -> File:
                return link

            object.__setattr__(bot, "get_file", local)
            (fetched,) = await PhotoDownloader(bot, 1).fetch([photo])
            assert fetched.upload.data == b"photo"
            assert count(sandbox) == 0
            place.path.write_bytes(b"x" * (MEGABYTE + 1))
            assert (await complaint(PhotoDownloader(bot, 1), photo)).code == "photo-too-big"

    asyncio.run(script())


class TestPhotoFolder:
    photos = (
        DownloadedPhoto(Upload(b"\xff\xd8\xff photo"), "aa"),
        DownloadedPhoto(Upload(b"\x89PNG photo"), "bb"),
        DownloadedPhoto(Upload(b"film"), "cc"),
    )

    def keep(self, folder: Path, known: bool) -> list[str]:
        """What lies in the folder of user 7 afterwards."""

        async def script() -> None:
            store = await Store.open(f"sqlite+aiosqlite:///{folder / 'base.db'}")
            if known:
                async with store.transaction() as tx:
                    await tx.users.get_or_create(7, 1.0)
            for _ in range(2):
                await PhotoStore(folder, store).save(7, self.photos)
            await store.close()

        asyncio.run(script())
        return sorted(path.name for path in (folder / "photos" / "7").glob("*"))

    def test_photos_are_kept_by_what_they_hold(self, tmp_path: Path) -> None:
        assert self.keep(tmp_path, known=True) == ["aa.jpg", "bb.png", "cc.mp4"]
        assert (tmp_path / "photos" / "7" / "cc.mp4").read_bytes() == b"film"

    def test_nothing_is_kept_of_who_asked_to_be_forgotten(self, tmp_path: Path) -> None:
        assert self.keep(tmp_path, known=False) == []
