"""What buttons carry fits Telegram, comes back as it was, and is understood by nobody when it is spoilt."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from aiogram.filters.callback_data import CallbackData
from aiogram.types import InlineKeyboardMarkup

from bot.views import keyboards
from bot.views import text as text_views
from inference.checkpoints.card import Card
from inference.listing.cases import list_cases
from locales.translate import LANGUAGES, translate
from storage.records import DescriptionRecord
from tests.bot.views.test_text import WRITTEN

BIG = 2**63 - 1
EACH = [
    keyboards.Generate(listing=BIG),
    keyboards.ClearDraft(listing=BIG),
    keyboards.StartNew(listing=BIG),
    keyboards.ChooseItem(listing=BIG, tag=keyboards.hash_name("платье")),
    keyboards.AskItem(listing=BIG),
    keyboards.ChooseSet(listing=BIG, many=False),
    keyboards.WriteAnyway(listing=BIG),
    keyboards.KeepNew(listing=BIG),
    keyboards.JoinPrevious(listing=BIG),
    keyboards.DropPhoto(listing=BIG, message=BIG),
    keyboards.CancelRequest(request=BIG),
    keyboards.ShowModels(),
    keyboards.TurnPage(page=BIG),
    keyboards.ChooseModel(tag=keyboards.hash_name("x" * 255)),
    keyboards.ShowCases(),
    keyboards.RunCase(tag=keyboards.hash_name("пример: 1")),
    keyboards.Vote(description=BIG, good=False),
    *(keyboards.ChooseReason(description=BIG, reason=reason) for reason in text_views.REASONS),
    keyboards.StartCorrection(description=BIG),
    keyboards.CancelCorrection(),
    keyboards.WriteAgain(description=BIG),
    keyboards.ShowOtherModels(description=BIG),
    keyboards.WriteWith(description=BIG, tag=keyboards.hash_name("mini")),
    *(keyboards.ChooseBetter(comparison=BIG, choice=choice) for choice in text_views.CHOICES),
    keyboards.ShowDescription(description=BIG),
    *(keyboards.SetLanguage(language=language) for language in LANGUAGES),
    keyboards.AnswerForget(sure=True),
]


@pytest.mark.parametrize("data", EACH, ids=lambda data: type(data).__name__)
def test_what_a_button_carries_fits_and_comes_back(data: CallbackData) -> None:
    packed = data.pack()
    assert len(packed.encode()) <= 64
    assert type(data).unpack(packed) == data


def test_every_kind_of_button_is_tried_here() -> None:
    kinds = {kind for kind in vars(keyboards).values() if isinstance(kind, type) and issubclass(kind, CallbackData)}
    assert {type(data) for data in EACH} == kinds - {CallbackData}
    assert len({kind.__prefix__ for kind in kinds - {CallbackData}}) == len(kinds) - 1


def cards(*names: str) -> list[Card]:
    """Cards of these names."""
    return [Card(folder=Path("captioner") / name, family="f", version="1") for name in names]


def captions(keyboard: InlineKeyboardMarkup) -> list[list[str]]:
    """What stands on the buttons, row by row."""
    return [[button.text for button in row] for row in keyboard.inline_keyboard]


def description(**given: object) -> DescriptionRecord:
    """A stored text."""
    usual = {"vote": None, "reason": None, "correction": None}
    return DescriptionRecord(1, 1, 1, 1, 0, WRITTEN, **{**usual, **given}, created_at=0.0)  # type: ignore[arg-type]


@pytest.mark.parametrize("language", LANGUAGES)
def test_votes_are_ticked_and_more_is_unfolded_below_them(language: str) -> None:
    say, others = partial(translate, language=language), cards("nano", "pico")
    build = partial(keyboards.build_feedback_keyboard, translate=say, language=language)
    assert captions(build(description(), other_cards=[]))[0] == ["👍", "👎", "✏️"]
    assert len(captions(build(description(), other_cards=[]))[-1]) == 1
    judged = description(vote=1, correction="…")
    assert captions(build(judged, other_cards=others))[0] == ["👍 ✓", "👎", "✏️ ✓"]
    disliked = description(vote=-1, reason="item")
    reasons = captions(build(disliked, other_cards=others, expanded="reasons"))
    assert [row[0].endswith("✓") for row in reasons[1:-1]] == [True, False, False, False, False]
    models = captions(build(description(), other_cards=others, expanded="models"))
    assert models[1:-1] == [["nano"], ["pico"]]


@pytest.mark.parametrize("language", LANGUAGES)
def test_cases_are_offered_by_title(language: str) -> None:
    cases = list_cases(Path(__file__).parents[3] / "testcases")
    assert captions(keyboards.build_cases_keyboard(cases, language)) == [[case.title[language]] for case in cases]


def test_the_chosen_model_is_ticked() -> None:
    assert captions(keyboards.build_models_keyboard(cards("mini", "nano"), "nano", "ru")) == [["mini"], ["nano ✓"]]


def test_a_model_is_called_by_its_title_and_its_folder() -> None:
    titled = replace(cards("mini")[0], title={"ru": "Точнее", "en": "More accurate"})
    for language, caption in (("ru", "Точнее · mini ✓"), ("en", "More accurate · mini ✓")):
        assert captions(keyboards.build_models_keyboard([titled], "mini", language)) == [[caption]]


def test_models_come_in_pages_with_a_way_to_those_beside() -> None:
    for page, turns in ((0, ["→"]), (1, ["←", "→"]), (2, ["←"])):
        assert captions(keyboards.build_models_keyboard(cards("mini"), "mini", "ru", page, 2)) == [["mini ✓"], turns]


def test_no_keyboard_has_more_buttons_than_telegram_takes() -> None:
    keyboard = keyboards.build_feedback_keyboard(
        description(), translate, "ru", cards(*(f"{number}" for number in range(200))), "models"
    )
    assert sum(map(len, captions(keyboard))) <= 100
