"""Texts that were written: shown alone, with their scores and buttons below, or as a blind pair."""

from __future__ import annotations

from dataclasses import asdict
from random import Random
from typing import Final

from bot.conversation.chat import Chat
from bot.views import keyboards, replies
from bot.views.keyboards import Unfolded
from inference.errors import Message
from inference.listing import types
from storage.records import Comparison, DescriptionRecord, Generation, Request

_LETTERS: Final = (Message("candidate-first"), Message("candidate-second"))


def to_record(result: types.Description, photo_sha256: tuple[str, ...]) -> Generation:
    """What is stored of a result."""
    checks = [
        {"name": check.name, "passed": check.passed, "score": check.score, "reason": check.reason and check.reason.code}
        for check in result.moderation.checks
    ]
    return Generation(
        checkpoint=result.checkpoint,
        text=result.text,
        draft=result.draft,
        masked=result.masked,
        mode=result.mode,
        diversity=result.diversity.score if result.diversity else None,
        scores=asdict(result.scores),
        timings=asdict(result.timings),
        moderation=checks,
        photo_sha256=photo_sha256,
    )


async def show_text(chat: Chat, description: DescriptionRecord) -> None:
    """The text alone, then its scores; both new messages."""
    for piece in replies.pieces(description.generation.text or ""):
        await chat.send(piece, priority=0)
    await show_scores(chat, description, fresh=True)


async def show_scores(
    chat: Chat, description: DescriptionRecord, *, unfolded: Unfolded | None = None, fresh: bool = False
) -> None:
    """Scores, times and buttons of a text, as they are now."""
    keyboard = keyboards.judge(description, chat.translate, chat.others(description.generation.checkpoint), unfolded)
    note = replies.sentence(chat.translate, Message("why-bad")) if unfolded == "reasons" else ""
    text = replies.scores(description.generation, chat.translate, note)
    await chat.send(text, keyboard, slot=f"scores:{description.id}", fresh=fresh)


async def show_pair(chat: Chat, request: Request, pair: tuple[DescriptionRecord, DescriptionRecord]) -> None:
    """Two texts in random order and without names, and the question which is better."""
    first, second = Random(request.id).sample(pair, 2)
    now, owner = chat.uow.now, request.user_id
    comparison = await chat.tx.feedback.add_comparison(request.listing_id, owner, first.id, second.id, now)
    for letter, description in zip(_LETTERS, (first, second), strict=True):
        for piece in replies.candidate(letter, description.generation.text or "", chat.translate):
            await chat.send(piece, priority=0)
    keyboard = keyboards.comparison(comparison.id, chat.translate)
    await chat.send(Message("compare-question"), keyboard, slot=_vote_slot(comparison))


async def reveal(chat: Chat, comparison: Comparison) -> None:
    """Who wrote what, once the choice is made."""
    pair = [await chat.tx.feedback.get(number) for number in (comparison.first, comparison.second)]
    first, second = (description.generation.checkpoint if description else "—" for description in pair)
    choice = chat.translate(replies.CHOICES[comparison.choice]) if comparison.choice else "—"
    names = Message("compare-revealed", {"choice": choice, "first": first, "second": second})
    await chat.send(names, slot=_vote_slot(comparison))


def _vote_slot(comparison: Comparison) -> str:
    return f"vote:{comparison.id}"
