"""What no other topic took: unknown commands, what cannot be read, old buttons, and a user who comes or goes."""

from __future__ import annotations

from typing import Final

from aiogram import F, Router
from aiogram.enums import ChatMemberStatus, ContentType
from aiogram.types import CallbackQuery, ChatMemberUpdated
from aiogram.types import Message as TelegramMessage

from bot.conversation.chat import Chat
from inference.errors import Message

# What a person sends; the rest are notices of Telegram's own, which nobody expects an answer to.
_SENT: Final = {
    ContentType.VIDEO,
    ContentType.VIDEO_NOTE,
    ContentType.VOICE,
    ContentType.AUDIO,
    ContentType.STICKER,
    ContentType.LOCATION,
    ContentType.VENUE,
    ContentType.CONTACT,
    ContentType.POLL,
    ContentType.DICE,
    ContentType.STORY,
    ContentType.GAME,
    ContentType.PAID_MEDIA,
    ContentType.CHECKLIST,
}


async def unknown_command(_: object, chat: Chat) -> None:
    """Say where the commands are."""
    await chat.send(Message("command-unknown"))


async def unreadable(message: TelegramMessage, chat: Chat) -> None:
    """Say what can be read; once for a whole album."""
    slot = f"unreadable:{chat.user.id}:{message.media_group_id}" if message.media_group_id else None
    await chat.send(Message("unreadable"), slot=slot)


async def stale(_: CallbackQuery, chat: Chat) -> None:
    """Say that the button is out of date."""
    chat.toast(Message("button-stale"))


async def leave(_: ChatMemberUpdated, chat: Chat) -> None:
    """The user has blocked the bot: nothing waits for them any more."""
    await chat.tx.users.mark_blocked(chat.user.id)


def build() -> Router:
    """The router of this topic."""
    router = Router()
    router.message.register(unknown_command, F.text)
    router.message.register(unreadable, F.content_type.in_(_SENT))
    router.callback_query.register(stale)
    router.my_chat_member.register(leave, F.new_chat_member.status == ChatMemberStatus.KICKED)
    return router
