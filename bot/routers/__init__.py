"""The conversation: which update goes to which handler."""

from __future__ import annotations

from aiogram import Dispatcher
from aiogram.types import BotCommand


def build_dispatcher() -> Dispatcher:
    """A dispatcher that handles private chats: `await dispatcher.feed_update(bot, update, chat=chat)`."""
    raise NotImplementedError


def commands(language: str, admin: bool = False) -> list[BotCommand]:
    """The menu of commands in a language of `locales/`, for `setMyCommands`."""
    raise NotImplementedError
