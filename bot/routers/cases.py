"""The preloaded cases: listed by title, and run like any listing."""

from __future__ import annotations

from aiogram import Router
from aiogram.filters import Command

from bot.conversation.chat import Chat
from bot.conversation.requests import offer_cases, submit_request
from bot.views import keyboards, replies
from bot.views.keyboards import RunCase, ShowCases
from inference.errors import Message
from storage.records import Note, OutgoingMessage


async def list_cases(_: object, chat: Chat) -> None:
    """Show the cases."""
    await offer_cases(chat, Message("cases-title" if chat.uow.rules.cases else "cases-none"))


async def run_case(_: object, callback_data: RunCase, chat: Chat) -> None:
    """Show what a case sends, and ask for its text; the draft stays what it is."""
    case = next((each for each in chat.uow.rules.cases if keyboards.tag(each.name) == callback_data.tag), None)
    if case is None:
        chat.toast(Message("button-stale"))
        return
    tx = chat.tx
    draft = await tx.listings.get_current(chat.user.id)
    listing = await tx.listings.add(chat.user.id, chat.uow.now, case=case.name)
    if case.attributes:
        await tx.listings.set_note(listing.id, Note(0, case.attributes))
    photos = tuple(str(case.folder / name) for name in case.photos)
    # As urgent as the answer, so that it stays above it.
    await chat.put(OutgoingMessage(chat.user.id, replies.caption(case, chat.language), photos=photos, priority=0))
    await submit_request(chat, listing, (chat.checkpoint,))
    await tx.listings.stop_collecting(listing.id)
    if draft is not None:
        await tx.listings.resume_collecting(draft.id)


def build() -> Router:
    """The router of this topic."""
    router = Router()
    router.message.register(list_cases, Command("testcase", ignore_mention=True))
    router.callback_query.register(list_cases, ShowCases.filter())
    router.callback_query.register(run_case, RunCase.filter())
    return router
