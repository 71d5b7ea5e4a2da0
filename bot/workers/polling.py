"""Receive updates by long polling. An update is stored before the next offset confirms it to Telegram."""

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

from bot.workers.concurrency import compute_backoff_s, retry_until_done
from bot.workers.signals import Signal
from inference.errors import InvalidInput
from storage.store import Store

logger = logging.getLogger(__name__)

Payload: TypeAlias = dict[str, Any]  # a raw update: one that aiogram cannot parse must not block the others
Result = TypeVar("Result")

POLL_S: Final = 25
_TIMEOUT_MARGIN_S: Final = 10
_LONGEST_PAUSE_S: Final = 30.0
_FAILURES: Final = (TelegramAPIError, ClientDecodeError, OSError, TimeoutError)


class GetUpdates(TelegramMethod[list[Payload]]):
    """`aiogram.methods.GetUpdates`, but returning raw updates."""

    __returning__ = list[Payload]
    __api_method__ = "getUpdates"

    offset: int | None = None
    timeout: int | None = None
    allowed_updates: list[str] | None = None


class Inbox:
    """Store updates, from polling or from the webhook, and wake the update worker."""

    def __init__(self, store: Store, signal: Signal) -> None:
        self._store = store
        self._signal = signal

    async def add(self, updates: Sequence[Payload]) -> int:
        """Store updates, skipping duplicates; return the number of new ones."""
        rows = [
            (update["update_id"], get_sender_id(update), json.dumps(update, ensure_ascii=False)) for update in updates
        ]
        async with self._store.transaction() as tx:
            new = await tx.inbox.add(rows, time.time())
        if new:
            self._signal.notify()
        return new


class Polling:
    """Poll for updates and store them.

    When two processes poll, Telegram ends the older call with a conflict, so each ends the other's. The process that
    gets a conflict within `start_s` seconds after its first response is the second one, and gives up.
    """

    def __init__(self, bot: Bot, inbox: Inbox, update_types: Sequence[str], start_s: float = 5.0) -> None:
        self._bot = bot
        self._inbox = inbox
        self._update_types = list(update_types)
        self._start_s = start_s
        self._offset: int | None = None
        self.accepted = asyncio.Event()  # set once Telegram accepts the token
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Poll until `stop`. Raises `InvalidInput` when Telegram refuses the token, or when another process polls."""
        await self._run_unless_stopped(
            retry_until_answered(self._bot.delete_webhook)
        )  # while a webhook is set, getUpdates fails
        answered_at: float | None = None
        failures = 0
        while not self._stopping.is_set():
            try:
                updates = await self._run_unless_stopped(self._get_updates(0 if answered_at is None else POLL_S))
            except _FAILURES as error:
                _check_fatal(error, is_starting=answered_at is None or time.monotonic() - answered_at < self._start_s)
                failures += 1
                await self._run_unless_stopped(_back_off(error, failures))
                continue
            failures = 0
            answered_at = answered_at or time.monotonic()
            self.accepted.set()
            if updates:
                await retry_until_done(partial(self._inbox.add, updates), "storing updates")
                self._offset = max(update["update_id"] for update in updates) + 1

    def stop(self) -> None:
        """Make `run` return. Telegram sends updates again that are not stored yet."""
        self._stopping.set()

    async def _get_updates(self, timeout_s: int) -> list[Payload]:
        method = GetUpdates(offset=self._offset, timeout=timeout_s, allowed_updates=self._update_types)
        updates = await self._bot(method, request_timeout=timeout_s + _TIMEOUT_MARGIN_S)
        return [update for update in updates if is_update(update)]

    async def _run_unless_stopped(self, coroutine: Coroutine[None, None, Result]) -> Result | None:
        """Return the result of a coroutine; cancel it and return None when `stop` comes first."""
        task, stop = asyncio.create_task(coroutine), asyncio.create_task(self._stopping.wait())
        try:
            await asyncio.wait({task, stop}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            task.cancel()
            stop.cancel()
            await asyncio.gather(task, stop, return_exceptions=True)
        return None if task.cancelled() else task.result()


def is_update(value: object) -> TypeGuard[Payload]:
    """Return whether a JSON value can be stored as an update: an object with an `update_id`."""
    return isinstance(value, dict) and _is_id(value.get("update_id"))


def get_sender_id(update: Payload) -> int | None:
    """Return the id of the user who caused an update."""
    for event in update.values():
        user = event.get("from") if isinstance(event, dict) else None
        number: object = user.get("id") if isinstance(user, dict) else None
        if _is_id(number):
            return number
    return None


def _is_id(value: object) -> TypeGuard[int]:
    return type(value) is int and 0 <= value < 2**63


async def retry_until_answered(call: Callable[[], Awaitable[Result]]) -> Result:
    """Return the response to a call that the start needs, retrying while Telegram is out of reach.

    Raises `InvalidInput` when it refuses the token, `TelegramBadRequest` when it refuses the call.
    """
    failures = 0
    while True:
        try:
            return await call()
        except TelegramBadRequest:
            raise
        except _FAILURES as error:
            _check_fatal(error, is_starting=True)
            failures += 1
            await _back_off(error, failures)


def _check_fatal(error: Exception, is_starting: bool) -> None:
    fatal: tuple[type[Exception], ...] = (TelegramUnauthorizedError, *((TelegramNotFound,) if is_starting else ()))
    if isinstance(error, fatal):
        raise InvalidInput("token-refused") from None
    if isinstance(error, TelegramConflictError) and is_starting:
        raise InvalidInput("token-polled-elsewhere") from None


async def _back_off(error: Exception, failures: int) -> None:
    retry_after_s = error.retry_after if isinstance(error, TelegramRetryAfter) else 0
    pause_s = retry_after_s or compute_backoff_s(failures, 0.5, _LONGEST_PAUSE_S)
    logger.warning("Telegram: %s, %d in a row; again in %.1f s", type(error).__name__, failures, pause_s)
    await asyncio.sleep(pause_s)
