"""Handles what is in the inbox: each update in one transaction that holds all its effects, or none of them."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from typing import Final

from aiogram import Bot, Dispatcher
from aiogram.exceptions import ClientDecodeError, TelegramAPIError
from aiogram.types import CallbackQuery, Update

from bot.conversation.chat import Chat, OpenUnitOfWork
from bot.conversation.notify import apologise
from bot.logs import new_id
from bot.workers.concurrency import retry_until_done
from bot.workers.signals import Signals
from locales.translate import language_of
from storage.errors import StorageError
from storage.records import InboxUpdate
from storage.store import Store, Transaction

logger = logging.getLogger(__name__)

_TRIES: Final = 2
_TOAST_LETTERS: Final = 200  # what Telegram shows over a button
_ANSWER_S: Final = 10
_RING_S: Final = 0.1  # under load, how long other loops wait to hear of what was handled


class UpdateWorker:
    """Takes updates out of the inbox, one after another, and lets the dispatcher handle them."""

    def __init__(
        self, store: Store, bot: Bot, dispatcher: Dispatcher, open_uow: OpenUnitOfWork, owner: str, signals: Signals
    ) -> None:
        self._store = store
        self._bot = bot
        self._dispatcher = dispatcher
        self._open_uow = open_uow
        self._owner = owner
        self._signals = signals
        self._handled = False
        self._rung_at = 0.0
        self._answers: set[asyncio.Task[None]] = set()

    async def step(self, idle_s: float) -> float:
        """Handle the oldest update, if there is one."""
        async with self._store.transaction() as tx:
            taken = await tx.inbox.claim(self._owner, time.time())
        if taken is None:
            return self._ring(idle_s)
        await self._handle(taken)
        self._handled = True
        if time.monotonic() - self._rung_at > _RING_S:
            self._ring(0)
        return 0

    def _ring(self, pause_s: float) -> float:
        """Wake the loops that work on what handlers change; each would take the database from the next update."""
        if self._handled:
            self._handled, self._rung_at = False, time.monotonic()
            for signal in (self._signals.drafts, self._signals.requests, self._signals.outbox):
                signal.notify()
        return pause_s

    async def drain(self) -> None:
        """Wait for the answers to pressed buttons that are on their way."""
        await asyncio.gather(*self._answers, return_exceptions=True)

    async def _handle(self, taken: InboxUpdate) -> None:
        error_id = new_id()
        query: CallbackQuery | None = None
        toasts: list[str] = []
        try:
            update = Update.model_validate(json.loads(taken.payload), context={"bot": self._bot})
            query = update.callback_query
            toasts = await self._feed(taken, update)
        except StorageError as error:
            logger.warning("update %d again: %s", taken.update_id, error)
            await retry_until_done(lambda: self._put_back(taken.update_id), "putting an update back")
            return
        except Exception:
            logger.exception("update %d failed, attempt %d [%s]", taken.update_id, taken.attempts + 1, error_id)
            if not await retry_until_done(lambda: self._fail(taken, error_id), "giving an update up"):
                return
        if query is not None:
            self._answer(query.id, "\n".join(toasts)[:_TOAST_LETTERS])

    async def _feed(self, taken: InboxUpdate, update: Update) -> list[str]:
        async with self._store.transaction() as tx:
            chat = await self._chat(tx, update)
            if chat is not None:
                await self._dispatcher.feed_update(self._bot, update, chat=chat)
            await tx.inbox.mark_done(taken.update_id, time.time())
        return chat.toasts if chat is not None else []

    async def _chat(self, tx: Transaction, update: Update) -> Chat | None:
        """The private chat that the update belongs to; the bot is silent everywhere else."""
        event = update.message or update.edited_message or update.callback_query or update.my_chat_member
        message = event.message if isinstance(event, CallbackQuery) else event
        if event is None or message is None or event.from_user is None or message.chat.type != "private":
            return None
        uow = self._open_uow(tx)
        return Chat(
            uow, await tx.users.get_or_create(event.from_user.id, uow.now, language_of(event.from_user.language_code))
        )

    async def _put_back(self, update_id: int) -> None:
        async with self._store.transaction() as tx:
            await tx.inbox.release(update_id)

    async def _fail(self, taken: InboxUpdate, error_id: str) -> bool:
        """Let the update be tried once more; what fails again is given up, and its user told. Whether it was."""
        async with self._store.transaction() as tx:
            if taken.attempts + 1 < _TRIES:
                await tx.inbox.release(taken.update_id)
                return False
            await tx.inbox.mark_failed(taken.update_id, error_id, time.time())
            if taken.user_id is not None:
                await apologise(self._open_uow(tx), taken.user_id, error_id)
            return True

    def _answer(self, query_id: str, text: str) -> None:
        task = asyncio.create_task(self._answer_query(query_id, text))
        self._answers.add(task)
        task.add_done_callback(self._answers.discard)

    async def _answer_query(self, query_id: str, text: str) -> None:
        try:
            await self._bot.answer_callback_query(query_id, text or None, request_timeout=_ANSWER_S)
        except (TelegramAPIError, ClientDecodeError, OSError, TimeoutError) as error:
            logger.info("a pressed button was not answered: %s", type(error).__name__)
