"""Compose the bot: build its objects from the settings, run its workers, and stop them in order.

Nothing else in `bot/` constructs a worker or reads the settings.
"""

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
from filelock import BaseFileLock

from bot.conversation.chat import Rules, open_unit_of_work
from bot.routers import build_dispatcher
from bot.settings import ROOT, Settings
from bot.telegram.commands import set_menus
from bot.telegram.downloads import PhotoDownloader
from bot.telegram.instance_lock import acquire_instance_lock
from bot.telegram.photo_store import PhotoStore
from bot.telegram.rate_limit import RateLimiter
from bot.workers.concurrency import PeriodicTask
from bot.workers.draft_cards import DraftCardWorker
from bot.workers.generation import GenerationWorker
from bot.workers.jobs import JobRunner, TextEngine
from bot.workers.lease import LeaseKeeper
from bot.workers.polling import Inbox, Polling
from bot.workers.progress import ProgressReporter
from bot.workers.sender import Sender
from bot.workers.signals import Signal, Signals
from bot.workers.understanding import UnderstandingWorker
from bot.workers.updates import UpdateWorker
from bot.workers.webhook import Webhook
from inference.checkpoints.card import Card
from inference.errors import InvalidInput
from inference.listing.cases import list_cases
from inference.listing.files import load_toml
from inference.serving.engine import Engine
from storage.errors import StorageError
from storage.store import Store

logger = logging.getLogger(__name__)

_IDLE_ALONE_S: Final = 1.0  # signals wake the workers; the poll catches what no signal announces
_IDLE_SHARED_S: Final = 0.3  # other processes write rows too, and their signals do not reach this one
_CARDS_TTL_S: Final = 2.0  # listing cards reads the disk
_SENDER_DRAIN_S: Final = 5.0


