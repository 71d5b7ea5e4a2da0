"""The preloaded cases: list them by title, run one like any listing."""

from __future__ import annotations

from aiogram import Router

from bot.conversation.chat import Chat
from bot.conversation.requests import offer_cases, submit_request
from bot.telegram.commands import TextCommand
from bot.views.keyboards import RunCase, ShowCases, hash_name
from bot.views.text import format_case_caption
from inference.errors import Message
from storage.records import Note, OutgoingMessage


async def show_cases(_: object, chat: Chat) -> None:
    """Show the preloaded cases."""
    await offer_cases(chat, Message("cases-title" if chat.uow.rules.cases else "cases-none"))


async def run_case(_: object, callback_data: RunCase, chat: Chat) -> None:
    """Show the content of a case and submit it; the draft of the user stays as it is."""
    case = next((each for each in chat.uow.rules.cases if hash_name(each.name) == callback_data.tag), None)
    if case is None:
        chat.toast(Message("button-stale"))
        return
    tx = chat.tx
    draft = await tx.listings.get_current(chat.user.id)
    listing = await tx.listings.add(chat.user.id, chat.uow.now, case=case.name)
    if case.attributes:
        await tx.listings.set_note(listing.id, Note(0, case.attributes))
    photos = tuple(str(case.folder / name) for name in case.photos)
    # The priority of a text, so that the case stays above its text.
    caption = format_case_caption(case, chat.language)
    await chat.enqueue(OutgoingMessage(chat.user.id, caption, photos=photos, priority=0))
    await submit_request(chat, listing, (chat.checkpoint,))
    await tx.listings.stop_collecting(listing.id)
    if draft is not None:
        await tx.listings.resume_collecting(draft.id)


def build_router() -> Router:
    """Build the router of this module."""
    router = Router()
    router.message.register(show_cases, TextCommand("testcase"))
    router.callback_query.register(show_cases, ShowCases.filter())
    router.callback_query.register(run_case, RunCase.filter())
    return router
