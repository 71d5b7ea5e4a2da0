"""Show the texts that were written: one with its scores and buttons, or two as a blind comparison."""

from __future__ import annotations

from dataclasses import asdict
from random import Random
from typing import Final

from bot.conversation.chat import Chat
from bot.conversation.diff import are_alike
from bot.views.keyboards import ExpandedSection, build_comparison_keyboard, build_feedback_keyboard
from bot.views.text import CHOICES, format_candidate, format_scores, split_text, to_html
from inference.errors import Message
from inference.listing import types
from storage.records import Comparison, DescriptionRecord, Generation, Request

_LETTERS: Final = (Message("candidate-first"), Message("candidate-second"))


def to_record(result: types.Description, photo_sha256: tuple[str, ...]) -> Generation:
    """Convert a result of the engine into the record that is stored."""
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
    """Send the text alone, then its scores, both as new messages."""
    for part in split_text(description.generation.text or ""):
        await chat.send(part, priority=0)
    await show_scores(chat, description, fresh=True)


async def show_scores(
    chat: Chat, description: DescriptionRecord, *, expanded: ExpandedSection | None = None, fresh: bool = False
) -> None:
    """Send or edit the scores, times and buttons of a text."""
    other_cards = chat.list_other_cards(description.generation.checkpoint)
    keyboard = build_feedback_keyboard(description, chat.translate, chat.language, other_cards, expanded)
    note = to_html(chat.translate, Message("why-bad")) if expanded == "reasons" else ""
    text = format_scores(description.generation, chat.translate, note)
    await chat.send(text, keyboard, slot=f"scores:{description.id}", fresh=fresh)


async def show_pair(chat: Chat, request: Request, pair: tuple[DescriptionRecord, DescriptionRecord]) -> None:
    """Send two texts in random order without names, and ask which one is better; of nearly equal ones send one."""
    if are_alike(pair[0].generation.text or "", pair[1].generation.text or ""):
        await chat.send(Message("compare-alike"), priority=0)
        await show_text(chat, pair[0])
        return
    first, second = Random(request.id).sample(pair, 2)
    feedback, now = chat.tx.feedback, chat.uow.now
    comparison = await feedback.add_comparison(request.listing_id, request.user_id, first.id, second.id, now)
    for letter, description in zip(_LETTERS, (first, second), strict=True):
        for part in format_candidate(letter, description.generation.text or "", chat.translate):
            await chat.send(part, priority=0)
    keyboard = build_comparison_keyboard(comparison.id, chat.translate)
    await chat.send(Message("compare-question"), keyboard, slot=_get_vote_slot(comparison))


async def reveal_pair(chat: Chat, comparison: Comparison) -> None:
    """Name the checkpoints of a comparison after the choice."""
    pair = [await chat.tx.feedback.get(description_id) for description_id in (comparison.first, comparison.second)]
    first, second = (chat.name_model(each.generation.checkpoint) if each else "—" for each in pair)
    choice = chat.translate(CHOICES[comparison.choice]) if comparison.choice else "—"
    names = Message("compare-revealed", {"choice": choice, "first": first, "second": second})
    await chat.send(names, slot=_get_vote_slot(comparison))


def _get_vote_slot(comparison: Comparison) -> str:
    return f"vote:{comparison.id}"
