"""Which checkpoint writes: the list, the choice, and the blind comparison of two."""

from __future__ import annotations

from dataclasses import replace

from aiogram import Router
from aiogram.filters import Command

from bot.conversation.chat import Chat
from bot.conversation.description import reveal
from bot.conversation.requests import show_draft, submit_request
from bot.views import keyboards, replies
from bot.views.keyboards import ChooseModel, Prefer, ShowModels, TurnPage
from inference.errors import Message
from storage.records import ListingRecord


async def list_models(_: object, chat: Chat) -> None:
    """Show the checkpoints, each with a line from its card."""
    await _show_models(chat, fresh=True)


async def turn_page(_: object, callback_data: TurnPage, chat: Chat) -> None:
    """Show another page of the list."""
    await _show_models(chat, callback_data.page)


async def choose(_: object, callback_data: ChooseModel, chat: Chat) -> None:
    """Write with this checkpoint from now on."""
    chosen = next((card.name for card in chat.others("") if keyboards.tag(card.name) == callback_data.tag), None)
    if chosen is None:
        chat.toast(Message("button-stale"))
        return
    if chosen == (chat.user.checkpoint or chat.checkpoint):
        chat.toast(Message("model-same", {"model": chosen}))
        return
    before = chat.chosen if chat.chosen != chosen else None
    await chat.tx.users.set_checkpoint(chat.user.id, chosen, before)
    chat.user = replace(chat.user, checkpoint=chosen, checkpoint_before=before)
    chat.toast(Message("model-chosen", {"model": chosen}))
    await _show_models(chat)
    listing = await chat.tx.listings.get_current(chat.user.id)
    if listing is not None and listing.card_due_at is None and (listing.photos or listing.notes):
        await show_draft(chat, listing)


async def compare(_: object, chat: Chat) -> None:
    """Let two checkpoints write about the draft or the last listing."""
    others = chat.others(chat.checkpoint)
    if not others:
        await chat.send(Message("compare-pinned" if chat.uow.rules.pinned else "compare-one-model"))
        return
    listing = await _comparable(chat)
    if listing is None:
        await chat.send(Message("compare-nothing"), keyboards.examples(chat.translate))
        return
    if await chat.tx.requests.get_open(listing.id) is not None:
        await chat.send(Message("already-writing"))
        return
    second = others[listing.id % len(others)]
    await submit_request(chat, listing, (chat.checkpoint, second.name), "compare", again=not listing.collecting)


async def prefer(_: object, callback_data: Prefer, chat: Chat) -> None:
    """Store which text is better, and say who wrote what."""
    comparison = chat.own(await chat.tx.feedback.get_comparison(callback_data.comparison))
    if comparison is None:
        return
    if not await chat.tx.feedback.set_choice(comparison.id, callback_data.choice, chat.uow.now):
        chat.toast(Message("compare-chosen"))
        return
    chat.toast(Message("thanks"))
    await reveal(chat, replace(comparison, choice=callback_data.choice))


async def _comparable(chat: Chat) -> ListingRecord | None:
    """The draft, or the last listing that holds something."""
    current = await chat.tx.listings.get_current(chat.user.id)
    recent = await chat.tx.listings.list_recent(chat.user.id, limit=5)
    listings = [current, *recent] if current is not None else recent
    return next((each for each in listings if each.photos or each.notes or each.case), None)


async def _show_models(chat: Chat, page: int | None = None, *, fresh: bool = False) -> None:
    """A page of the list; without a number, the one where the chosen checkpoint is."""
    rules, slot = chat.uow.rules, f"model:{chat.user.id}"
    if rules.pinned is not None:
        await chat.send(Message("model-pinned", {"model": rules.pinned}), slot=slot, fresh=fresh)
        return
    names = [card.name for card in chat.uow.cards]
    last = max(0, len(names) - 1) // replies.MODELS
    if page is None:
        page = names.index(chat.checkpoint) // replies.MODELS if chat.checkpoint in names else 0
    page = min(max(0, page), last)
    cards = chat.uow.cards[page * replies.MODELS :][: replies.MODELS]
    lines = [
        replies.model(card, await chat.tx.feedback.get_median_generate_s(card.name), chat.translate, chat.language)
        for card in cards
    ]
    title = replies.bold(chat.translate, Message("model-title"))
    number = (
        replies.sentence(chat.translate, Message("model-page", {"page": page + 1, "pages": last + 1})) if last else ""
    )
    keyboard = keyboards.models(cards, chat.checkpoint, page, last)
    await chat.send(replies.paragraphs(title, *lines, number), keyboard, slot=slot, fresh=fresh)


def build() -> Router:
    """The router of this topic."""
    router = Router()
    router.message.register(list_models, Command("model", ignore_mention=True))
    router.message.register(compare, Command("compare", ignore_mention=True))
    router.callback_query.register(list_models, ShowModels.filter())
    router.callback_query.register(turn_page, TurnPage.filter())
    router.callback_query.register(choose, ChooseModel.filter())
    router.callback_query.register(prefer, Prefer.filter())
    return router
