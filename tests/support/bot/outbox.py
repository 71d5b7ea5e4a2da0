"""The outbox and its sender on the sandbox, without the rest of the bot."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from aiogram import Bot
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer

from bot.conversation.chat import Rules, open_unit_of_work
from bot.telegram.rate_limit import RateLimiter
from bot.workers.concurrency import PeriodicTask
from bot.workers.sender import Sender
from bot.workers.signals import Signal
from sandbox.server import Sandbox
from sandbox.state.telegram import Call
from sandbox.testing.person import Person
from storage.records import OutgoingMessage
from storage.store import Store

MESSAGES = ("sendMessage", "editMessageText", "sendPhoto", "sendMediaGroup", "sendDocument")


@asynccontextmanager
async def client(sandbox: Sandbox) -> AsyncGenerator[Bot]:
    """The bot's own client, connected to the sandbox."""
    bot = Bot(sandbox.token, session=AiohttpSession(api=TelegramAPIServer.from_base(sandbox.url)))
    try:
        yield bot
    finally:
        await bot.session.close()


@dataclass
class OutboxHarness:
    """A store with an outbox, a sandbox, and a sender between them."""

    sandbox: Sandbox
    store: Store
    bot: Bot
    folder: Path
    signal: Signal = field(default_factory=Signal)

    async def user(self, number: int = 1) -> Person:
        """A user who has written to the bot before."""
        async with self.store.transaction() as tx:
            await tx.users.get_or_create(number, time.time())
        person = self.sandbox.user(number)
        await person.text("/start")
        return person

    async def put(self, *messages: OutgoingMessage) -> None:
        """Put messages into the outbox, all at once."""
        async with self.store.transaction() as tx:
            for message in messages:
                await tx.outbox.enqueue(message, time.time())
        self.signal.notify()

    async def pending(self) -> int:
        """How many messages are not sent yet."""
        async with self.store.transaction() as tx:
            return await tx.outbox.count_pending()

    async def emptied(self, timeout_s: float = 10) -> None:
        """Wait until nothing is left to send."""
        async with asyncio.timeout(timeout_s):
            while await self.pending():
                await asyncio.sleep(0.01)

    def sender(
        self, worker_id: str = "here", *, total: int = 1000, chat: float = 100, typing: Collection[int] = ()
    ) -> Sender:
        """A sender that is not running yet."""
        rules = Rules(default="mini", data=self.folder)
        open_uow = partial(open_unit_of_work, self.store, list, rules)
        return Sender(open_uow, self.bot, RateLimiter(total, chat), worker_id, self.signal, lambda: typing)

    @asynccontextmanager
    async def sending(self, sender: Sender | None = None) -> AsyncGenerator[Sender]:
        """Run a sender."""
        sender = sender or self.sender()
        loop = PeriodicTask("sending", partial(sender.step, 0.05), self.signal)
        task = asyncio.create_task(loop.run())
        try:
            yield sender
        finally:
            loop.stop()
            await task
            await sender.drain(0)

    def calls(self, *methods: str) -> list[Call]:
        """What Telegram was asked to do to a chat."""
        return [call for call in self.sandbox.calls if call.method in (methods or MESSAGES)]


@asynccontextmanager
async def open_outbox(folder: Path) -> AsyncGenerator[OutboxHarness]:
    """Open a store with an outbox on a fresh sandbox."""
    async with Sandbox() as sandbox, client(sandbox) as bot:
        store = await Store.open(f"sqlite+aiosqlite:///{folder / 'outbox.db'}")
        try:
            yield OutboxHarness(sandbox, store, bot, folder)
        finally:
            await store.close()


def texts(person: Person) -> list[str]:
    """What the bot has said in a chat, as it looks now."""
    return [
        message.get("text") or message.get("caption") or "" for message in person.messages if message["from"]["is_bot"]
    ]


async def until(condition: Callable[[], object], timeout_s: float = 10) -> None:
    """Wait until it holds."""
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.01)
