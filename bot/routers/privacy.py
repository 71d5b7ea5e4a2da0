"""What is kept about a user, and how all of it is deleted."""

from __future__ import annotations

import asyncio
import shutil

from aiogram import Router
from aiogram.filters import Command

from bot.conversation.chat import Chat
from bot.views import keyboards, replies
from bot.views.keyboards import Forget
from inference.errors import Message


async def explain(_: object, chat: Chat) -> None:
    """Say what is kept."""
    photos = Message("privacy-photos-kept" if chat.uow.rules.keeps_photos else "privacy-photos-not-kept")
    await chat.send(
        replies.paragraphs(
            *(
                replies.sentence(chat.translate, part)
                for part in (Message("privacy"), photos, Message("privacy-forget"))
            )
        )
    )


async def ask(_: object, chat: Chat) -> None:
    """Ask whether everything is to be deleted."""
    await chat.send(Message("forget-question"), keyboards.forgetting(chat.translate), slot=_slot(chat), fresh=True)


async def answer(_: object, callback_data: Forget, chat: Chat) -> None:
    """Delete everything about the user and say what a count found before and after, or leave it."""
    if not callback_data.sure:
        await chat.send(Message("forget-kept"), slot=_slot(chat))
        return
    count = await chat.tx.users.delete(chat.user.id)
    left = await chat.tx.users.count_rows(chat.user.id)
    # Files that were exported for the owner hold what users said; they can be made again.
    for folder in (chat.uow.rules.data / "photos" / str(chat.user.id), chat.uow.rules.data / "export"):
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
    await chat.send(Message("forgotten", {"count": count, "left": left}))


def _slot(chat: Chat) -> str:
    return f"forget:{chat.user.id}"


def build() -> Router:
    """The router of this topic."""
    router = Router()
    router.message.register(explain, Command("privacy", ignore_mention=True))
    router.message.register(ask, Command("forget", ignore_mention=True))
    router.callback_query.register(answer, Forget.filter())
    return router
