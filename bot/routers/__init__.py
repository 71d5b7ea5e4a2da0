"""The conversation: which update goes to which handler. A router a topic; the last one takes what no other took."""

from __future__ import annotations

from aiogram import Dispatcher

from bot.routers import cases, fallback, feedback, listing, models, owner, privacy, start
from bot.routers.menu import commands

__all__ = ["build_dispatcher", "commands"]


def build_dispatcher() -> Dispatcher:
    """A dispatcher for updates of private chats: `await dispatcher.feed_update(bot, update, chat=chat)`."""
    dispatcher = Dispatcher(disable_fsm=True)
    for topic in (start, models, cases, feedback, privacy, owner, listing, fallback):
        dispatcher.include_router(topic.build())
    return dispatcher
