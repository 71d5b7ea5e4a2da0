"""The commands of the bot: the one table of their names and descriptions, and the menus that Telegram shows."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from aiogram import Bot
from aiogram.exceptions import ClientDecodeError, TelegramAPIError
from aiogram.filters import Command
from aiogram.methods import SetMyCommands
from aiogram.types import BotCommand, BotCommandScopeChat
from aiogram.types import Message as TelegramMessage

from inference.errors import Message
from locales.translate import READ_RUSSIAN, translate

logger = logging.getLogger(__name__)

COMMANDS: Final = {
    "start": Message("command-start"),
    "help": Message("command-help"),
    "model": Message("command-model"),
    "testcase": Message("command-testcase"),
    "compare": Message("command-compare"),
    "history": Message("command-history"),
    "language": Message("command-language"),
    "privacy": Message("command-privacy"),
    "forget": Message("command-forget"),
}
OWNER_COMMANDS: Final = {"stats": Message("command-stats"), "export": Message("command-export")}

_COMMAND: Final = re.compile(r"/([a-z][a-z0-9_]{0,31})(?:@\w+)?(?=\s|$)", re.IGNORECASE | re.ASCII)


class TextCommand(Command):
    """Matches a command in any letter case at the beginning of a text; a caption is never a command."""

    def __init__(self, name: str) -> None:
        super().__init__(name, ignore_case=True, ignore_mention=True)

    async def __call__(self, message: TelegramMessage, bot: Bot) -> bool | dict[str, Any]:
        """Return whether the message is the command, with its arguments."""
        return message.text is not None and await super().__call__(message, bot)


def is_command(text: str) -> bool:
    """Return whether a text is a command: one of the bot's, or another name that stands alone, as in «/strat».

    Other texts that begin with a slash are about a thing: «/42/44 размер», «/500 руб за пару».
    """
    match = _COMMAND.match(text)
    if match is None:
        return False
    return match[1].lower() in COMMANDS | OWNER_COMMANDS or match.end() == len(text.rstrip())


def list_commands(is_owner: bool = False) -> Mapping[str, Message]:
    """Return the commands that a user may send, with their descriptions."""
    return COMMANDS | OWNER_COMMANDS if is_owner else COMMANDS


def build_menu(language: str, is_owner: bool = False) -> list[BotCommand]:
    """Return the menu for `setMyCommands` in a language of `locales/`."""
    commands = list_commands(is_owner)
    return [BotCommand(command=name, description=translate(message, language)) for name, message in commands.items()]


async def set_menus(bot: Bot, admins: Iterable[int]) -> None:
    """Set the menus for everybody and for the admins, per language of the client; log failures and go on."""
    russian, english = build_menu("ru"), build_menu("en")
    menus = [SetMyCommands(commands=english), SetMyCommands(commands=english, language_code="en")]
    menus += [SetMyCommands(commands=russian, language_code=code) for code in sorted(READ_RUSSIAN)]
    for admin in admins:
        scope = BotCommandScopeChat(chat_id=admin)
        menus.append(SetMyCommands(commands=build_menu("ru", is_owner=True), scope=scope))
        menus.append(SetMyCommands(commands=build_menu("en", is_owner=True), scope=scope, language_code="en"))
    for menu in menus:
        try:
            await bot(menu, request_timeout=10)
        except (TelegramAPIError, ClientDecodeError, OSError, TimeoutError) as error:
            logger.warning("a menu of commands was not set: %s", type(error).__name__)
