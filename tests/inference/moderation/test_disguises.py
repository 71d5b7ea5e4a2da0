"""Words in disguise are put back; words without one stay."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.moderation.disguises import strip_decoration, uncover


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("дypaк", "дурак"),
        ("дypaк ты", "дурак ты"),
        ("пpидypoк", "придурок"),
        ("дeбuл", "дебил"),
        ("cyka", "сука"),
        ("duren'", "дурень"),
        ("pridurok", "придурок"),
        ("ty durak", "ты дурак"),
        ("yurodivy", "юродивы"),
        ("д у р а к", "дурак"),
        ("д.у.р.а.к", "дурак"),
        ("д-у-р-а-к ты", "дурак ты"),
        ("дуурак", "дуурак"),
        ("дуууурак", "дурак"),
        ("ДУУУУРАК", "ДУРАК"),
        ("ду\u200bра\u00adк", "дурак"),
        ("ду\u0336рак", "дурак"),
        ("ｄurak", "дурак"),
        ("дур@к", "дурак"),
        ("3абияка", "забияка"),
        ("ду%ак", "ду*ак"),
        ("д##ак", "д**ак"),
        ("3.14рог", "пирог"),
    ],
)
def test_a_disguise_is_undone(written: str, meant: str) -> None:
    assert uncover(written) == meant


@pytest.mark.parametrize(
    "text",
    [
        "Куртка зимняя, тёплая: размер 44-46, рост 170 см.",
        "100% хлопок, 2 шт. по 350 р., т.к. не подошли",
        "Платье ёлочка, йод, съёмный капюшон",
        "Рост 92, 98, 104; 5 шт.",
        "",
    ],
)
def test_plain_russian_stays_as_it_was(text: str) -> None:
    assert uncover(text) == text


def test_foreign_names_are_transliterated() -> None:
    """They are judged, never shown."""
    assert uncover("Nike, 42") == "нике, 42"


def test_sizes_in_a_row_are_no_word() -> None:
    assert uncover("размеры S M L") == "размеры с м л"


@given(st.text(max_size=60))
def test_any_text_can_be_uncovered(text: str) -> None:
    assert "\u200b" not in uncover(text)


def test_a_long_text_takes_no_longer_than_its_length() -> None:
    assert len(uncover("а б " * 20_000 + "x" * 20_000 + "*" * 20_000)) > 0


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("🔥🔥🔥 Шапка 🔥🔥🔥", "Шапка"),
        ("Шапка!!!!!!", "Шапка"),
        ("——— Платье ———", "Платье"),
        ("<b>Юбка</b> новая", "Юбка новая"),
        ("Куртка, 5\ufe0f\u20e30\ufe0f\u20e3 размер", "Куртка, 50 размер"),
        ("Рост 164, цена 500 руб.", "Рост 164, цена 500 руб."),
    ],
)
def test_decoration_counts_for_nothing(text: str, plain: str) -> None:
    assert strip_decoration(text) == plain


@pytest.mark.parametrize("text", ["к🔥о🔥т", "к⠀о⠀т", "к⭐о⭐т", "{к}{о}{т}", "[к] [о] [т]"])
def test_letters_between_pictures_make_a_word(text: str) -> None:
    assert uncover(text) == "кот"
