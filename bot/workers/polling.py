"""Takes updates from Telegram into the inbox. An update is stored before Telegram hears that we have it."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from functools import partial
from typing import Any, Final, TypeAlias, TypeGuard, TypeVar

from aiogram import Bot
from aiogram.exceptions import (
    ClientDecodeError,
    TelegramAPIError,
    TelegramBadRequest,
    TelegramConflictError,
    TelegramNotFound,
    TelegramRetryAfter,
    TelegramUnauthorizedError,
)
from aiogram.methods import TelegramMethod

from bot.workers.concurrency import backoff_s, retry_until_done
from bot.workers.signals import Signal
from inference.errors import InvalidInput
from storage.store import Store

logger = logging.getLogger(__name__)

Payload: TypeAlias = dict[str, Any]  # an update as Telegram wrote it: what we cannot read must not stop the rest
Result = TypeVar("Result")

POLL_S: Final = 25
_MARGIN_S: Final = 10
_LONGEST_PAUSE_S: Final = 30.0
_FAILURES: Final = (TelegramAPIError, ClientDecodeError, OSError, TimeoutError)


class GetUpdates(TelegramMethod[list[Payload]]):
    """aiogram's own method, but for the result: the updates as they came."""

    __returning__ = list[Payload]
    __api_method__ = "getUpdates"

    offset: int | None = None
    timeout: int | None = None
    allowed_updates: list[str] | None = None


class Inbox:
    """Where both ways in meet: stores updates and wakes who handles them."""

    def __init__(self, store: Store, signal: Signal) -> None:
        self._store = store
        self._signal = signal

    async def add(self, updates: Sequence[Payload]) -> int:
        """Store updates; those that are there already are passed over. Returns how many were new."""
        rows = [(each["update_id"], sender_of(each), json.dumps(each, ensure_ascii=False)) for each in updates]
        async with self._store.transaction() as tx:
            new = await tx.inbox.add(rows, time.time())
        if new:
            self._signal.notify()
        return new


class Polling:
    """Asks for updates, stores them, asks for the next ones.

    Of two processes that poll, Telegram ends the older call, so each ends the other's; who gets that answer within
    `start_s` seconds after its first calls is the one that came second.
    """

    def __init__(self, bot: Bot, inbox: Inbox, allowed: Sequence[str], start_s: float = 5.0) -> None:
        self._bot = bot
        self._inbox = inbox
        self._allowed = list(allowed)
        self._start_s = start_s
        self._offset: int | None = None
        self.accepted = asyncio.Event()  # Telegram has answered: the token is good
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Poll until `stop`. Raises `InvalidInput` when Telegram refuses the token, or when another process polls."""
        await self._unless_stopped(persist(self._bot.delete_webhook))  # with one set, Telegram answers no poll
        answered_at: float | None = None
        failures = 0
        while not self._stopping.is_set():
            try:
                updates = await self._unless_stopped(self._ask(0 if answered_at is None else POLL_S))
            except _FAILURES as error:
                _check_fatal(error, starting=answered_at is None or time.monotonic() - answered_at < self._start_s)
                failures += 1
                await self._unless_stopped(_rest(error, failures))
                continue
            failures = 0
            answered_at = answered_at or time.monotonic()
            self.accepted.set()
            if updates:
                await retry_until_done(partial(self._inbox.add, updates), "storing updates")
                self._offset = max(update["update_id"] for update in updates) + 1

    def stop(self) -> None:
        """Ask for no more. What was asked and not stored yet, Telegram gives again."""
        self._stopping.set()

    async def _ask(self, timeout_s: int) -> list[Payload]:
        method = GetUpdates(offset=self._offset, timeout=timeout_s, allowed_updates=self._allowed)
        updates = await self._bot(method, request_timeout=timeout_s + _MARGIN_S)
        return [update for update in updates if is_update(update)]

    async def _unless_stopped(self, work: Coroutine[None, None, Result]) -> Result | None:
        """What comes of the work; None, and the work cancelled, when the stop comes first."""
        task, stop = asyncio.create_task(work), asyncio.create_task(self._stopping.wait())
        try:
            await asyncio.wait({task, stop}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            task.cancel()
            stop.cancel()
            await asyncio.gather(task, stop, return_exceptions=True)
        return None if task.cancelled() else task.result()


def is_update(value: object) -> TypeGuard[Payload]:
    """Whether it can be stored: an object with a number."""
    return isinstance(value, dict) and _is_id(value.get("update_id"))


def sender_of(update: Payload) -> int | None:
    """The id of the user whose doing an update is."""
    for event in update.values():
        user = event.get("from") if isinstance(event, dict) else None
        number: object = user.get("id") if isinstance(user, dict) else None
        if _is_id(number):
            return number
    return None


def _is_id(value: object) -> TypeGuard[int]:
    return type(value) is int and 0 <= value < 2**63


async def persist(call: Callable[[], Awaitable[Result]]) -> Result:
    """The answer to a call that the start needs, however long Telegram is out of reach.

    Raises `InvalidInput` when it refuses the token, `TelegramBadRequest` when it refuses the call.
    """
    failures = 0
    while True:
        try:
            return await call()
        except TelegramBadRequest:
            raise
        except _FAILURES as error:
            _check_fatal(error, starting=True)
            failures += 1
            await _rest(error, failures)


def _check_fatal(error: Exception, starting: bool) -> None:
    refused: tuple[type[Exception], ...] = (TelegramUnauthorizedError, *((TelegramNotFound,) if starting else ()))
    if isinstance(error, refused):
        raise InvalidInput("token-refused") from None
    if isinstance(error, TelegramConflictError) and starting:
        raise InvalidInput("token-polled-elsewhere") from None


async def _rest(error: Exception, failures: int) -> None:
    asked_s = error.retry_after if isinstance(error, TelegramRetryAfter) else 0
    pause_s = asked_s or backoff_s(failures, 0.5, _LONGEST_PAUSE_S)
    logger.warning("Telegram: %s, %d in a row; again in %.1f s", type(error).__name__, failures, pause_s)
    await asyncio.sleep(pause_s)
