"""Handle the updates of the inbox, each in one transaction that contains all its effects or none."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from typing import Any, Final

from aiogram import Bot, Dispatcher
from aiogram.exceptions import ClientDecodeError, TelegramAPIError
from aiogram.types import CallbackQuery, Update
from pydantic import ValidationError

from bot.conversation.chat import Chat, OpenUnitOfWork, UnitOfWork
from bot.conversation.notify import apologise
from bot.logs import new_error_id
from bot.workers.concurrency import retry_until_done
from bot.workers.signals import Signals
from locales.translate import language_of
from storage.errors import StorageError
from storage.records import InboxUpdate

logger = logging.getLogger(__name__)

_ATTEMPTS: Final = 2
_TOAST_LENGTH: Final = 200  # limit of `answerCallbackQuery`
_ANSWER_TIMEOUT_S: Final = 10
_NOTIFY_S: Final = 0.1  # under load, the longest delay before other workers are woken


def _parse_update(payload: dict[str, Any], bot: Bot) -> Update:
    """Parse an update, without those parts of its message that are malformed, such as who wrote a forward first.

    Raises `ValidationError` where nothing useful remains.
    """
    try:
        return Update.model_validate(payload, context={"bot": bot})
    except ValidationError as error:
        for kind, part in {tuple(map(str, each["loc"][:2])) for each in error.errors() if len(each["loc"]) > 1}:
            logger.warning("update %s without its malformed %s of %s", payload.get("update_id"), part, kind)
            payload = {**payload, kind: {name: value for name, value in payload[kind].items() if name != part}}
        return Update.model_validate(payload, context={"bot": bot})


class UpdateWorker:
    """Claim updates one after another and feed them to the dispatcher."""

    def __init__(
        self, open_uow: OpenUnitOfWork, bot: Bot, dispatcher: Dispatcher, worker_id: str, signals: Signals
    ) -> None:
        self._open_uow = open_uow
        self._bot = bot
        self._dispatcher = dispatcher
        self._worker_id = worker_id
        self._signals = signals
        self._has_handled = False
        self._notified_at = 0.0
        self._answer_tasks: set[asyncio.Task[None]] = set()

    async def step(self, idle_s: float) -> float:
        """Handle the oldest update, if there is one; return the seconds to wait."""
        async with self._open_uow() as uow:
            claimed = await uow.tx.inbox.claim(self._worker_id, time.time())
        if claimed is None:
            return self._notify_workers(idle_s)
        await self._handle(claimed)
        self._has_handled = True
        if time.monotonic() - self._notified_at > _NOTIFY_S:
            self._notify_workers(0)
        return 0

    def _notify_workers(self, pause_s: float) -> float:
        """Wake the workers that handlers give work to; not after each update, since they compete for the database."""
        if self._has_handled:
            self._has_handled, self._notified_at = False, time.monotonic()
            for signal in (self._signals.drafts, self._signals.requests, self._signals.outbox):
                signal.notify()
        return pause_s

    async def drain(self) -> None:
        """Wait for the pending answers to callback queries."""
        await asyncio.gather(*self._answer_tasks, return_exceptions=True)

    async def _handle(self, claimed: InboxUpdate) -> None:
        error_id = new_error_id()
        query: CallbackQuery | None = None
        toasts: list[str] = []
        try:
            update = _parse_update(json.loads(claimed.payload), self._bot)
            query = update.callback_query
            toasts = await self._feed(claimed, update)
        except StorageError as error:
            logger.warning("update %d again: %s", claimed.update_id, error)
            await retry_until_done(lambda: self._put_back(claimed.update_id), "putting an update back")
            return
        except Exception:
            logger.exception("update %d failed, attempt %d [%s]", claimed.update_id, claimed.attempts + 1, error_id)
            if not await retry_until_done(lambda: self._fail(claimed, error_id), "giving an update up"):
                return
        if query is not None:
            self._answer(query.id, "\n".join(toasts)[:_TOAST_LENGTH])

    async def _feed(self, claimed: InboxUpdate, update: Update) -> list[str]:
        async with self._open_uow() as uow:
            chat = await self._open_chat(uow, update)
            if chat is not None:
                await self._dispatcher.feed_update(self._bot, update, chat=chat)
            await uow.tx.inbox.mark_done(claimed.update_id, time.time())
        return chat.toasts if chat is not None else []

    async def _open_chat(self, uow: UnitOfWork, update: Update) -> Chat | None:
        """Return the private chat of an update; None for groups and channels, where the bot stays silent."""
        event = update.message or update.edited_message or update.callback_query or update.my_chat_member
        message = event.message if isinstance(event, CallbackQuery) else event
        if event is None or message is None or event.from_user is None or message.chat.type != "private":
            return None
        user, language = event.from_user, language_of(event.from_user.language_code)
        record = await uow.tx.users.get_or_create(user.id, uow.now, language)
        if update.message is not None:
            await uow.tx.users.note_message(user.id, update.message.message_id)
        return Chat(uow, record)

    async def _put_back(self, update_id: int) -> None:
        async with self._open_uow() as uow:
            await uow.tx.inbox.release(update_id)

    async def _fail(self, claimed: InboxUpdate, error_id: str) -> bool:
        """Retry the update once; after that give it up and apologise. Return whether it was given up."""
        async with self._open_uow() as uow:
            if claimed.attempts + 1 < _ATTEMPTS:
                await uow.tx.inbox.release(claimed.update_id)
                return False
            await uow.tx.inbox.mark_failed(claimed.update_id, error_id, time.time())
            if claimed.user_id is not None:
                await apologise(uow, claimed.user_id, error_id)
            return True

    def _answer(self, query_id: str, text: str) -> None:
        task = asyncio.create_task(self._answer_query(query_id, text))
        self._answer_tasks.add(task)
        task.add_done_callback(self._answer_tasks.discard)

    async def _answer_query(self, query_id: str, text: str) -> None:
        try:
            await self._bot.answer_callback_query(query_id, text or None, request_timeout=_ANSWER_TIMEOUT_S)
        except (TelegramAPIError, ClientDecodeError, OSError, TimeoutError) as error:
            logger.info("a callback query was not answered: %s", type(error).__name__)