class App:
    """The bot as a whole: `build` opens its resources, `running` runs its workers, `wait_stopped` waits for the end."""

    def __init__(
        self, settings: Settings, store: Store, bot: Bot, engine: TextEngine, lock: BaseFileLock | None
    ) -> None:
        self.settings = settings
        self.store = store
        self.bot = bot
        self.engine = engine
        self.webhook: Webhook | None = None
        self._lock = lock
        self._cards: tuple[float, list[Card]] = (0.0, [])
        self._stopped: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @classmethod
    async def build(cls, settings: Settings, engine: TextEngine | None = None) -> App:
        """Check the settings and open the resources that they name.

        A polling bot acquires the lock of its token before it opens the database. Raises `InvalidInput` for a model,
        database or lock that the operator has to fix.
        """
        if engine is None:
            engine = Engine(
                settings.checkpoints,
                max_batch=settings.max_batch,
                memory_mb=settings.engine_memory_mb,
                thresholds=load_toml(settings.moderation) if settings.moderation else {},
            )
        _check_models(settings, {card.name for card in engine.list_cards()})
        lock = None if settings.webhook_url else acquire_instance_lock(settings.bot_id, settings.api_server)
        try:
            store = await Store.open(settings.database)
        except BaseException as error:
            if lock is not None:
                lock.release()
            if isinstance(error, StorageError):
                raise InvalidInput(error.code, **error.details) from None  # the driver's text may contain a password
            raise
        return cls(settings, store, _build_bot(settings), engine, lock)

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[App]:
        """Run all workers inside the context; at its end stop them and close the resources, in reverse order.

        Raises `InvalidInput` when the port of the webhook is taken.
        """
        settings, rules, signals, worker_id = (
            self.settings,
            _build_rules(self.settings),
            Signals(),
            secrets.token_hex(8),
        )
        is_alone = not settings.webhook_url
        idle_s = _IDLE_ALONE_S if is_alone else _IDLE_SHARED_S
        open_uow = partial(open_unit_of_work, self.store, self._list_cards, rules)
        dispatcher = build_dispatcher()

        lease = LeaseKeeper(open_uow, worker_id, signals, is_alone=is_alone)
        progress = ProgressReporter(open_uow, signals.outbox)
        runner = self._build_runner(rules)
        generation = GenerationWorker(open_uow, runner, progress, worker_id, signals, slots=2 * settings.max_batch)
        understanding = UnderstandingWorker(open_uow, runner, signals)
        limiter = RateLimiter(settings.rate_total, settings.rate_chat)
        sender = Sender(open_uow, self.bot, limiter, worker_id, signals.outbox, generation.get_active_chats)
        draft_cards = DraftCardWorker(open_uow, signals)
        updates = UpdateWorker(open_uow, self.bot, dispatcher, worker_id, signals)

        async with AsyncExitStack() as stack:
            self._close_on_exit(stack)
            await lease.step()
            stack.push_async_callback(lease.stop)
            self._repeat(stack, "lease", lease.step, Signal())
            stack.push_async_callback(sender.drain, _SENDER_DRAIN_S)
            self._repeat(stack, "sender", partial(sender.step, idle_s), signals.outbox)
            self._repeat(stack, "progress", partial(progress.step, idle_s), progress.signal)
            stack.push_async_callback(generation.drain, settings.drain_s)
            self._repeat(stack, "generation", partial(generation.step, idle_s), signals.requests)
            self._repeat(stack, "draft cards", partial(draft_cards.step, idle_s), signals.drafts)
            self._repeat(stack, "facts", partial(understanding.step, idle_s), signals.facts)
            stack.push_async_callback(updates.drain)
            self._repeat(stack, "updates", partial(updates.step, idle_s), signals.inbox)
            inbox = Inbox(self.store, signals.inbox)
            accepted = await self._receive_updates(stack, inbox, dispatcher.resolve_used_update_types())
            self._spawn(stack, self._warm_up(accepted))
            self._spawn(stack, set_menus(self.bot, settings.admins))
            logger.info("the bot runs")
            yield self
            logger.info("the bot stops")

    def stop(self) -> None:
        """Make `wait_stopped` return."""
        if not self._stopped.done():
            self._stopped.set_result(None)

    async def wait_stopped(self) -> None:
        """Wait for `stop`. Raises the error that ended a worker: `InvalidInput`, `CheckpointError`, or a bug."""
        await asyncio.shield(self._stopped)

    def _close_on_exit(self, stack: AsyncExitStack) -> None:
        if self._lock is not None:
            stack.callback(self._lock.release)
        stack.push_async_callback(self.store.close)
        stack.push_async_callback(self.bot.session.close)
        stack.push_async_callback(self.engine.close)

    def _build_runner(self, rules: Rules) -> JobRunner:
        settings = self.settings
        photo_store = PhotoStore(settings.data, self.store) if settings.keep_photos else None
        downloader = PhotoDownloader(self.bot, settings.file_limit_mb)
        return JobRunner(self.engine, downloader, photo_store, rules, timeout_s=settings.request_timeout_s)

    async def _receive_updates(self, stack: AsyncExitStack, inbox: Inbox, update_types: list[str]) -> asyncio.Event:
        """Start polling or the webhook; return the event that is set once Telegram accepts the token."""
        settings = self.settings
        if settings.webhook_secret is None or not settings.webhook_url:
            polling = Polling(self.bot, inbox, update_types)
            self._spawn(stack, polling.run(), polling.stop)
            return polling.accepted
        secret = settings.webhook_secret.get_secret_value()
        self.webhook = Webhook(inbox, settings.webhook_url, secret, settings.webhook_host, settings.webhook_port)
        await self.webhook.start()
        stack.push_async_callback(self.webhook.stop)
        self._spawn(stack, self.webhook.register(self.bot, update_types))
        return self.webhook.accepted

    async def _warm_up(self, accepted: asyncio.Event) -> None:
        """Load the default model once Telegram accepts the token: a load cannot be interrupted by a refusal."""
        await accepted.wait()
        await self.engine.start(self.settings.model_pinned or self.settings.model_default)

    def _repeat(self, stack: AsyncExitStack, name: str, step: Callable[[], Awaitable[float]], signal: Signal) -> None:
        periodic = PeriodicTask(name, step, signal)
        self._spawn(stack, periodic.run(), periodic.stop)

    def _spawn(
        self, stack: AsyncExitStack, coroutine: Coroutine[None, None, None], stop: Callable[[], None] | None = None
    ) -> None:
        """Start a task; when the stack closes, call `stop` (or cancel the task) and wait for it."""
        task = asyncio.create_task(coroutine)
        task.add_done_callback(self._check_failure)

        async def finish() -> None:
            (stop or task.cancel)()
            await asyncio.wait({task})

        stack.push_async_callback(finish)

    def _check_failure(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None and not self._stopped.done():
            self._stopped.set_exception(error)
            self._stopped.exception()  # marks it as retrieved: nobody may be waiting in `wait_stopped`

    def _list_cards(self) -> list[Card]:
        listed_at, cards = self._cards
        if time.monotonic() - listed_at > _CARDS_TTL_S:
            cards = self.engine.list_cards()
            self._cards = (time.monotonic(), cards)
        return cards


async def serve(settings: Settings, on_ready: Callable[[], None] = lambda: None) -> None:
    """Run the bot until SIGTERM or SIGINT; a second signal ends it at once. Call `on_ready` once it runs.

    Raises the error that ended a worker.
    """
    app = await App.build(settings)
    loop = asyncio.get_running_loop()

    def stop() -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
        app.stop()

    async with app.running():
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop)
        on_ready()
        await app.wait_stopped()


def _build_bot(settings: Settings) -> Bot:
    server = (
        TelegramAPIServer.from_base(settings.api_server, is_local=settings.api_server_is_local)
        if settings.api_server
        else PRODUCTION
    )
    return Bot(settings.bot_token.get_secret_value(), session=AiohttpSession(api=server))


def _build_rules(settings: Settings) -> Rules:
    return Rules(
        default=settings.model_default,
        pinned=settings.model_pinned,
        admins=settings.admins,
        max_waiting=settings.max_waiting,
        max_waiting_per_user=settings.max_waiting_per_user,
        album_quiet_s=settings.album_quiet_s,
        album_limit_s=settings.album_limit_s,
        file_limit_mb=settings.file_limit_mb,
        warnings=settings.moderation_warnings,
        data=settings.data,
        keeps_photos=settings.keep_photos,
        cases=tuple(list_cases(ROOT / "testcases")),
    )


def _check_models(settings: Settings, known: set[str]) -> None:
    for key, name in (("MODEL_DEFAULT", settings.model_default), ("MODEL_PINNED", settings.model_pinned)):
        if name is not None and name not in known:
            raise InvalidInput("setting-model", key=key, known=", ".join(sorted(known)) or "—")
