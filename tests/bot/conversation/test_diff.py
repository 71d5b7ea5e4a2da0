"""A correction is stored as the changes that lead from one text to the other."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.conversation.diff import are_alike, diff_texts


def test_changes_are_words_with_their_places() -> None:
    assert json.loads(diff_texts("Синяя куртка, 42.", "Голубая куртка, 42, тёплая.")) == [
        [0, "Синяя", "Голубая"],
        [16, "", ", тёплая"],
    ]


def test_the_same_text_has_no_changes() -> None:
    assert diff_texts("Куртка", "Куртка") == "[]"


@given(st.text(max_size=60), st.text(max_size=60))
def test_the_changes_make_one_text_the_other(before: str, after: str) -> None:
    text, shift = before, 0
    for place, old, new in json.loads(diff_texts(before, after)):
        start = place + shift
        assert text[start : start + len(old)] == old
        text = text[:start] + new + text[start + len(old) :]
        shift += len(new) - len(old)
    assert text == after


def test_texts_are_alike_when_nearly_all_words_are() -> None:
    text = "Платье летнее тёмно-синее, без рукавов, хлопок. Размер 44, состояние отличное."
    assert are_alike(text, text.replace("летнее", "лёгкое").upper())
    assert not are_alike(text, text.replace("Платье летнее", "Юбка").replace("без рукавов", "пояс"))
    assert are_alike("", "")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Чёрная ветровка с капюшоном, карманы.", "Чёрная ветровка с капюшоном, с карманами."),
        ("Синяя блузка, рукав короткий.", "Синяя блузка, короткий рукав."),
        (
            "Синее платье в полоску. Размер — 48. Отдам за 1 800 руб.",
            "Синее платье в полоску. Размер 48. Цена 1 800 руб.",
        ),
        ("Состояние хорошее. Цена 200 руб.", "В хорошем состоянии. Цена — 200 руб."),
    ],
)
def test_another_order_or_form_of_the_same_words_is_alike(first: str, second: str) -> None:
    assert are_alike(first, second)


@pytest.mark.parametrize("other", ["Синяя блузка, 46.", "Синяя рубашка, 44.", "Голубая блузка, 44."])
def test_another_number_or_noun_is_not_alike(other: str) -> None:
    assert not are_alike("Синяя блузка, 44.", other)
