"""The greeting, the help, and the language."""

from __future__ import annotations

from dataclasses import replace

from aiogram import Router

from bot.conversation.chat import Chat
from bot.telegram.commands import TextCommand, list_commands
from bot.views.keyboards import SetLanguage, build_examples_keyboard, build_languages_keyboard
from bot.views.text import format_commands, join_paragraphs, to_html
from inference.errors import Message
from inference.listing.validation import MAX_PHOTOS
from locales.translate import LANGUAGES


async def greet(_: object, chat: Chat) -> None:
    """Greet the user and say what to send."""
    await chat.send(Message("hello", {"limit": MAX_PHOTOS}), build_examples_keyboard(chat.translate))


async def show_help(_: object, chat: Chat) -> None:
    """Show how the bot works and all commands."""
    commands = format_commands(list_commands(is_owner=chat.user.id in chat.uow.rules.admins), chat.translate)
    await chat.send(join_paragraphs(to_html(chat.translate, Message("help", {"limit": MAX_PHOTOS})), commands))


async def show_languages(_: object, chat: Chat) -> None:
    """Show the languages."""
    await _send_languages(chat, fresh=True)


async def set_language(_: object, callback_data: SetLanguage, chat: Chat) -> None:
    """Switch the language of the user."""
    if callback_data.language not in LANGUAGES:
        chat.toast(Message("button-stale"))
        return
    await chat.tx.users.set_language(chat.user.id, callback_data.language)
    chat.user = replace(chat.user, language=callback_data.language)
    await _send_languages(chat)


async def _send_languages(chat: Chat, *, fresh: bool = False) -> None:
    keyboard = build_languages_keyboard(chat.language, chat.translate)
    await chat.send(Message("language-now"), keyboard, slot=f"language:{chat.user.id}", fresh=fresh)


def build_router() -> Router:
    """Build the router of this module."""
    router = Router()
    router.message.register(greet, TextCommand("start"))
    router.message.register(show_help, TextCommand("help"))
    router.message.register(show_languages, TextCommand("language"))
    router.callback_query.register(set_language, SetLanguage.filter())
    return router
