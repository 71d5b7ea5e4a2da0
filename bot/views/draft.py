"""Format the messages of a draft as Telegram's HTML: its card, its place in the queue, its progress."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from bot.conversation.draft import Draft
from bot.views.facts import NO_QUESTIONS, Questions
from bot.views.text import bold, escape_html, join_paragraphs, shorten, to_html
from inference.errors import Message
from inference.listing.types import Stage
from inference.listing.validation import MAX_PHOTOS
from locales.translate import Translate

_ROW_LENGTH: Final = 200
_ATTRIBUTES_LENGTH: Final = 1200  # with tags and escapes: the whole card has to fit 4096 characters
_REJECTIONS_LENGTH: Final = 1000

STAGES: Final[Mapping[Stage, Message]] = {
    "checking": Message("stage-checking"),
    "reading": Message("stage-reading"),
    "writing": Message("stage-writing"),
    "scoring": Message("stage-scoring"),
}


def format_card(
    draft: Draft,
    translate: Translate,
    *,
    is_rewritten: bool = False,
    asks_whether_new: bool = False,
    facts: str = "",
    questions: Questions = NO_QUESTIONS,
) -> str:
    """Return the card of a draft.

    is_rewritten: the draft has changed since its latest text; asks_whether_new: it may belong to the one before it;
    facts: HTML of what is understood; questions: what is asked about it.
    """
    asked = [
        *([Message("card-which-item")] if questions.items else []),
        *([Message("card-one-or-many")] if questions.asks_set else []),
        *([Message("card-whether-new")] if asks_whether_new else []),
    ]
    missing = ", ".join(translate(message) for message in draft.missing)
    return join_paragraphs(
        bold(translate, Message("card-title")),
        to_html(translate, Message("card-rewritten")) if is_rewritten else "",
        to_html(translate, Message("card-photos", {"count": len(draft.photos), "limit": MAX_PHOTOS})),
        _fit_rows([_format_attribute(*item) for item in draft.attributes.items], _ATTRIBUTES_LENGTH, translate),
        facts,
        to_html(translate, draft.problem) if draft.problem else "",
        _fit_rows([f"⚠️ {to_html(translate, message)}" for message in draft.rejections], _REJECTIONS_LENGTH, translate),
        to_html(translate, Message("card-missing", {"things": missing})) if missing else "",
        "\n".join(bold(translate, question) for question in asked),
    )


def format_progress(stage: Stage, translate: Translate) -> str:
    """Return all stages in a row, the current one in bold."""
    steps = [(step == stage, to_html(translate, message)) for step, message in STAGES.items()]
    return " → ".join(f"<b>{step}</b>" if is_current else step for is_current, step in steps)


def format_place(before: int, translate: Translate) -> str:
    """Return the sentence about the place in the queue; `before`: requests that are served first."""
    return to_html(translate, Message("place", {"count": before}) if before else Message("place-next"))


def format_done(warnings: Iterable[Message], translate: Translate) -> str:
    """Return the card once the text is written, with the warnings of moderation."""
    return join_paragraphs(
        to_html(translate, Message("card-done")), *dict.fromkeys(to_html(translate, warning) for warning in warnings)
    )


def _format_attribute(name: str, value: str) -> str:
    """Return one attribute as it was parsed: the name in bold, free text as it is."""
    shown = escape_html(shorten(value, _ROW_LENGTH))
    return f"• <b>{escape_html(name)}:</b> {shown}" if name else f"• {shown}"


def _fit_rows(rows: Sequence[str], length: int, translate: Translate) -> str:
    """Join the rows that fit into `length` characters, line breaks included, and count the others."""
    shown: list[str] = []
    for row in rows:
        length -= len(row) + 1
        if length < 0:
            break
        shown.append(row)
    if rest := len(rows) - len(shown):
        shown.append(to_html(translate, Message("and-more", {"count": rest})))
    return "\n".join(shown)
