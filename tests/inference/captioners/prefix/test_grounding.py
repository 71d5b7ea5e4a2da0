"""Drafts are made consistent with the seller's fields."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.captioners.prefix.grounding import count_claims, find_misplaced_tokens, ground

FIELDS = "Предмет одежды: Ботинки зимние\nСостояние: Хорошее\nОбхват талии: <GIRTH> см\nЦена: <PRICE>"


def test_a_number_behind_the_name_of_another_field_is_misplaced() -> None:
    assert find_misplaced_tokens(FIELDS, "Обхват груди: <GIRTH> см. Отдам за <PRICE> руб.") == ["<GIRTH>"]
    assert find_misplaced_tokens(FIELDS, "Размер <PRICE>.") == ["<PRICE>"]


def test_words_that_announce_a_kind_and_the_field_itself_are_none() -> None:
    assert find_misplaced_tokens(FIELDS, "Талии: <GIRTH> см. Прошу <PRICE> руб. Цена: <PRICE>.") == []


def test_a_wrong_sentence_becomes_the_sellers_own_line() -> None:
    text = "Чёрные ботинки. Обхват груди: <GIRTH> см. Цена <PRICE> руб."
    assert ground(FIELDS, text, has_photos=True) == "Чёрные ботинки. Обхват талии: <GIRTH> см. Цена <PRICE> руб."


def test_a_claim_that_no_field_makes_goes() -> None:
    """What a photo shows in the first sentence stays."""
    text = "Чёрные ботинки. Новое, с биркой. Состояние хорошее. Цена <PRICE> руб."
    assert count_claims(FIELDS, text) > 0
    assert ground(FIELDS, text, has_photos=True) == "Чёрные ботинки. Состояние хорошее. Цена <PRICE> руб."


def test_without_a_photo_the_text_says_what_the_fields_say_and_names_the_thing() -> None:
    text = "Продаю: синий комплект. В хорошем состоянии. Цена <PRICE> руб."
    assert ground(FIELDS, text, has_photos=False) == "Ботинки зимние. В хорошем состоянии. Цена <PRICE> руб."


def test_without_fields_there_is_nothing_to_contradict() -> None:
    assert ground("", "Новая красная футболка. Бренд Мир.", has_photos=True) == "Новая красная футболка. Бренд Мир."


def test_a_wrong_sentence_loses_none_of_its_numbers() -> None:
    """The price stands in the text, also where its sentence names the field beside it wrongly."""
    text = "Чёрные ботинки. Обхват груди: <GIRTH> см, цена <PRICE> руб."
    assert ground(FIELDS, text, has_photos=True) == "Чёрные ботинки. Обхват талии: <GIRTH> см. Цена: <PRICE>."


@pytest.mark.parametrize("text", ["Резиновые сапоги.", "Малиновая юбка.", "Шифоновый верх, в основном целый."])
def test_cloth_and_colours_are_no_claims(text: str) -> None:
    """Only a word that begins like a claim is one."""
    assert count_claims(FIELDS, text) == 0


PHRASES = st.sampled_from(
    [
        "Ботинки",
        "Обхват груди",
        "размер",
        "цена",
        "за",
        "Новые",
        "<GIRTH>",
        "<PRICE>",
        "<PRICE>.",
        "руб.",
        "тёплые,",
        "Талия:",
    ]
)


@given(st.lists(PHRASES, max_size=14).map(" ".join), st.booleans())
def test_no_number_of_the_seller_is_lost_and_none_is_added(text: str, has_photos: bool) -> None:
    """Whatever is put right, the tokens of the draft stay, and there are no others than those of the fields."""
    kept = set(re.findall("<[A-Z]+>", ground(FIELDS, text, has_photos)))
    assert set(re.findall("<[A-Z]+>", text)) <= kept <= {"<GIRTH>", "<PRICE>"}
