"""The one place that builds: settings become objects, objects become loops, and a stop ends them in order."""

from __future__ import annotations

import asyncio
import logging
import secrets
import signal
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Final

from aiogram import Bot
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import PRODUCTION, TelegramAPIServer

from bot.conversation.chat import Rules, UnitOfWork
from bot.routers import build_dispatcher
from bot.settings import ROOT, Settings
from bot.telegram.commands import set_menus
from bot.telegram.downloads import Downloads
from bot.telegram.instance_lock import InstanceLock
from bot.telegram.photo_store import PhotoStore
from bot.telegram.rate_limit import RateLimiter
from bot.workers.concurrency import PeriodicTask
from bot.workers.draft_cards import DraftCardWorker
from bot.workers.generation import GenerationWorker, TextEngine
from bot.workers.lease import LeaseKeeper
from bot.workers.polling import Inbox, Polling
from bot.workers.sender import Sender
from bot.workers.signals import Signal, Signals
from bot.workers.updates import UpdateWorker
from bot.workers.webhook import Webhook
from inference.checkpoints.registry import Card
from inference.errors import InvalidInput
from inference.listing.cases import list_cases
from inference.listing.files import load_toml
from inference.serving.engine import Engine
from storage.errors import StorageError
from storage.store import Store, Transaction

logger = logging.getLogger(__name__)

_IDLE_ALONE_S: Final = 1.0  # bells wake the loops; this is for what no bell tells
_IDLE_SHARED_S: Final = 0.3  # another process may have put something in
_CARDS_S: Final = 2.0
_LAST_WORDS_S: Final = 5.0


