"""Route updates to handlers: one router per topic, tried in order; the last one handles what is left."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from aiogram import Dispatcher
from aiogram.types import Message as TelegramMessage
from aiogram.types import TelegramObject

from bot.conversation.chat import Chat
from bot.routers import cases, facts, fallback, feedback, listing, models, owner, privacy, start
from bot.telegram.commands import is_command

__all__ = ["build_dispatcher"]


def build_dispatcher() -> Dispatcher:
    """Build the dispatcher for updates of private chats.

    Feed it with `await dispatcher.feed_update(bot, update, chat=chat)`: handlers take the `Chat`, not the `Bot`.
    """
    dispatcher = Dispatcher(disable_fsm=True)
    dispatcher.message.outer_middleware(_stop_waiting)
    for topic in (start, models, cases, feedback, facts, privacy, owner, listing, fallback):
        dispatcher.include_router(topic.build_router())
    return dispatcher


async def _stop_waiting(
    handler: Callable[[TelegramObject, dict[str, Any]], Awaitable[Any]], event: TelegramObject, data: dict[str, Any]
) -> Any:
    """Let a command end the wait for a corrected text or for the name of a thing."""
    chat: Chat = data["chat"]
    if isinstance(event, TelegramMessage) and is_command(event.text or ""):
        await feedback.stop_waiting(chat)
    return await handler(event, data)
