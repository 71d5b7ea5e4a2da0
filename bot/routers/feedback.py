"""What a user thinks of a text: votes, reasons, a better text, another text; and the texts of the past."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from aiogram import F, Router
from aiogram.filters import Command
from aiogram.types import Message as TelegramMessage

from bot.conversation.chat import Chat
from bot.conversation.description import show_scores, show_text
from bot.conversation.diff import diff_texts
from bot.conversation.requests import submit_request
from bot.views import keyboards, replies
from bot.views.keyboards import Again, Blame, Correct, LeaveText, Recall, Rewrite, ShowOthers, Vote
from inference.errors import Message
from storage.records import DescriptionRecord

_HISTORY: Final = 10
_BEGINNING: Final = 40  # characters of a text on a button


async def vote(_: object, callback_data: Vote, chat: Chat) -> None:
    """Store the vote; a bad one asks why."""
    description = await _own(chat, callback_data.description)
    if description is None:
        return
    chat.toast(Message("thanks"))
    value = 1 if callback_data.good else -1
    if description.vote != value:
        await chat.tx.feedback.set_vote(description.id, chat.user.id, value, None, chat.uow.now)
    elif callback_data.good:
        return  # the same again
    await _show_judged(chat, description.id, asks_why=not callback_data.good)


async def blame(_: object, callback_data: Blame, chat: Chat) -> None:
    """Store why a text is bad."""
    description = await _own(chat, callback_data.description)
    if description is None:
        return
    if callback_data.reason not in replies.REASONS:
        chat.toast(Message("button-stale"))
        return
    await chat.tx.feedback.set_vote(description.id, chat.user.id, -1, callback_data.reason, chat.uow.now)
    chat.toast(Message("thanks"))
    await _show_judged(chat, description.id, asks_why=False)


async def ask_correction(_: object, callback_data: Correct, chat: Chat) -> None:
    """Take the next text as a better one."""
    description = await _own(chat, callback_data.description)
    if description is None:
        return
    await chat.tx.users.await_correction(chat.user.id, description.id)
    await chat.send(
        Message("correction-asked"), keyboards.correction(chat.translate), slot=_correction_slot(chat), fresh=True
    )


async def leave_text(_: object, chat: Chat) -> None:
    """No better text will come."""
    if chat.user.awaits_correction_of is None:
        chat.toast(Message("button-stale"))
        return
    await chat.tx.users.await_correction(chat.user.id, None)
    await chat.send(Message("correction-left"), slot=_correction_slot(chat))


async def correct(message: TelegramMessage, chat: Chat) -> None:
    """Store the better text and what was changed."""
    await chat.tx.users.await_correction(chat.user.id, None)
    description = chat.own(await chat.tx.feedback.get(chat.user.awaits_correction_of or 0))
    if description is None:
        return
    text = message.text or ""
    changes = diff_texts(description.generation.text or "", text)
    await chat.tx.feedback.set_correction(description.id, chat.user.id, text, changes, chat.uow.now)
    await chat.send(Message("correction-stored"), slot=_correction_slot(chat), fresh=True)
    await _show_judged(chat, description.id, asks_why=False)


async def again(_: object, callback_data: Again, chat: Chat) -> None:
    """Another text by the same checkpoint, where it may still be chosen."""
    description = await _own(chat, callback_data.description)
    if description is not None:
        same = [card.name for card in chat.others("") if card.name == description.generation.checkpoint]
        await _rewrite(chat, description, same or [chat.checkpoint])


async def show_others(_: object, callback_data: ShowOthers, chat: Chat) -> None:
    """A text by the other checkpoint; where there are several, which."""
    description = await _own(chat, callback_data.description)
    if description is None:
        return
    others = [card.name for card in chat.others(description.generation.checkpoint)]
    if len(others) > 1:
        await show_scores(chat, description, unfolded="models")
    elif others:
        await _rewrite(chat, description, others)
    else:
        chat.toast(Message("button-stale"))


async def rewrite(_: object, callback_data: Rewrite, chat: Chat) -> None:
    """A text by the chosen checkpoint."""
    description = await _own(chat, callback_data.description)
    if description is None:
        return
    others = [card.name for card in chat.others(description.generation.checkpoint)]
    chosen = [name for name in others if keyboards.tag(name) == callback_data.tag]
    if not chosen:
        chat.toast(Message("button-stale"))
        return
    await show_scores(chat, description)
    await _rewrite(chat, description, chosen)


async def list_history(_: object, chat: Chat) -> None:
    """The last texts by their beginnings."""
    recent = await chat.tx.feedback.list_recent(chat.user.id, _HISTORY)
    texts = [(each.id, replies.beginning(each.generation.text, _BEGINNING)) for each in recent if each.generation.text]
    await chat.send(Message("history-title" if texts else "history-empty"), keyboards.history(texts))


async def recall(_: object, callback_data: Recall, chat: Chat) -> None:
    """An old text again."""
    description = await _own(chat, callback_data.description)
    if description is not None:
        await show_text(chat, description)


async def _own(chat: Chat, description_id: int) -> DescriptionRecord | None:
    return chat.own(await chat.tx.feedback.get(description_id))


async def _rewrite(chat: Chat, description: DescriptionRecord, checkpoints: Sequence[str]) -> None:
    listing = chat.own(await chat.tx.listings.get(description.listing_id))
    if listing is not None:
        await submit_request(chat, listing, checkpoints, again=True)


async def _show_judged(chat: Chat, description_id: int, *, asks_why: bool) -> None:
    description = await chat.tx.feedback.get(description_id)
    if description is not None:
        await show_scores(chat, description, unfolded="reasons" if asks_why else None)


async def _awaits_correction(_: object, chat: Chat) -> bool:
    return chat.user.awaits_correction_of is not None


def _correction_slot(chat: Chat) -> str:
    return f"correction:{chat.user.id}"


def build() -> Router:
    """The router of this topic."""
    router = Router()
    router.message.register(list_history, Command("history", ignore_mention=True))
    router.message.register(correct, F.text, ~F.text.startswith("/"), _awaits_correction)
    for handler, data in (
        (vote, Vote),
        (blame, Blame),
        (ask_correction, Correct),
        (leave_text, LeaveText),
        (again, Again),
        (show_others, ShowOthers),
        (rewrite, Rewrite),
        (recall, Recall),
    ):
        router.callback_query.register(handler, data.filter())
    return router
