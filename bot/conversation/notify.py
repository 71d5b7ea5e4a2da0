"""What the loops say: cards, progress, texts, refusals. Each function works inside one open transaction (`desk.tx`)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from bot.conversation import draft
from bot.conversation.chat import Chat, UnitOfWork
from bot.conversation.description import show_pair, show_text, to_record
from bot.conversation.requests import card_slot, hand_over, has_changed, reopen, show_draft, show_place, submit_request
from bot.views import keyboards, replies
from inference.errors import CheckpointError, Message, UserError
from inference.listing.types import Description, Stage
from storage.records import ListingRecord, Request, RequestState

_PLACES_SHOWN: Final = 30  # who is further back learns of it when it comes nearer


async def close_window(uow: UnitOfWork, listing: ListingRecord) -> None:
    """The quiet window of a listing is over: show or edit its card; submit it when a text is wanted."""
    chat = await _chat(uow, listing.user_id)
    if chat is None or await uow.tx.requests.get_open(listing.id) is not None:
        return
    if listing.wants_text:
        await uow.tx.listings.set_wants_text(listing.id, False)
        if await submit_request(chat, listing, (chat.checkpoint,)):
            return
    if await has_changed(chat, listing) is not False:  # a text that was asked for within the window has it all
        await show_draft(chat, listing)


async def show_stage(uow: UnitOfWork, request: Request, stage: Stage) -> None:
    """Say which step the work on a request is at, in the message of its card."""
    chat = await _chat(uow, request.user_id, request.id)
    if chat is not None:
        await chat.send(replies.progress(stage, chat.translate), slot=card_slot(request.listing_id), priority=2)


async def show_places(uow: UnitOfWork) -> None:
    """Say to who waits how many are served before. Call it when the line has moved."""
    for before, request in enumerate(await uow.tx.requests.list_pending(_PLACES_SHOWN)):
        chat = await _chat(uow, request.user_id, request.id)
        if chat is not None:
            await show_place(chat, request, before)


async def deliver(
    uow: UnitOfWork, request: Request, results: Sequence[Description], photo_sha256: Sequence[str] = ()
) -> None:
    """Store and answer what was written, one result for each checkpoint of the request, and finish it.

    A listing that changed meanwhile is not answered: its request waits again, with the new revision. A listing that
    was forgotten meanwhile is passed over.
    """
    listing, chat = await uow.tx.listings.get(request.listing_id), await _chat(uow, request.user_id, request.id)
    if listing is None or chat is None:
        return
    if listing.revision != request.revision:
        await uow.tx.requests.requeue(request.id, listing.revision)
        return
    hashes = tuple(photo_sha256)
    stored = [await uow.tx.feedback.add(request, to_record(result, hashes), uow.now) for result in results]
    reasons = [
        check.reason
        for result in results
        for check in result.moderation.checks
        if check.reason is not None and not check.passed
    ]
    if not all(result.moderation.passed for result in results):
        await uow.tx.requests.finish(request.id, "rejected", uow.now)
        text = replies.refusal(reasons, chat.translate, is_case=listing.case is not None)
        await _turn_down(chat, listing, text, reasons)
        return
    await uow.tx.requests.finish(request.id, "done", uow.now)
    if request.kind == "compare":
        await show_pair(chat, request, (stored[0], stored[1]))
    else:
        await show_text(chat, stored[0])
    warnings = [check.reason for result in results for check in result.moderation.checks if check.reason is not None]
    await chat.send(replies.done(warnings, chat.translate), slot=card_slot(listing.id))


async def refuse(uow: UnitOfWork, request: Request, error: UserError) -> None:
    """Finish a request that the user can mend: one sentence, and the draft opens again."""
    await _give_up(uow, request, "rejected", error.message)


async def replace_model(uow: UnitOfWork, request: Request, error: CheckpointError, error_id: str) -> None:
    """Have the model before it write where one failed. Without another, one that loads and fails to write is a bug."""
    if await _fall_back(uow, request):
        return
    if error.message.code == "checkpoint-unusable":
        await fail(uow, request, error_id)
    else:
        await _give_up(uow, request, "failed", Message("model-unavailable"))


async def time_out(uow: UnitOfWork, request: Request) -> None:
    """Finish a request that took too long: one sentence, and the draft opens again."""
    await _give_up(uow, request, "failed", Message("too-slow"))


async def fail(uow: UnitOfWork, request: Request, error_id: str) -> None:
    """Finish a request that a bug ended: told with the id under which it is logged; the draft opens again."""
    await _give_up(uow, request, "failed", Message("request-failed", {"id": error_id}))


async def apologise(uow: UnitOfWork, user_id: int, error_id: str) -> None:
    """Tell a user that a bug ended the handling of an update, with the id under which it is logged."""
    chat = await _chat(uow, user_id)
    if chat is not None:
        await chat.send(Message("update-failed", {"id": error_id}))


async def _chat(uow: UnitOfWork, user_id: int, request_id: int | None = None) -> Chat | None:
    """The chat with a user, who may have asked to be forgotten."""
    user = await uow.tx.users.get(user_id)
    return Chat(uow, user, request_id) if user is not None else None


async def _fall_back(uow: UnitOfWork, request: Request) -> bool:
    """Hand a request for one text over from a model that failed to the one before it, or to the bot's."""
    failed, *others = request.checkpoints
    uow = replace(uow, cards=[card for card in uow.cards if card.name != failed])
    listing, chat = await uow.tx.listings.get(request.listing_id), await _chat(uow, request.user_id, request.id)
    if listing is None or chat is None or others:
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
    listing, chat = await uow.tx.listings.get(request.listing_id), await _chat(uow, request.user_id, request.id)
    if listing is not None and chat is not None:
        await _turn_down(chat, listing, replies.plain(chat.translate(reason)), [reason])


async def _turn_down(chat: Chat, listing: ListingRecord, text: str, reasons: Sequence[Message]) -> None:
    """Say why there is no text, offer what could help, and open the draft again."""
    numbers = dict.fromkeys(number for reason in reasons for number in _numbers(reason))
    taken = draft.build_draft(listing, chat.uow.rules.file_limit_mb).photos
    photos = [(number, taken[number - 1].message_id) for number in numbers if 0 < number <= len(taken)]
    wordless = any(reason.code == "written-empty" for reason in reasons)
    offers_models = wordless and bool(chat.others(chat.checkpoint))
    await chat.send(
        text, keyboards.refused(listing.id, photos, chat.translate, offers_models=offers_models), priority=0
    )
    await reopen(chat, listing)


def _numbers(reason: Message) -> list[int]:
    """The photos, from 1, that a reason names: one as `number`, several as `numbers`."""
    named = f"{reason.details.get('number', '')} {reason.details.get('numbers', '')}"
    return [int(number) for number in re.findall(r"\d+", named)]
