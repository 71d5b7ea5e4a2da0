"""The conversation: which update goes to which handler. A router a topic; the last one takes what no other took."""

from __future__ import annotations

from aiogram import Dispatcher, F

from bot.routers import cases, feedback, listing, models, owner, privacy, rest, start
from bot.routers.menu import commands

__all__ = ["build_dispatcher", "commands"]


def build_dispatcher() -> Dispatcher:
    """A dispatcher that handles private chats: `await dispatcher.feed_update(bot, update, chat=chat)`."""
    dispatcher = Dispatcher(disable_fsm=True)
    for observer in (dispatcher.message, dispatcher.edited_message, dispatcher.my_chat_member):
        observer.filter(F.chat.type == "private")
    dispatcher.callback_query.filter(F.message.chat.type == "private")
    for topic in (start, models, cases, feedback, privacy, owner, listing, rest):
        dispatcher.include_router(topic.build())
    return dispatcher
