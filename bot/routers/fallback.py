"""Handle what no other router takes: unknown commands, unsupported content, old buttons, users who block the bot."""

from __future__ import annotations

from typing import Final

from aiogram import F, Router
from aiogram.enums import ChatMemberStatus, ContentType
from aiogram.types import CallbackQuery, ChatMemberUpdated
from aiogram.types import Message as TelegramMessage

from bot.conversation.chat import Chat
from bot.routers.listing import collect_message
from inference.errors import Message

# Sent by a person; the other content types are service messages, which need no reply.
_UNSUPPORTED: Final = {
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

# The contents among them that may have a caption, which is kept.
_CAPTIONED: Final = {
    ContentType.VIDEO: Message("unreadable-video"),
    ContentType.AUDIO: Message("unreadable-audio"),
    ContentType.VOICE: Message("unreadable-voice"),
    ContentType.PAID_MEDIA: Message("unreadable-media"),
}


async def reject_command(_: object, chat: Chat) -> None:
    """Refer an unknown command to the help."""
    await chat.send(Message("command-unknown"))


async def reject_content(message: TelegramMessage, chat: Chat) -> None:
    """Keep the caption of what cannot be read, and say what the bot accepts; once for a whole album."""
    if message.caption:
        await collect_message(message, chat)
    slot = f"unreadable:{chat.user.id}:{message.media_group_id}" if message.media_group_id else None
    captioned = _CAPTIONED.get(ContentType(message.content_type)) if message.caption else None
    await chat.send(captioned or Message("unreadable"), slot=slot)


async def reject_button(_: CallbackQuery, chat: Chat) -> None:
    """Say that the button is out of date."""
    chat.toast(Message("button-stale"))


async def block_user(_: ChatMemberUpdated, chat: Chat) -> None:
    """Drop the pending messages of a user who has blocked the bot."""
    await chat.tx.users.mark_blocked(chat.user.id)


def build_router() -> Router:
    """Build the router of this module."""
    router = Router()
    router.message.register(reject_command, F.text)
    router.message.register(reject_content, F.content_type.in_(_UNSUPPORTED))
    router.callback_query.register(reject_button)
    router.my_chat_member.register(block_user, F.new_chat_member.status == ChatMemberStatus.KICKED)
    return router
