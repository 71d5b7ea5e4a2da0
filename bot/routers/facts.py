"""The seller's answers about the thing of a draft: which item it is, and whether there are several."""

from __future__ import annotations

from aiogram import F, Router
from aiogram.types import Message as TelegramMessage

from bot.conversation.chat import Chat
from bot.conversation.understanding import fix_item, fix_set, get_open_draft
from bot.telegram.commands import is_command
from bot.views.facts import choose_questions
from bot.views.keyboards import AskItem, ChooseItem, ChooseSet, hash_name
from inference.errors import Message


async def choose_item(_: object, callback_data: ChooseItem, chat: Chat) -> None:
    """Store one of the offered items."""
    listing = await get_open_draft(chat, callback_data.listing)
    if listing is None:
        return
    offered = choose_questions(listing).items
    item = next((each for each in offered if hash_name(each) == callback_data.tag), None)
    if item is None:
        chat.toast(Message("button-stale"))
        return
    chat.toast(Message("thanks"))
    await fix_item(chat, listing, item)


async def ask_item(_: object, callback_data: AskItem, chat: Chat) -> None:
    """Wait for the name of the thing."""
    listing = await get_open_draft(chat, callback_data.listing)
    if listing is not None:
        await chat.tx.users.await_item(chat.user.id, listing.id)
        await chat.send(Message("item-asked"), slot=f"item:{listing.id}", moves=True)


async def save_item(message: TelegramMessage, chat: Chat) -> None:
    """Store the name of the thing that the seller has written."""
    await chat.tx.users.await_correction(chat.user.id, None)
    listing = await get_open_draft(chat, chat.user.awaits_item_of or 0)
    if listing is not None:
        await fix_item(chat, listing, message.text or "")


async def choose_set(_: object, callback_data: ChooseSet, chat: Chat) -> None:
    """Store whether there is one thing or several."""
    listing = await get_open_draft(chat, callback_data.listing)
    if listing is not None:
        chat.toast(Message("thanks"))
        await fix_set(chat, listing, callback_data.many)


async def _is_awaiting_item(_: object, chat: Chat) -> bool:
    return chat.user.awaits_item_of is not None


def build_router() -> Router:
    """Build the router of this module."""
    router = Router()
    router.message.register(save_item, F.text, ~F.text.func(is_command), _is_awaiting_item)
    router.callback_query.register(choose_item, ChooseItem.filter())
    router.callback_query.register(ask_item, AskItem.filter())
    router.callback_query.register(choose_set, ChooseSet.filter())
    return router