class App:
    """The bot: `build` opens what it stands on, `running` sets it going, `over` waits for its end."""

    def __init__(
        self, settings: Settings, store: Store, bot: Bot, engine: TextEngine, lock: InstanceLock | None
    ) -> None:
        self.settings = settings
        self.store = store
        self.bot = bot
        self.engine = engine
        self.webhook: Webhook | None = None
        self._lock = lock
        self._rules = _rules(settings)
        self._owner = secrets.token_hex(8)
        self._signals = Signals()
        self._alone = not settings.webhook_url
        self._idle_s = _IDLE_ALONE_S if self._alone else _IDLE_SHARED_S
        self._dispatcher = build_dispatcher()
        self._known_cards: tuple[float, list[Card]] = (0.0, [])
        self._end: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @classmethod
    async def build(cls, settings: Settings, engine: TextEngine | None = None) -> App:
        """Check what the settings name and open it. Raises `InvalidInput` for what the owner can mend.

        A polling bot takes the lock of its token before it touches the database.
        """
        if engine is None:
            engine = Engine(
                settings.checkpoints,
                max_batch=settings.max_batch,
                memory_mb=settings.engine_memory_mb,
                thresholds=load_toml(settings.moderation) if settings.moderation else {},
            )
        _check_models(settings, {card.name for card in engine.list_cards()})
        lock = None if settings.webhook_url else InstanceLock.take(settings.bot_id, settings.api_server)
        try:
            store = await Store.open(settings.database)
        except BaseException as error:
            if lock is not None:
                lock.release()
            if isinstance(error, StorageError):
                raise InvalidInput(error.code, **error.details) from None  # the driver's words may hold a password
            raise
        return cls(settings, store, _bot(settings), engine, lock)

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[App]:
        """All loops go round inside; at the end each is stopped, the last to be needed last, and all is closed.

        Raises `InvalidInput` when the port of the webhook is taken.
        """
        async with AsyncExitStack() as stack:
            self._keep_open(stack)
            heartbeat = LeaseKeeper(self.store, self._open_uow, self._owner, self._signals, alone=self._alone)
            await heartbeat.step()
            stack.push_async_callback(heartbeat.stop)
            self._loop(stack, "heartbeat", heartbeat.step, Signal())
            sender, writing = self._sender(), self._writing()
            sender.writing_for = writing.writing_for
            stack.push_async_callback(sender.drain, _LAST_WORDS_S)
            self._loop(stack, "sending", partial(sender.step, self._idle_s), self._signals.outbox)
            self._loop(stack, "progress", partial(writing.progress.step, self._idle_s), writing.progress.signal)
            stack.push_async_callback(writing.drain, self.settings.drain_s)
            self._loop(stack, "writing", partial(writing.step, self._idle_s), self._signals.requests)
            albums = DraftCardWorker(self.store, self._open_uow, self._signals)
            self._loop(stack, "albums", partial(albums.step, self._idle_s), self._signals.drafts)
            handling = UpdateWorker(self.store, self.bot, self._dispatcher, self._open_uow, self._owner, self._signals)
            stack.push_async_callback(handling.drain)
            self._loop(stack, "handling", partial(handling.step, self._idle_s), self._signals.inbox)
            self._spawn(stack, self._warm_up(await self._open_intake(stack)))
            self._spawn(stack, set_menus(self.bot, self.settings.admins))
            logger.info("the bot runs")
            yield self
            logger.info("the bot stops")

    def stop(self) -> None:
        """Let `over` return."""
        if not self._end.done():
            self._end.set_result(None)

    async def over(self) -> None:
        """Wait for `stop`. Raises what ended the bot before: `InvalidInput`, `CheckpointError`, or a bug."""
        await asyncio.shield(self._end)

    def _keep_open(self, stack: AsyncExitStack) -> None:
        if self._lock is not None:
            stack.callback(self._lock.release)
        stack.push_async_callback(self.store.close)
        stack.push_async_callback(self.bot.session.close)
        stack.push_async_callback(self.engine.close)

    def _sender(self) -> Sender:
        rates = RateLimiter(self.settings.rate_total, self.settings.rate_chat)
        return Sender(self.store, self.bot, rates, self._open_uow, self._owner, self._signals.outbox)

    def _writing(self) -> GenerationWorker:
        settings = self.settings
        return GenerationWorker(
            self.store,
            self.engine,
            Downloads(self.bot, settings.file_limit_mb),
            self._open_uow,
            self._rules,
            self._owner,
            self._signals,
            slots=2 * settings.max_batch,
            timeout_s=settings.request_timeout_s,
            folder=PhotoStore(settings.data, self.store) if settings.keep_photos else None,
        )

    async def _open_intake(self, stack: AsyncExitStack) -> asyncio.Event:
        """Let updates in; returns what is set once Telegram has accepted the bot."""
        settings, allowed = self.settings, self._dispatcher.resolve_used_update_types()
        inbox = Inbox(self.store, self._signals.inbox)
        if settings.webhook_secret is None or not settings.webhook_url:
            polling = Polling(self.bot, inbox, allowed)
            self._spawn(stack, polling.run(), polling.stop)
            return polling.accepted
        secret = settings.webhook_secret.get_secret_value()
        self.webhook = Webhook(inbox, settings.webhook_url, secret, settings.webhook_host, settings.webhook_port)
        await self.webhook.start()
        stack.push_async_callback(self.webhook.stop)
        self._spawn(stack, self.webhook.register(self.bot, allowed))
        return self.webhook.accepted

    async def _warm_up(self, accepted: asyncio.Event) -> None:
        """Load the model before anybody asks, but not for a bot that Telegram refuses: nothing interrupts a load."""
        await accepted.wait()
        await self.engine.start(self.settings.model_pinned or self.settings.model_default)

    def _loop(self, stack: AsyncExitStack, name: str, step: Callable[[], Awaitable[float]], signal: Signal) -> None:
        loop = PeriodicTask(name, step, signal)
        self._spawn(stack, loop.run(), loop.stop)

    def _spawn(
        self, stack: AsyncExitStack, work: Coroutine[None, None, None], stop: Callable[[], None] | None = None
    ) -> None:
        """Begin the work; at the end of the stack it is asked to stop, or cancelled, and waited for."""
        task = asyncio.create_task(work)
        task.add_done_callback(self._ended)

        async def end() -> None:
            (stop or task.cancel)()
            await asyncio.wait({task})

        stack.push_async_callback(end)

    def _ended(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None and not self._end.done():
            self._end.set_exception(error)
            self._end.exception()  # it is no loss when nobody waits in `over`

    def _open_uow(self, tx: Transaction) -> UnitOfWork:
        read_at, cards = self._known_cards
        if time.monotonic() - read_at > _CARDS_S:
            cards = self.engine.list_cards()
            self._known_cards = (time.monotonic(), cards)
        return UnitOfWork(tx, cards, self._rules, time.time())


async def serve(settings: Settings, ready: Callable[[], None] = lambda: None) -> None:
    """Run the bot until SIGTERM or SIGINT; a second signal ends it at once. `ready` is called when it runs.

    Raises what ended it before.
    """
    app = await App.build(settings)
    loop = asyncio.get_running_loop()

    def stop() -> None:
        for each in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(each)
        app.stop()

    async with app.running():
        for each in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(each, stop)
        ready()
        await app.over()


def _bot(settings: Settings) -> Bot:
    server = (
        TelegramAPIServer.from_base(settings.api_server, is_local=settings.api_server_is_local)
        if settings.api_server
        else PRODUCTION
    )
    return Bot(settings.bot_token.get_secret_value(), session=AiohttpSession(api=server))


def _rules(settings: Settings) -> Rules:
    return Rules(
        default=settings.model_default,
        pinned=settings.model_pinned,
        admins=settings.admins,
        max_waiting=settings.max_waiting,
        max_waiting_per_user=settings.max_waiting_per_user,
        album_quiet_s=settings.album_quiet_s,
        album_limit_s=settings.album_limit_s,
        file_limit_mb=settings.file_limit_mb,
        data=settings.data,
        keeps_photos=settings.keep_photos,
        cases=tuple(list_cases(ROOT / "testcases")),
    )


def _check_models(settings: Settings, known: set[str]) -> None:
    for key, name in (("MODEL_DEFAULT", settings.model_default), ("MODEL_PINNED", settings.model_pinned)):
        if name is not None and name not in known:
            raise InvalidInput("setting-model", key=key, known=", ".join(sorted(known)) or "—")
