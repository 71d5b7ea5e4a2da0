"""Hello, help, and the language."""

from __future__ import annotations

from dataclasses import replace

from aiogram import Router
from aiogram.filters import Command

from bot.conversation.chat import Chat
from bot.routers.menu import overview
from bot.views import keyboards, replies
from bot.views.keyboards import Speak
from inference.errors import Message
from inference.listing.validation import MAX_PHOTOS
from locales.translate import LANGUAGES


async def hello(_: object, chat: Chat) -> None:
    """Say what to send."""
    await chat.send(Message("hello", {"limit": MAX_PHOTOS}), keyboards.examples(chat.translate))


async def explain(_: object, chat: Chat) -> None:
    """Say how it works, and every command."""
    commands = overview(chat.translate, admin=chat.user.id in chat.uow.rules.admins)
    await chat.send(
        replies.paragraphs(replies.sentence(chat.translate, Message("help", {"limit": MAX_PHOTOS})), commands)
    )


async def ask_language(_: object, chat: Chat) -> None:
    """Offer the languages."""
    await _show_languages(chat, fresh=True)


async def speak(_: object, callback_data: Speak, chat: Chat) -> None:
    """Change the language."""
    if callback_data.language not in LANGUAGES:
        chat.toast(Message("button-stale"))
        return
    await chat.tx.users.set_language(chat.user.id, callback_data.language)
    chat.user = replace(chat.user, language=callback_data.language)
    await _show_languages(chat)


async def _show_languages(chat: Chat, *, fresh: bool = False) -> None:
    keyboard = keyboards.languages(chat.language, chat.translate)
    await chat.send(Message("language-now"), keyboard, slot=f"language:{chat.user.id}", fresh=fresh)


def build() -> Router:
    """The router of this topic."""
    router = Router()
    router.message.register(hello, Command("start", ignore_mention=True))
    router.message.register(explain, Command("help", ignore_mention=True))
    router.message.register(ask_language, Command("language", ignore_mention=True))
    router.callback_query.register(speak, Speak.filter())
    return router
