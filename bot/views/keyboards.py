"""The callback data of the buttons, one class per kind, and the inline keyboards that are built from them.

Callback data has at most 64 bytes: names of checkpoints and cases travel as a short hash.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final, Literal

from aiogram.filters.callback_data import CallbackData
from aiogram.types import InlineKeyboardButton, InlineKeyboardMarkup

from bot.views.facts import NO_QUESTIONS, Questions
from bot.views.text import CHOICES, REASONS, format_model_name
from inference.checkpoints.card import Card
from inference.errors import Message
from inference.listing.cases import Case
from locales.translate import LANGUAGES, Translate
from storage.records import Choice, DescriptionRecord

ExpandedSection = Literal["reasons", "models"]
Row = list[InlineKeyboardButton]

_MAX_MODELS: Final = 90  # Telegram allows 100 buttons per message; /model lists all checkpoints
_LANGUAGES: Final = {"ru": Message("language-ru"), "en": Message("language-en")}


class Generate(CallbackData, prefix="generate"):
    """Write a text about this listing."""

    listing: int


class WriteAnyway(CallbackData, prefix="insist"):
    """Write a text about this listing in spite of the warnings of moderation."""

    listing: int


class ClearDraft(CallbackData, prefix="clear"):
    """Empty this listing."""

    listing: int


class StartNew(CallbackData, prefix="new"):
    """Put this listing aside and begin another one."""

    listing: int


class KeepNew(CallbackData, prefix="apart"):
    """Keep this listing apart from the one before it."""

    listing: int


class JoinPrevious(CallbackData, prefix="join"):
    """Move the content of this listing to the one before it."""

    listing: int


class ChooseItem(CallbackData, prefix="item"):
    """Say that the thing of this listing is this item, one of those offered."""

    listing: int
    tag: str


class AskItem(CallbackData, prefix="name"):
    """Take the next message as the name of the thing of this listing."""

    listing: int


class ChooseSet(CallbackData, prefix="set"):
    """Say whether the photos of this listing show different things."""

    listing: int
    many: bool


class DropPhoto(CallbackData, prefix="drop"):
    """Remove the photo of this message from the listing."""

    listing: int
    message: int


class CancelRequest(CallbackData, prefix="cancel"):
    """Cancel this request."""

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
    """Rate a text as good or bad."""

    description: int
    good: bool


class ChooseReason(CallbackData, prefix="blame"):
    """Give the reason why a text is bad."""

    description: int
    reason: str


class StartCorrection(CallbackData, prefix="correct"):
    """Take the next message as a better text."""

    description: int


class CancelCorrection(CallbackData, prefix="leave"):
    """Stop waiting for a better text."""


class WriteAgain(CallbackData, prefix="again"):
    """Write another text with the same checkpoint."""

    description: int


class ShowOtherModels(CallbackData, prefix="others"):
    """Offer the other checkpoints."""

    description: int


class WriteWith(CallbackData, prefix="rewrite"):
    """Write a text with this checkpoint."""

    description: int
    tag: str


class ChooseBetter(CallbackData, prefix="prefer"):
    """Choose the better of two texts."""

    comparison: int
    choice: Choice


class ShowDescription(CallbackData, prefix="recall"):
    """Show an old text again."""

    description: int


class SetLanguage(CallbackData, prefix="speak"):
    """Switch to this language."""

    language: str


class AnswerForget(CallbackData, prefix="forget"):
    """Confirm or decline the deletion of all data of the user."""

    sure: bool


def hash_name(name: str) -> str:
    """Return a short hash of a name, 12 hex digits."""
    return hashlib.sha256(name.encode()).hexdigest()[:12]


def build_draft_keyboard(
    listing: int,
    translate: Translate,
    model: str | None,
    *,
    is_empty: bool = False,
    asks_whether_new: bool = False,
    questions: Questions = NO_QUESTIONS,
) -> InlineKeyboardMarkup:
    """Build the keyboard of a draft card.

    model: None where there is no choice; is_empty: there is nothing to write about; asks_whether_new: the draft may
    belong to the one before it; questions: what is asked about the thing.
    """
    answers = [
        _button(translate(Message("button-is-new")), KeepNew(listing=listing)),
        _button(translate(Message("button-join")), JoinPrevious(listing=listing)),
    ]
    first = [*([answers] if asks_whether_new else []), *_build_answers(listing, questions, translate)]
    last = [_button(translate(Message("button-clear")), ClearDraft(listing=listing))]
    if is_empty:
        return _join_rows(*first, last, [_button(translate(Message("button-cases")), ShowCases())])
    if model is not None:
        last.append(_button(translate(Message("button-model", {"model": model})), ShowModels()))
    return _join_rows(*first, [_button(translate(Message("button-generate")), Generate(listing=listing))], last)


def _build_answers(listing: int, questions: Questions, translate: Translate) -> list[Row]:
    """Build the rows with the answers about a thing: the likeliest items or another one; one thing or several."""
    items = [_button(item, ChooseItem(listing=listing, tag=hash_name(item))) for item in questions.items]
    other = _button(translate(Message("button-other-item")), AskItem(listing=listing))
    amounts = [
        _button(translate(Message("button-one-thing")), ChooseSet(listing=listing, many=False)),
        _button(translate(Message("button-many-things")), ChooseSet(listing=listing, many=True)),
    ]
    return [*([[*items, other]] if items else []), *([amounts] if questions.asks_set else [])]


def build_waiting_keyboard(request: int, translate: Translate) -> InlineKeyboardMarkup:
    """Build the keyboard of a request that waits in the queue."""
    return _join_rows([_button(translate(Message("button-cancel")), CancelRequest(request=request))])


def build_refusal_keyboard(
    listing: int,
    photos: Sequence[tuple[int, int]],
    translate: Translate,
    *,
    is_empty: bool = False,
    offers_models: bool = False,
    is_warning: bool = False,
) -> InlineKeyboardMarkup:
    """Build the keyboard of a refused draft.

    photos: number and message id of the photos that can be removed; is_warning: the user may insist on a text.
    """
    drops = [
        [_button(translate(Message("button-drop", {"position": number})), DropPhoto(listing=listing, message=message))]
        for number, message in photos
    ]
    again = [] if is_empty else [[_button(translate(Message("button-generate")), Generate(listing=listing))]]
    if is_warning:
        again.insert(0, [_button(translate(Message("button-insist")), WriteAnyway(listing=listing))])
    models = [[_button(translate(Message("button-others")), ShowModels())]] if offers_models else []
    new = _button(translate(Message("button-new")), StartNew(listing=listing))
    return _join_rows(*drops, *again, *models, [new, _button(translate(Message("button-cases")), ShowCases())])


def remove_buttons(keyboard: InlineKeyboardMarkup, *unwanted: CallbackData) -> InlineKeyboardMarkup:
    """Return a keyboard without the buttons that carry this data."""
    packed = {data.pack() for data in unwanted}
    rows = [[button for button in row if button.callback_data not in packed] for row in keyboard.inline_keyboard]
    return _join_rows(*(row for row in rows if row))


def build_examples_keyboard(translate: Translate) -> InlineKeyboardMarkup:
    """Build the keyboard that leads to the preloaded cases."""
    return _join_rows([_button(translate(Message("button-cases")), ShowCases())])


def build_cases_keyboard(cases: Sequence[Case], language: str) -> InlineKeyboardMarkup:
    """Build the keyboard of the preloaded cases, by title."""
    return _join_rows(
        *([_button(case.title.get(language, case.name), RunCase(tag=hash_name(case.name)))] for case in cases)
    )


def build_models_keyboard(
    cards: Sequence[Card], chosen: str, language: str, page: int = 0, last: int = 0
) -> InlineKeyboardMarkup:
    """Build the keyboard of a page of checkpoints, the chosen one marked; `page` and `last` count from 0."""
    turns = [_button("←", TurnPage(page=page - 1))] if page > 0 else []
    turns += [_button("→", TurnPage(page=page + 1))] if page < last else []
    return _join_rows(
        *(
            [
                _button(
                    _mark(format_model_name(card, language), card.name == chosen),
                    ChooseModel(tag=hash_name(card.name)),
                )
            ]
            for card in cards
        ),
        *([turns] if turns else []),
    )


def build_languages_keyboard(chosen: str, translate: Translate) -> InlineKeyboardMarkup:
    """Build the keyboard of the languages, each in its own words, the chosen one marked."""
    return _join_rows(
        [
            _button(_mark(translate(_LANGUAGES[language]), language == chosen), SetLanguage(language=language))
            for language in LANGUAGES
        ]
    )


def build_feedback_keyboard(
    description: DescriptionRecord,
    translate: Translate,
    language: str,
    other_cards: Sequence[Card],
    expanded: ExpandedSection | None = None,
) -> InlineKeyboardMarkup:
    """Build the keyboard below the scores of a text: votes, correction, reasons, other texts."""
    number, vote = description.id, description.vote
    votes = [
        _button(_mark("👍", vote == 1), Vote(description=number, good=True)),
        _button(_mark("👎", vote == -1), Vote(description=number, good=False)),
        _button(_mark("✏️", description.correction is not None), StartCorrection(description=number)),
    ]
    rewrites = [_button(translate(Message("button-again")), WriteAgain(description=number))]
    if other_cards:
        rewrites.append(_button(translate(Message("button-others")), ShowOtherModels(description=number)))
    more: list[Row] = []
    if expanded == "reasons":
        more = [
            [
                _button(
                    _mark(translate(label), description.reason == reason),
                    ChooseReason(description=number, reason=reason),
                )
            ]
            for reason, label in REASONS.items()
        ]
    elif expanded == "models":
        more = [
            [_button(format_model_name(card, language), WriteWith(description=number, tag=hash_name(card.name)))]
            for card in other_cards[:_MAX_MODELS]
        ]
    return _join_rows(votes, *more, rewrites)


def build_correction_keyboard(translate: Translate) -> InlineKeyboardMarkup:
    """Build the keyboard while a corrected text is awaited."""
    return _join_rows([_button(translate(Message("button-leave")), CancelCorrection())])


def build_comparison_keyboard(comparison: int, translate: Translate) -> InlineKeyboardMarkup:
    """Build the keyboard to choose the better of two texts."""
    buttons = [
        _button(translate(label), ChooseBetter(comparison=comparison, choice=choice))
        for choice, label in CHOICES.items()
    ]
    return _join_rows(buttons[:2], buttons[2:])


def build_history_keyboard(texts: Sequence[tuple[int, str]]) -> InlineKeyboardMarkup:
    """Build the keyboard of old texts, by id and caption."""
    return _join_rows(*([_button(text, ShowDescription(description=description))] for description, text in texts))


def build_forget_keyboard(translate: Translate) -> InlineKeyboardMarkup:
    """Build the keyboard that asks to confirm the deletion."""
    return _join_rows(
        [_button(translate(Message("button-forget")), AnswerForget(sure=True))],
        [_button(translate(Message("button-keep")), AnswerForget(sure=False))],
    )


def _join_rows(*rows: Row) -> InlineKeyboardMarkup:
    return InlineKeyboardMarkup(inline_keyboard=list(rows))


def _button(caption: str, data: CallbackData) -> InlineKeyboardButton:
    return InlineKeyboardButton(text=caption, callback_data=data.pack())


def _mark(caption: str, chosen: bool) -> str:
    return f"{caption} ✓" if chosen else caption
