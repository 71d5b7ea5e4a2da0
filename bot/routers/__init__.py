"""Route updates to handlers: one router per topic, tried in order; the last one handles what is left."""

from __future__ import annotations

from aiogram import Dispatcher

from bot.routers import cases, facts, fallback, feedback, listing, models, owner, privacy, start

__all__ = ["build_dispatcher"]


def build_dispatcher() -> Dispatcher:
    """Build the dispatcher for updates of private chats.

    Feed it with `await dispatcher.feed_update(bot, update, chat=chat)`: handlers take the `Chat`, not the `Bot`.
    """
    dispatcher = Dispatcher(disable_fsm=True)
    for topic in (start, models, cases, feedback, facts, privacy, owner, listing, fallback):
        dispatcher.include_router(topic.build_router())
    return dispatcher
