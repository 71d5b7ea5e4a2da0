"""Send the messages of the outbox: each chat in order, within the rate limits of Telegram, from one process only.

The outcomes of calls are stored in the transaction that claims the next messages: one commit per step, and a message
is claimed only when the one before it in its chat is settled. A crash between a call and that commit sends it again.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Collection
from typing import Final

from aiogram import Bot
from aiogram.exceptions import ClientDecodeError, TelegramAPIError

from bot.conversation.chat import OpenUnitOfWork, UnitOfWork
from bot.conversation.notify import apologise
from bot.logs import new_error_id
from bot.telegram.rate_limit import RateLimiter
from bot.telegram.send import Blocked, Outcome, Refused, Retry, Sent, Stale, remove, send
from bot.workers.concurrency import compute_backoff_s
from bot.workers.signals import Signal
from storage.records import OutboxMessage
from storage.store import Transaction

logger = logging.getLogger(__name__)

LEASE: Final = "sender"
LEASE_S: Final = 10.0
_RENEW_S: Final = 3.0
_BATCH: Final = 30
_SHORTEST_PAUSE_S: Final = 0.01
_LONGEST_PAUSE_S: Final = 60.0
_TYPING_S: Final = 4.5  # Telegram shows a chat action for 5 seconds
_APOLOGY_S: Final = 60.0  # a refused apology must not cause another apology


class Sender:
    """Claim messages, send them, and store the outcomes; show "typing" in the chats of `get_typing_chats`."""

    def __init__(
        self,
        open_uow: OpenUnitOfWork,
        bot: Bot,
        limiter: RateLimiter,
        worker_id: str,
        signal: Signal,
        get_typing_chats: Callable[[], Collection[int]] = tuple,
    ) -> None:
        self._open_uow = open_uow
        self._bot = bot
        self._limiter = limiter
        self._worker_id = worker_id
        self._signal = signal
        self._get_typing_chats = get_typing_chats
        self._is_leader = False
        self._renew_at = 0.0
        self._calls: dict[int, asyncio.Task[None]] = {}  # row id → the call for it
        self._outcomes: list[tuple[OutboxMessage, Outcome]] = []  # of finished calls, not stored yet
        self._stale: set[int] = set()  # rows whose message cannot be edited: send a new one
        self._apologised_at: dict[int, float] = {}
        self._typing_at: dict[int, float] = {}
        self._typing_tasks: set[asyncio.Task[None]] = set()

    async def step(self, idle_s: float) -> float:
        """Store the outcomes of finished calls, then claim and start to send what the limits allow now."""
        free = min(_BATCH, self._limiter.count_free(time.monotonic()))
        async with self._open_uow() as uow:
            stored = await self._store_outcomes(uow)
            self._is_leader = await self._acquire_lease(uow.tx)
            busy = self._limiter.get_busy_chats(time.monotonic())
            claimed = (
                await uow.tx.outbox.claim(self._worker_id, time.time(), busy, free) if self._is_leader and free else []
            )
        del self._outcomes[:stored]
        for sending in claimed:
            self._start_call(sending)
        if self._is_leader:
            self._show_typing(free - len(claimed))
        now = time.monotonic()
        return min(idle_s, max(_SHORTEST_PAUSE_S, self._limiter.get_next_change(now) - now))

    async def drain(self, seconds: float) -> None:
        """Send pending messages for at most so many seconds; the rest waits for the next start."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            pause_s = await self.step(0.1)
            async with self._open_uow() as uow:
                waiting = await uow.tx.outbox.count_pending() if self._is_leader else len(self._calls)
            if not waiting:
                break
            await self._signal.wait(min(pause_s, until - time.monotonic()))
        await self._cancel_calls()

    async def _cancel_calls(self) -> None:
        tasks = [*self._calls.values(), *self._typing_tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        async with self._open_uow() as uow:
            stored = await self._store_outcomes(uow)
        del self._outcomes[:stored]

    async def _acquire_lease(self, tx: Transaction) -> bool:
        """Acquire or renew the lease of the sender; return whether this process holds it."""
        now = time.time()
        if now < self._renew_at:
            return True
        is_held = await tx.leases.acquire(LEASE, self._worker_id, now + LEASE_S, now)
        self._renew_at = now + _RENEW_S if is_held else 0.0
        return is_held

    def _start_call(self, sending: OutboxMessage) -> None:
        self._limiter.acquire(sending.content.chat_id)
        self._calls[sending.id] = asyncio.create_task(self._send(sending))

    async def _send(self, sending: OutboxMessage) -> None:
        outcome: Outcome = Retry("stopped")
        try:
            message_id = None if sending.id in self._stale else sending.message_id
            outcome = await send(self._bot, sending.content, message_id)
            if isinstance(outcome, Sent) and sending.replaced_id is not None:
                await remove(self._bot, sending.content.chat_id, sending.replaced_id)
        except Exception as error:
            logger.exception("message %d cannot be sent", sending.id)
            outcome = Refused(type(error).__name__)
        finally:
            self._stale.discard(sending.id)
            self._end_call(sending, outcome)

    def _end_call(self, sending: OutboxMessage, outcome: Outcome) -> None:
        del self._calls[sending.id]
        self._outcomes.append((sending, outcome))
        now, chat_id = time.monotonic(), sending.content.chat_id
        if isinstance(outcome, Retry) and outcome.retry_after_s is not None:
            self._limiter.hold_flooded(chat_id, now, now + outcome.retry_after_s)
        self._limiter.release(chat_id, now)
        self._signal.notify()

    async def _store_outcomes(self, uow: UnitOfWork) -> int:
        """Store the outcomes so far; return their number, to be removed after the commit."""
        outcomes = list(self._outcomes)
        for sending, outcome in outcomes:
            await self._store_outcome(uow, sending, outcome)
        return len(outcomes)

    async def _store_outcome(self, uow: UnitOfWork, sending: OutboxMessage, outcome: Outcome) -> None:
        tx, now = uow.tx, time.time()
        match outcome:
            case Sent(message_id):
                if message_id is not None:
                    await tx.users.note_message(sending.content.chat_id, message_id)
                await tx.outbox.mark_sent(sending.id, message_id, now)
            case Retry(reason, retry_after_s):
                pause_s = compute_backoff_s(sending.attempts + 1, 0.5, _LONGEST_PAUSE_S)
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
                await self._give_up(uow, sending, reason)

    async def _give_up(self, uow: UnitOfWork, sending: OutboxMessage, reason: str) -> None:
        error_id, chat_id, now = new_error_id(), sending.content.chat_id, time.monotonic()
        request_id = sending.content.request_id
        logger.error("message %d of request %s refused: %s [%s]", sending.id, request_id, reason, error_id)
        await uow.tx.outbox.mark_failed(sending.id, f"{error_id} {reason}")
        recent = {chat: at for chat, at in self._apologised_at.items() if now - at < _APOLOGY_S}
        if chat_id not in recent and sending.content.priority < 2:
            recent[chat_id] = now
            await apologise(uow, chat_id, error_id)
        self._apologised_at = recent

    def _show_typing(self, free: int) -> None:
        """Send the chat action "typing" with the free slots that no message needs, without waiting for it."""
        now = time.monotonic()
        self._typing_at = {chat_id: at for chat_id, at in self._typing_at.items() if now - at < _TYPING_S}
        busy = self._limiter.get_busy_chats(now)
        due = [
            chat_id for chat_id in self._get_typing_chats() if chat_id not in busy and chat_id not in self._typing_at
        ]
        for chat_id in due[: max(0, free)]:
            self._typing_at[chat_id] = now
            self._limiter.acquire(chat_id)
            task = asyncio.create_task(self._send_typing(chat_id))
            self._typing_tasks.add(task)
            task.add_done_callback(self._typing_tasks.discard)

    async def _send_typing(self, chat_id: int) -> None:
        try:
            await self._bot.send_chat_action(chat_id, "typing", request_timeout=5)
        except (TelegramAPIError, ClientDecodeError, OSError, TimeoutError) as error:
            logger.debug("chat action: %s", type(error).__name__)
        finally:
            self._limiter.release(chat_id, time.monotonic())
            self._signal.notify()
