"""The feedback on a text: votes, reasons, corrections, other texts; and the history of texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from aiogram import F, Router
from aiogram.types import Message as TelegramMessage

from bot.conversation.chat import Chat
from bot.conversation.collect import extract_text
from bot.conversation.description import show_scores, show_text
from bot.conversation.diff import diff_texts
from bot.conversation.requests import submit_request
from bot.telegram.commands import TextCommand, is_command
from bot.views.keyboards import (
    CancelCorrection,
    ChooseReason,
    ShowDescription,
    ShowOtherModels,
    StartCorrection,
    Vote,
    WriteAgain,
    WriteWith,
    build_correction_keyboard,
    build_history_keyboard,
    hash_name,
)
from bot.views.text import REASONS, format_past_text
from inference.errors import Message
from storage.records import DescriptionRecord

_HISTORY: Final = 10


async def vote(_: object, callback_data: Vote, chat: Chat) -> None:
    """Store the vote, or withdraw it when it is pressed again; a bad one asks why."""
    description = await _get_own(chat, callback_data.description)
    if description is None:
        return
    value = 1 if callback_data.good else -1
    if description.vote == value:
        await chat.tx.feedback.withdraw_vote(description.id, chat.user.id)
        chat.toast(Message("vote-withdrawn"))
        await _refresh_scores(chat, description.id, asks_why=False)
        return
    await chat.tx.feedback.set_vote(description.id, chat.user.id, value, None, chat.uow.now)
    chat.toast(Message("thanks"))
    await _refresh_scores(chat, description.id, asks_why=not callback_data.good)


async def choose_reason(_: object, callback_data: ChooseReason, chat: Chat) -> None:
    """Store the reason why a text is bad."""
    description = await _get_own(chat, callback_data.description)
    if description is None:
        return
    if callback_data.reason not in REASONS:
        chat.toast(Message("button-stale"))
        return
    await chat.tx.feedback.set_vote(description.id, chat.user.id, -1, callback_data.reason, chat.uow.now)
    chat.toast(Message("thanks"))
    await _refresh_scores(chat, description.id, asks_why=False)


async def start_correction(_: object, callback_data: StartCorrection, chat: Chat) -> None:
    """Wait for a corrected text."""
    description = await _get_own(chat, callback_data.description)
    if description is None:
        return
    await chat.tx.users.await_correction(chat.user.id, description.id)
    await chat.send(
        Message("correction-asked"),
        build_correction_keyboard(chat.translate),
        slot=_get_correction_slot(chat),
        fresh=True,
    )


async def cancel_correction(_: object, chat: Chat) -> None:
    """Stop waiting for a corrected text."""
    if chat.user.awaits_correction_of is None:
        chat.toast(Message("button-stale"))
        return
    await stop_waiting(chat)


async def stop_waiting(chat: Chat) -> None:
    """Stop waiting for a corrected text, which the question for it then says, or for the name of a thing."""
    if chat.user.awaits_correction_of is not None:
        await chat.send(Message("correction-left"), slot=_get_correction_slot(chat))
    if chat.user.awaits_correction_of is not None or chat.user.awaits_item_of is not None:
        await chat.tx.users.await_correction(chat.user.id, None)
        chat.user = replace(chat.user, awaits_correction_of=None, awaits_item_of=None)


async def save_correction(message: TelegramMessage, chat: Chat) -> None:
    """Store the corrected text and its changes."""
    await chat.tx.users.await_correction(chat.user.id, None)
    description = chat.check_own(await chat.tx.feedback.get(chat.user.awaits_correction_of or 0))
    if description is None:
        return
    await _store_correction(chat, description, message)
    await _refresh_scores(chat, description.id, asks_why=False)


async def amend_correction(message: TelegramMessage, chat: Chat, corrected: DescriptionRecord) -> None:
    """Let a stored correction follow the edit of its message."""
    if extract_text(message) not in ("", corrected.correction):
        await _store_correction(chat, corrected, message)


async def write_again(_: object, callback_data: WriteAgain, chat: Chat) -> None:
    """Submit the listing again to the same checkpoint, or to the current one where that is gone."""
    description = await _get_own(chat, callback_data.description)
    if description is not None:
        same = [card.name for card in chat.list_other_cards("") if card.name == description.generation.checkpoint]
        await _resubmit(chat, description, same or [chat.checkpoint])


async def show_other_models(_: object, callback_data: ShowOtherModels, chat: Chat) -> None:
    """Submit the listing to the other checkpoint, or offer the choice of several."""
    description = await _get_own(chat, callback_data.description)
    if description is None:
        return
    others = [card.name for card in chat.list_other_cards(description.generation.checkpoint)]
    if len(others) > 1:
        await show_scores(chat, description, expanded="models")
    elif others:
        await _resubmit(chat, description, others)
    else:
        chat.toast(Message("button-stale"))


async def write_with(_: object, callback_data: WriteWith, chat: Chat) -> None:
    """Submit the listing to the chosen checkpoint."""
    description = await _get_own(chat, callback_data.description)
    if description is None:
        return
    others = [card.name for card in chat.list_other_cards(description.generation.checkpoint)]
    chosen = [name for name in others if hash_name(name) == callback_data.tag]
    if not chosen:
        chat.toast(Message("button-stale"))
        return
    await show_scores(chat, description)
    await _resubmit(chat, description, chosen)


async def show_history(_: object, chat: Chat) -> None:
    """Show the latest texts by thing, price and time."""
    recent = await chat.tx.feedback.list_recent(chat.user.id, _HISTORY)
    texts = [(each.id, format_past_text(each, chat.language)) for each in recent if each.generation.text]
    await chat.send(Message("history-title" if texts else "history-empty"), build_history_keyboard(texts))


async def show_description(_: object, callback_data: ShowDescription, chat: Chat) -> None:
    """Send an old text again."""
    description = await _get_own(chat, callback_data.description)
    if description is not None:
        await show_text(chat, description)


async def _get_own(chat: Chat, description_id: int) -> DescriptionRecord | None:
    return chat.check_own(await chat.tx.feedback.get(description_id))


async def _resubmit(chat: Chat, description: DescriptionRecord, checkpoints: Sequence[str]) -> None:
    listing = chat.check_own(await chat.tx.listings.get(description.listing_id))
    if listing is not None:
        await submit_request(chat, listing, checkpoints, again=True)


async def _refresh_scores(chat: Chat, description_id: int, *, asks_why: bool) -> None:
    description = await chat.tx.feedback.get(description_id)
    if description is not None:
        await show_scores(chat, description, expanded="reasons" if asks_why else None)


async def _is_awaiting_correction(_: object, chat: Chat) -> bool:
    return chat.user.awaits_correction_of is not None


async def _store_correction(chat: Chat, description: DescriptionRecord, message: TelegramMessage) -> None:
    text, number = extract_text(message), message.message_id
    changes = diff_texts(description.generation.text or "", text)
    await chat.tx.feedback.set_correction(description.id, chat.user.id, text, changes, chat.uow.now, number)
    await chat.send(Message("correction-stored"), slot=_get_correction_slot(chat), fresh=True)


async def _find_corrected(message: TelegramMessage, chat: Chat) -> bool | dict[str, DescriptionRecord]:
    """Return the description that the message corrected, as an argument for the handler."""
    corrected = await chat.tx.feedback.get_by_correction(chat.user.id, message.message_id)
    return False if corrected is None else {"corrected": corrected}


def _get_correction_slot(chat: Chat) -> str:
    return f"correction:{chat.user.id}"


def build_router() -> Router:
    """Build the router of this module."""
    router = Router()
    router.message.register(show_history, TextCommand("history"))
    router.message.register(save_correction, F.text, ~F.text.func(is_command), _is_awaiting_correction)
    router.edited_message.register(amend_correction, _find_corrected)
    for handler, data in (
        (vote, Vote),
        (choose_reason, ChooseReason),
        (start_correction, StartCorrection),
        (cancel_correction, CancelCorrection),
        (write_again, WriteAgain),
        (show_other_models, ShowOtherModels),
        (write_with, WriteWith),
        (show_description, ShowDescription),
    ):
        router.callback_query.register(handler, data.filter())
    return router
