"""The commands: their names, what they do, and the menu that Telegram shows."""

from __future__ import annotations

from typing import Final

from aiogram.types import BotCommand

from bot.views.replies import plain
from inference.errors import Message
from locales.translate import Translate, translate

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


def commands(language: str, admin: bool = False) -> list[BotCommand]:
    """The menu of commands in a language of `locales/`, for `setMyCommands`."""
    return [
        BotCommand(command=name, description=translate(message, language)) for name, message in _known(admin).items()
    ]


def overview(translate: Translate, admin: bool) -> str:
    """The commands, one a line, as HTML."""
    return "\n".join(f"/{name} — {plain(translate(message))}" for name, message in _known(admin).items())


def _known(admin: bool) -> dict[str, Message]:
    return COMMANDS | OWNER_COMMANDS if admin else COMMANDS
