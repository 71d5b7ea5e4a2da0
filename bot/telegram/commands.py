"""The menus of commands that Telegram shows beside the text field."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from aiogram import Bot
from aiogram.exceptions import ClientDecodeError, TelegramAPIError
from aiogram.methods import SetMyCommands
from aiogram.types import BotCommandScopeChat

from bot.routers import commands
from locales.translate import READ_RUSSIAN

logger = logging.getLogger(__name__)


async def set_menus(bot: Bot, admins: Iterable[int]) -> None:
    """Set them for everybody, in the language that the bot begins with, and for admins; best effort."""
    russian, english = commands("ru"), commands("en")
    menus = [SetMyCommands(commands=english), SetMyCommands(commands=english, language_code="en")]
    menus += [SetMyCommands(commands=russian, language_code=code) for code in sorted(READ_RUSSIAN)]
    for admin in admins:
        scope = BotCommandScopeChat(chat_id=admin)
        menus.append(SetMyCommands(commands=commands("ru", admin=True), scope=scope))
        menus.append(SetMyCommands(commands=commands("en", admin=True), scope=scope, language_code="en"))
    for menu in menus:
        try:
            await bot(menu, request_timeout=10)
        except (TelegramAPIError, ClientDecodeError, OSError, TimeoutError) as error:
            logger.warning("a menu of commands was not set: %s", type(error).__name__)
