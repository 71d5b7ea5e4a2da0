"""The messages of the workers: draft cards, progress, texts, refusals. Each function uses an open unit of work."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from aiogram.types import InlineKeyboardMarkup

from bot.conversation.chat import Chat, UnitOfWork
from bot.conversation.description import show_pair, show_text, to_record
from bot.conversation.draft import build_draft
from bot.conversation.requests import (
    get_card_slot,
    get_refusal_slot,
    hand_over,
    has_changed,
    reopen,
    show_draft,
    show_place,
    submit_request,
)
from bot.views.draft import format_done, format_progress
from bot.views.keyboards import build_examples_keyboard, build_refusal_keyboard
from bot.views.text import escape_html, format_refusal, format_warning
from inference.errors import CheckpointError, Message, UserError
from inference.listing.types import Description, Stage
from storage.records import ListingRecord, Request, RequestState
from storage.repositories.requests import WARNED

logger = logging.getLogger(__name__)

_PLACES_SHOWN: Final = 30  # requests further back are shown when they come nearer: each edit costs a message


async def close_window(uow: UnitOfWork, listing: ListingRecord) -> None:
    """Show the card of a listing whose quiet window is over, or submit it when the user has asked for a text."""
    chat = await _open_chat(uow, listing.user_id)
    if chat is None or await uow.tx.requests.get_open(listing.id) is not None:
        return
    if listing.wants_text:
        await uow.tx.listings.set_wants_text(listing.id, False)
        if await submit_request(chat, listing, (chat.checkpoint,)):
            return
    if (
        await has_changed(chat, listing) is not False
    ):  # False: its text was requested within the window and covers all of it
        await show_draft(chat, listing)


async def show_stage(uow: UnitOfWork, request: Request, stage: Stage) -> None:
    """Show the stage of a request in the message of its card."""
    chat = await _open_chat(uow, request.user_id, request.id)
    if chat is not None:
        await chat.send(format_progress(stage, chat.translate), slot=get_card_slot(request.listing_id), priority=2)


async def show_places(uow: UnitOfWork) -> None:
    """Show the waiting users their places. Call it when the queue has moved."""
    for before, request in enumerate(await uow.tx.requests.list_pending(_PLACES_SHOWN)):
        chat = await _open_chat(uow, request.user_id, request.id)
        if chat is not None:
            await show_place(chat, request, before)


async def deliver(
    uow: UnitOfWork, request: Request, results: Sequence[Description], photo_sha256: Sequence[str] = ()
) -> None:
    """Store and send the results, one per checkpoint of the request, and finish it.

    When the listing has changed meanwhile, the request waits again with the new revision; when it was deleted,
    nothing happens.
    """
    listing, chat = await uow.tx.listings.get(request.listing_id), await _open_chat(uow, request.user_id, request.id)
    if listing is None or chat is None:
        return
    if listing.revision != request.revision:
        await uow.tx.requests.requeue(request.id, listing.revision)
        return
    hashes = tuple(photo_sha256)
    add = uow.tx.feedback.add
    stored = [await add(request, to_record(result, hashes), uow.now, result.seed) for result in results]
    if not all(result.text for result in results):
        await _reject(chat, listing, request, results)
        return
    await uow.tx.requests.finish(request.id, "done", uow.now)
    if request.kind == "compare":
        await show_pair(chat, request, (stored[0], stored[1]))
    else:
        await show_text(chat, stored[0])
    warnings = [check.reason for result in results for check in result.moderation.checks if check.reason is not None]
    await chat.send(format_done(warnings, chat.translate), slot=get_card_slot(listing.id))


async def _reject(chat: Chat, listing: ListingRecord, request: Request, results: Sequence[Description]) -> None:
    """Finish a request that moderation refused or warned of, or that nothing could be written about."""
    doubts = [doubt for result in results if result.needs_confirmation for doubt in result.moderation.doubts]
    is_warned = bool(doubts) and all(result.moderation.passed for result in results)
    await chat.tx.requests.finish(request.id, "rejected", chat.uow.now, WARNED if is_warned else None)
    if is_warned:
        logger.info("request %d: moderation warns: %s", request.id, ", ".join(doubt.code for doubt in doubts))
    if is_warned and chat.uow.rules.warnings != "refuse":
        await _show_refusal(chat, listing, format_warning(doubts, chat.translate), doubts, is_warning=True)
        return
    reasons = [
        check.reason
        for result in results
        for check in result.moderation.checks
        if check.reason is not None and not (check.passed and result.text)
    ]
    text = format_refusal(reasons, chat.translate, is_case=listing.case is not None)
    await _show_refusal(chat, listing, text, reasons)


async def refuse(uow: UnitOfWork, request: Request, error: UserError) -> None:
    """Finish a request with an error that the user can fix, and reopen the draft."""
    await _give_up(uow, request, "rejected", error.message)


async def replace_model(uow: UnitOfWork, request: Request, error: CheckpointError, error_id: str) -> None:
    """Hand a request over from a broken checkpoint to another one, or fail it where there is none."""
    if await _fall_back(uow, request):
        return
    if error.message.code == "checkpoint-unusable":  # it loads but cannot write: a bug, not a missing file
        await fail(uow, request, error_id)
    else:
        await _give_up(uow, request, "failed", Message("model-unavailable"))


async def time_out(uow: UnitOfWork, request: Request) -> None:
    """Finish a request that took too long, and reopen the draft."""
    await _give_up(uow, request, "failed", Message("too-slow"))


async def fail(uow: UnitOfWork, request: Request, error_id: str) -> None:
    """Finish a request that failed by a bug, show the id of its log record, and reopen the draft."""
    await _give_up(uow, request, "failed", Message("request-failed", {"id": error_id}))


async def apologise(uow: UnitOfWork, user_id: int, error_id: str) -> None:
    """Tell a user that an update failed by a bug, with the id of its log record."""
    chat = await _open_chat(uow, user_id)
    if chat is not None:
        await chat.send(Message("update-failed", {"id": error_id}))


async def _open_chat(uow: UnitOfWork, user_id: int, request_id: int | None = None) -> Chat | None:
    """Return the chat with a user; None once the user is deleted."""
    user = await uow.tx.users.get(user_id)
    return Chat(uow, user, request_id) if user is not None else None


async def _fall_back(uow: UnitOfWork, request: Request) -> bool:
    """Hand a request for one text over to the previous choice of the user, else to the default checkpoint."""
    failed, *more = request.checkpoints
    uow = replace(uow, cards=[card for card in uow.cards if card.name != failed])
    listing, chat = await uow.tx.listings.get(request.listing_id), await _open_chat(uow, request.user_id, request.id)
    if listing is None or chat is None or more:
        return False
    if chat.user.checkpoint == failed:
        await uow.tx.users.restore_checkpoint(chat.user.id)
    if chat.checkpoint == failed:
        return False
    await chat.send(Message("model-failed", {"model": failed, "other": chat.checkpoint}))
    await hand_over(chat, listing, request, chat.checkpoint)
    return True


async def _give_up(uow: UnitOfWork, request: Request, state: RequestState, reason: Message) -> None:
    await uow.tx.requests.finish(request.id, state, uow.now, reason.code)
    listing, chat = await uow.tx.listings.get(request.listing_id), await _open_chat(uow, request.user_id, request.id)
    if listing is not None and chat is not None:
        await _show_refusal(chat, listing, escape_html(chat.translate(reason)), [reason])


async def _show_refusal(
    chat: Chat, listing: ListingRecord, text: str, reasons: Sequence[Message], *, is_warning: bool = False
) -> None:
    """Send the reasons with buttons that could help, and reopen the draft; a warning can be overruled."""
    if listing.case is not None:
        keyboard = build_examples_keyboard(chat.translate)
    else:
        keyboard = _build_ways_on(chat, listing, reasons, is_warning=is_warning)
    await chat.send(text, keyboard, priority=0, slot=get_refusal_slot(listing.id), fresh=True)
    await reopen(chat, listing)


def _build_ways_on(
    chat: Chat, listing: ListingRecord, reasons: Sequence[Message], *, is_warning: bool
) -> InlineKeyboardMarkup:
    """Return the buttons of a refusal: what can be mended about the draft, and what else can be done."""
    numbers = dict.fromkeys(number for reason in reasons for number in _parse_photo_numbers(reason))
    draft = build_draft(listing, chat.uow.rules.file_limit_mb)
    photos = [(number, draft.photos[number - 1].message_id) for number in numbers if 0 < number <= len(draft.photos)]
    has_no_words = any(reason.code == "nothing-described" for reason in reasons)
    return build_refusal_keyboard(
        listing.id,
        photos,
        chat.translate,
        is_empty=draft.is_empty,
        offers_models=has_no_words and bool(chat.list_other_cards(chat.checkpoint)),
        is_warning=is_warning,
    )


def _parse_photo_numbers(reason: Message) -> list[int]:
    """Return the photos (from 1) that a reason names: one as `number`, several as `numbers`."""
    text = f"{reason.details.get('number', '')} {reason.details.get('numbers', '')}"
    return [int(number) for number in re.findall(r"\d+", text)]
