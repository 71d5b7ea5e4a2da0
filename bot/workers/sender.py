"""Empties the outbox: each chat in order, nobody faster than Telegram allows, one process of all.

What a call came to is stored in the same transaction that takes the next messages: one commit a round, and a message
of a chat is taken only when the one before it is settled. A crash between a call and that commit sends it again.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Collection
from typing import Final

from aiogram import Bot
from aiogram.exceptions import ClientDecodeError, TelegramAPIError

from bot.conversation.chat import OpenUnitOfWork
from bot.conversation.notify import apologise
from bot.logs import new_id
from bot.telegram.rate_limit import RateLimiter
from bot.telegram.send import Blocked, Outcome, Refused, Retry, Sent, Stale, send
from bot.workers.concurrency import backoff_s
from bot.workers.signals import Signal
from storage.records import OutboxMessage
from storage.store import Store, Transaction

logger = logging.getLogger(__name__)

LEASE: Final = "sender"
LEASE_S: Final = 10.0
_RENEW_S: Final = 3.0
_AT_ONCE: Final = 30
_SHORTEST_PAUSE_S: Final = 0.01
_LONGEST_PAUSE_S: Final = 60.0
_TYPING_S: Final = 4.5  # Telegram shows the action for five seconds
_APOLOGY_S: Final = 60.0  # an apology that cannot be sent is not apologised for


class Sender:
    """Takes messages out of the outbox, sends them, and stores what became of them."""

    def __init__(
        self, store: Store, bot: Bot, rates: RateLimiter, open_uow: OpenUnitOfWork, owner: str, signal: Signal
    ) -> None:
        self._store = store
        self._bot = bot
        self._rates = rates
        self._open_uow = open_uow
        self._owner = owner
        self._signal = signal
        self._leading = False
        self._renew_at = 0.0
        self._calls: dict[int, asyncio.Task[None]] = {}  # row id → the call for it
        self._settled: list[tuple[OutboxMessage, Outcome]] = []  # calls that ended, not stored yet
        self._stale: set[int] = set()  # rows to be sent anew: their message cannot be edited
        self._apologised: dict[int, float] = {}
        self._typed: dict[int, float] = {}
        self._typing: set[asyncio.Task[None]] = set()
        self.writing_for: Callable[[], Collection[int]] = set  # the chats that a text is being written for

    async def step(self, idle_s: float) -> float:
        """Store what came of the calls that ended, take what may be sent now, and begin to send it."""
        free = min(_AT_ONCE, self._rates.free(time.monotonic()))
        async with self._store.transaction() as tx:
            settled = await self._settle(tx)
            self._leading = await self._leads(tx)
            busy = self._rates.busy(time.monotonic())
            taken = await tx.outbox.claim(self._owner, time.time(), busy, free) if self._leading and free else []
        del self._settled[:settled]
        for sending in taken:
            self._begin(sending)
        if self._leading:
            self._show_typing(free - len(taken))
        now = time.monotonic()
        return min(idle_s, max(_SHORTEST_PAUSE_S, self._rates.next_change(now) - now))

    async def drain(self, seconds: float) -> None:
        """Send what waits, for so long at most; what is left waits for the next start."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            pause_s = await self.step(0.1)
            async with self._store.transaction() as tx:
                waiting = await tx.outbox.count_pending() if self._leading else len(self._calls)
            if not waiting:
                break
            await self._signal.wait(min(pause_s, until - time.monotonic()))
        await self._abandon()

    async def _abandon(self) -> None:
        tasks = [*self._calls.values(), *self._typing]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        async with self._store.transaction() as tx:
            settled = await self._settle(tx)
        del self._settled[:settled]

    async def _leads(self, tx: Transaction) -> bool:
        """Whether this process is the one that sends."""
        now = time.time()
        if now < self._renew_at:
            return True
        leads = await tx.leases.acquire(LEASE, self._owner, now + LEASE_S, now)
        self._renew_at = now + _RENEW_S if leads else 0.0
        return leads

    def _begin(self, sending: OutboxMessage) -> None:
        self._rates.start(sending.content.chat_id)
        self._calls[sending.id] = asyncio.create_task(self._send(sending))

    async def _send(self, sending: OutboxMessage) -> None:
        outcome: Outcome = Retry("stopped")
        try:
            message_id = None if sending.id in self._stale else sending.message_id
            outcome = await send(self._bot, sending.content, message_id)
        except Exception as error:
            logger.exception("message %d cannot be sent", sending.id)
            outcome = Refused(type(error).__name__)
        finally:
            self._stale.discard(sending.id)
            self._end(sending, outcome)

    def _end(self, sending: OutboxMessage, outcome: Outcome) -> None:
        del self._calls[sending.id]
        self._settled.append((sending, outcome))
        now, chat_id = time.monotonic(), sending.content.chat_id
        if isinstance(outcome, Retry) and outcome.retry_after_s is not None:
            self._rates.flood(chat_id, now, now + outcome.retry_after_s)
        self._rates.end(chat_id, now)
        self._signal.notify()

    async def _settle(self, tx: Transaction) -> int:
        """Store the outcomes that there are; returns how many, to be forgotten after the commit."""
        settled = list(self._settled)
        for sending, outcome in settled:
            await self._store_outcome(tx, sending, outcome)
        return len(settled)

    async def _store_outcome(self, tx: Transaction, sending: OutboxMessage, outcome: Outcome) -> None:
        now = time.time()
        match outcome:
            case Sent(message_id):
                await tx.outbox.mark_sent(sending.id, message_id, now)
            case Retry(reason, retry_after_s):
                pause_s = backoff_s(sending.attempts + 1, 0.5, _LONGEST_PAUSE_S)
                logger.warning("message %d again later, %d attempts: %s", sending.id, sending.attempts + 1, reason)
                await tx.outbox.retry(sending.id, now + (retry_after_s or pause_s), reason)
            case Stale():
                self._stale.add(sending.id)
                await tx.outbox.retry(sending.id, now, "stale")
            case Blocked():
                logger.info("message %d: its user has left", sending.id)
                await tx.outbox.mark_failed(sending.id, "nobody")
                await tx.users.mark_blocked(sending.content.chat_id)
            case Refused(reason):
                await self._give_up(tx, sending, reason)

    async def _give_up(self, tx: Transaction, sending: OutboxMessage, reason: str) -> None:
        error_id, chat_id, now = new_id(), sending.content.chat_id, time.monotonic()
        request_id = sending.content.request_id
        logger.error("message %d of request %s refused: %s [%s]", sending.id, request_id, reason, error_id)
        await tx.outbox.mark_failed(sending.id, f"{error_id} {reason}")
        told = {chat: at for chat, at in self._apologised.items() if now - at < _APOLOGY_S}
        if chat_id not in told and sending.content.priority < 2:
            told[chat_id] = now
            await apologise(self._open_uow(tx), chat_id, error_id)
        self._apologised = told

    def _show_typing(self, free: int) -> None:
        """«печатает…» where a text is being written and nothing else has to be said; nobody waits for it."""
        now = time.monotonic()
        writing_for = self.writing_for()
        self._typed = {chat_id: at for chat_id, at in self._typed.items() if now - at < _TYPING_S}
        due = [
            chat_id for chat_id in writing_for if chat_id not in self._rates.busy(now) and chat_id not in self._typed
        ]
        for chat_id in due[: max(0, free)]:
            self._typed[chat_id] = now
            self._rates.start(chat_id)
            task = asyncio.create_task(self._type(chat_id))
            self._typing.add(task)
            task.add_done_callback(self._typing.discard)

    async def _type(self, chat_id: int) -> None:
        try:
            await self._bot.send_chat_action(chat_id, "typing", request_timeout=5)
        except (TelegramAPIError, ClientDecodeError, OSError, TimeoutError) as error:
            logger.debug("chat action: %s", type(error).__name__)
        finally:
            self._rates.end(chat_id, time.monotonic())
            self._signal.notify()
