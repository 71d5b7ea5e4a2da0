"""Buttons: what each of them carries (a typed class a kind), and the keyboards that they stand in.

What a button carries has at most 64 bytes; names of checkpoints and cases travel as a short tag.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final, Literal

from aiogram.filters.callback_data import CallbackData
from aiogram.types import InlineKeyboardButton, InlineKeyboardMarkup

from bot.views.replies import CHOICES, REASONS
from inference.checkpoints.registry import Card
from inference.errors import Message
from inference.listing.cases import Case
from locales.translate import LANGUAGES, Translate
from storage.records import Choice, DescriptionRecord

Unfolded = Literal["reasons", "models"]
Row = list[InlineKeyboardButton]

_OTHERS: Final = 90  # Telegram takes a hundred buttons under a message; who wants another model chooses it in /model
_LANGUAGES: Final = {"ru": Message("language-ru"), "en": Message("language-en")}


class Generate(CallbackData, prefix="generate"):
    """Write about this listing."""

    listing: int


class Clear(CallbackData, prefix="clear"):
    """Empty this listing."""

    listing: int


class Drop(CallbackData, prefix="drop"):
    """Take the photo of this message out of the listing."""

    listing: int
    message: int


class Cancel(CallbackData, prefix="cancel"):
    """Write nothing for this request."""

    request: int


class ShowModels(CallbackData, prefix="models"):
    """List the checkpoints."""


class TurnPage(CallbackData, prefix="page"):
    """Show this page of the list of checkpoints, from 0."""

    page: int


class ChooseModel(CallbackData, prefix="model"):
    """Write with this checkpoint from now on."""

    tag: str


class ShowCases(CallbackData, prefix="cases"):
    """List the preloaded cases."""


class RunCase(CallbackData, prefix="case"):
    """Run this case."""

    tag: str


class Vote(CallbackData, prefix="vote"):
    """A text is good, or not."""

    description: int
    good: bool


class Blame(CallbackData, prefix="blame"):
    """Why a text is bad."""

    description: int
    reason: str


class Correct(CallbackData, prefix="correct"):
    """The next message is a better text."""

    description: int


class LeaveText(CallbackData, prefix="leave"):
    """No better text will come."""


class Again(CallbackData, prefix="again"):
    """Another text by the same checkpoint."""

    description: int


class ShowOthers(CallbackData, prefix="others"):
    """Which other checkpoints could write."""

    description: int


class Rewrite(CallbackData, prefix="rewrite"):
    """A text by this checkpoint."""

    description: int
    tag: str


class Prefer(CallbackData, prefix="prefer"):
    """Which of two texts is better."""

    comparison: int
    choice: Choice


class Recall(CallbackData, prefix="recall"):
    """Show an old text again."""

    description: int


class Speak(CallbackData, prefix="speak"):
    """Speak this language."""

    language: str


class Forget(CallbackData, prefix="forget"):
    """Delete everything about the user, or not."""

    sure: bool


def tag(name: str) -> str:
    """A short stand-in for a name of any length."""
    return hashlib.sha256(name.encode()).hexdigest()[:12]


def draft(listing: int, translate: Translate, model: str | None) -> InlineKeyboardMarkup:
    """Under the card of a draft; `model` is None where there is no choice."""
    last = [_button(translate(Message("button-clear")), Clear(listing=listing))]
    if model is not None:
        last.append(_button(translate(Message("button-model", {"model": model})), ShowModels()))
    return _rows([_button(translate(Message("button-generate")), Generate(listing=listing))], last)


def waiting(request: int, translate: Translate) -> InlineKeyboardMarkup:
    """While a request waits for its turn."""
    return _rows([_button(translate(Message("button-cancel")), Cancel(request=request))])


def refused(
    listing: int, photos: Sequence[tuple[int, int]], translate: Translate, *, offers_models: bool = False
) -> InlineKeyboardMarkup:
    """Under a refusal: `photos` holds number and message of those that can be taken out."""
    drops = [
        [_button(translate(Message("button-drop", {"position": number})), Drop(listing=listing, message=message))]
        for number, message in photos
    ]
    models = [[_button(translate(Message("button-others")), ShowModels())]] if offers_models else []
    return _rows(*drops, *models, [_button(translate(Message("button-cases")), ShowCases())])


def examples(translate: Translate) -> InlineKeyboardMarkup:
    """A way to the preloaded cases."""
    return _rows([_button(translate(Message("button-cases")), ShowCases())])


def cases(cases: Sequence[Case], language: str) -> InlineKeyboardMarkup:
    """The preloaded cases by title."""
    return _rows(*([_button(case.title.get(language, case.name), RunCase(tag=tag(case.name)))] for case in cases))


def models(cards: Sequence[Card], chosen: str, page: int = 0, last: int = 0) -> InlineKeyboardMarkup:
    """The checkpoints of a page, the chosen one ticked, and the ways to the pages beside it."""
    turns = [_button("←", TurnPage(page=page - 1))] if page > 0 else []
    turns += [_button("→", TurnPage(page=page + 1))] if page < last else []
    return _rows(
        *([_button(_ticked(card.name, card.name == chosen), ChooseModel(tag=tag(card.name)))] for card in cards),
        *([turns] if turns else []),
    )


def languages(chosen: str, translate: Translate) -> InlineKeyboardMarkup:
    """The languages, each in its own words, the chosen one ticked."""
    return _rows(
        [
            _button(_ticked(translate(_LANGUAGES[language]), language == chosen), Speak(language=language))
            for language in LANGUAGES
        ]
    )


def judge(
    description: DescriptionRecord, translate: Translate, others: Sequence[Card], unfolded: Unfolded | None = None
) -> InlineKeyboardMarkup:
    """Under the scores of a text: what its reader thinks of it, and what else could be written."""
    number, vote = description.id, description.vote
    votes = [
        _button(_ticked("👍", vote == 1), Vote(description=number, good=True)),
        _button(_ticked("👎", vote == -1), Vote(description=number, good=False)),
        _button(_ticked("✏️", description.correction is not None), Correct(description=number)),
    ]
    rewrites = [_button(translate(Message("button-again")), Again(description=number))]
    if others:
        rewrites.append(_button(translate(Message("button-others")), ShowOthers(description=number)))
    more: list[Row] = []
    if unfolded == "reasons":
        more = [
            [_button(_ticked(translate(label), description.reason == reason), Blame(description=number, reason=reason))]
            for reason, label in REASONS.items()
        ]
    elif unfolded == "models":
        more = [[_button(card.name, Rewrite(description=number, tag=tag(card.name)))] for card in others[:_OTHERS]]
    return _rows(votes, *more, rewrites)


def correction(translate: Translate) -> InlineKeyboardMarkup:
    """While a corrected text is waited for."""
    return _rows([_button(translate(Message("button-leave")), LeaveText())])


def comparison(comparison: int, translate: Translate) -> InlineKeyboardMarkup:
    """Under two texts: which is better."""
    buttons = [
        _button(translate(label), Prefer(comparison=comparison, choice=choice)) for choice, label in CHOICES.items()
    ]
    return _rows(buttons[:2], buttons[2:])


def history(texts: Sequence[tuple[int, str]]) -> InlineKeyboardMarkup:
    """Old texts by their beginnings."""
    return _rows(*([_button(text, Recall(description=description))] for description, text in texts))


def forgetting(translate: Translate) -> InlineKeyboardMarkup:
    """Whether everything is to be deleted."""
    return _rows(
        [_button(translate(Message("button-forget")), Forget(sure=True))],
        [_button(translate(Message("button-keep")), Forget(sure=False))],
    )


def _rows(*rows: Row) -> InlineKeyboardMarkup:
    return InlineKeyboardMarkup(inline_keyboard=list(rows))


def _button(caption: str, data: CallbackData) -> InlineKeyboardButton:
    return InlineKeyboardButton(text=caption, callback_data=data.pack())


def _ticked(caption: str, chosen: bool) -> str:
    return f"{caption} ✓" if chosen else caption
