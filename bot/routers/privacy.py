"""The data that is kept about a user, and its deletion."""

from __future__ import annotations

import asyncio
import shutil

from aiogram import Router

from bot.conversation.chat import Chat
from bot.telegram.commands import TextCommand
from bot.views.keyboards import AnswerForget, build_forget_keyboard
from bot.views.text import join_paragraphs, to_html
from inference.errors import Message


async def show_privacy(_: object, chat: Chat) -> None:
    """Show the data that is kept."""
    photos = Message("privacy-photos-kept" if chat.uow.rules.keeps_photos else "privacy-photos-not-kept")
    await chat.send(
        join_paragraphs(
            *(to_html(chat.translate, part) for part in (Message("privacy"), photos, Message("privacy-forget")))
        )
    )


async def ask_forget(_: object, chat: Chat) -> None:
    """Ask to confirm the deletion."""
    await chat.send(Message("forget-question"), build_forget_keyboard(chat.translate), slot=_get_slot(chat), fresh=True)


async def answer_forget(_: object, callback_data: AnswerForget, chat: Chat) -> None:
    """Delete all data of the user and show the number of rows before and after, or keep it."""
    if not callback_data.sure:
        await chat.send(Message("forget-kept"), slot=_get_slot(chat))
        return
    count = await chat.tx.users.delete(chat.user.id)
    left = await chat.tx.users.count_rows(chat.user.id)
    # The export contains data of all users; the owner can repeat it.
    for folder in (chat.uow.rules.data / "photos" / str(chat.user.id), chat.uow.rules.data / "export"):
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
    await chat.send(Message("forgotten", {"count": count, "left": left}))


def _get_slot(chat: Chat) -> str:
    return f"forget:{chat.user.id}"


def build_router() -> Router:
    """Build the router of this module."""
    router = Router()
    router.message.register(show_privacy, TextCommand("privacy"))
    router.message.register(ask_forget, TextCommand("forget"))
    router.callback_query.register(answer_forget, AnswerForget.filter())
    return router
