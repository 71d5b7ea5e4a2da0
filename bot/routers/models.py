"""The checkpoint that writes: the list, the choice, and the blind comparison of two."""

from __future__ import annotations

from dataclasses import replace

from aiogram import Router

from bot.conversation.chat import Chat
from bot.conversation.description import reveal_pair
from bot.conversation.requests import show_draft, submit_request
from bot.telegram.commands import TextCommand
from bot.views.keyboards import (
    ChooseBetter,
    ChooseModel,
    ShowModels,
    TurnPage,
    build_examples_keyboard,
    build_models_keyboard,
    hash_name,
)
from bot.views.text import MODELS, bold, format_model, join_paragraphs, to_html
from inference.errors import Message
from storage.records import ListingRecord


async def show_models(_: object, chat: Chat) -> None:
    """Show the checkpoints with the summaries of their cards."""
    await _send_models(chat, fresh=True)


async def turn_page(_: object, callback_data: TurnPage, chat: Chat) -> None:
    """Show another page of the list."""
    await _send_models(chat, callback_data.page)


async def choose_model(_: object, callback_data: ChooseModel, chat: Chat) -> None:
    """Choose the checkpoint that writes from now on."""
    chosen = next((card.name for card in chat.list_other_cards("") if hash_name(card.name) == callback_data.tag), None)
    if chosen is None:
        chat.toast(Message("button-stale"))
        return
    if chosen == (chat.user.checkpoint or chat.checkpoint):
        chat.toast(Message("model-same", {"model": chat.name_model(chosen)}))
        return
    before = chat.chosen_checkpoint if chat.chosen_checkpoint != chosen else None
    await chat.tx.users.set_checkpoint(chat.user.id, chosen, before)
    chat.user = replace(chat.user, checkpoint=chosen, checkpoint_before=before)
    chat.toast(Message("model-chosen", {"model": chat.name_model(chosen)}))
    await _send_models(chat)
    listing = await chat.tx.listings.get_current(chat.user.id)
    if listing is not None and listing.card_due_at is None and (listing.photos or listing.notes):
        await show_draft(chat, listing)


async def compare_models(_: object, chat: Chat) -> None:
    """Submit the draft or the latest listing to two checkpoints."""
    others = chat.list_other_cards(chat.checkpoint)
    if not others:
        await chat.send(Message("compare-pinned" if chat.uow.rules.pinned else "compare-one-model"))
        return
    listing = await _find_comparable(chat)
    if listing is None:
        await chat.send(Message("compare-nothing"), build_examples_keyboard(chat.translate))
        return
    if await chat.tx.requests.get_open(listing.id) is not None:
        await chat.send(Message("already-writing"))
        return
    second = others[listing.id % len(others)]
    await submit_request(chat, listing, (chat.checkpoint, second.name), "compare", again=not listing.collecting)


async def choose_better(_: object, callback_data: ChooseBetter, chat: Chat) -> None:
    """Store which text is better, and name the checkpoints."""
    comparison = chat.check_own(await chat.tx.feedback.get_comparison(callback_data.comparison))
    if comparison is None:
        return
    if not await chat.tx.feedback.set_choice(comparison.id, callback_data.choice, chat.uow.now):
        chat.toast(Message("compare-chosen"))
        return
    chat.toast(Message("thanks"))
    await reveal_pair(chat, replace(comparison, choice=callback_data.choice))


async def _find_comparable(chat: Chat) -> ListingRecord | None:
    """Return the draft, or the latest listing that is not empty."""
    current = await chat.tx.listings.get_current(chat.user.id)
    recent = await chat.tx.listings.list_recent(chat.user.id, limit=5)
    listings = [current, *recent] if current is not None else recent
    return next((item for item in listings if item.photos or item.notes or item.case), None)


async def _send_models(chat: Chat, page: int | None = None, *, fresh: bool = False) -> None:
    """Show a page of the list, from 0; by default the page of the chosen checkpoint."""
    rules, slot = chat.uow.rules, f"model:{chat.user.id}"
    if rules.pinned is not None:
        await chat.send(Message("model-pinned", {"model": chat.name_model(rules.pinned)}), slot=slot, fresh=fresh)
        return
    names = [card.name for card in chat.uow.cards]
    last = max(0, len(names) - 1) // MODELS
    if page is None:
        page = names.index(chat.checkpoint) // MODELS if chat.checkpoint in names else 0
    page = min(max(0, page), last)
    cards = chat.uow.cards[page * MODELS :][:MODELS]
    speeds = [await chat.tx.feedback.get_median_generate_s(card.name) for card in cards]
    lines = [
        format_model(card, speed, chat.translate, chat.language) for card, speed in zip(cards, speeds, strict=True)
    ]
    title = bold(chat.translate, Message("model-title"))
    number = to_html(chat.translate, Message("model-page", {"page": page + 1, "pages": last + 1})) if last else ""
    keyboard = build_models_keyboard(cards, chat.checkpoint, chat.language, page, last)
    await chat.send(join_paragraphs(title, *lines, number), keyboard, slot=slot, fresh=fresh)


def build_router() -> Router:
    """Build the router of this module."""
    router = Router()
    router.message.register(show_models, TextCommand("model"))
    router.message.register(compare_models, TextCommand("compare"))
    router.callback_query.register(show_models, ShowModels.filter())
    router.callback_query.register(turn_page, TurnPage.filter())
    router.callback_query.register(choose_model, ChooseModel.filter())
    router.callback_query.register(choose_better, ChooseBetter.filter())
    return router
