"""The lexicon recognises forms of Russian words, and only those."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.facts import lexicon
from inference.facts.lexicon import (
    are_alike,
    find_category,
    find_colours,
    find_items,
    find_noun,
    find_values,
    get_colour_families,
    get_kinds,
    get_specific_kinds,
    is_russian_word,
    load_groups,
)


@pytest.mark.parametrize(
    ("word", "noun"),
    [
        ("платьях", "платье"),
        ("Куртку", "куртка"),
        ("слипонах", "слипоны"),
        ("худи", "худи"),
        ("лонгсливом", "лонгслив"),
        ("шлепанцы", "шлёпанцы"),
        ("T-shirt", "футболка"),
        ("термоса", "термос"),
        ("синий", ""),
        ("размер", ""),
    ],
)
def test_a_noun_is_found_in_each_of_its_forms(word: str, noun: str) -> None:
    assert find_noun(word) == noun


def test_items_come_in_the_order_of_the_text() -> None:
    text = "Платье летнее и джинсы, к ним сумка"
    assert [item.value for item in find_items(text)] == ["платье", "джинсы", "сумка"]
    assert [text[item.start : item.end] for item in find_items(text)] == ["Платье", "джинсы", "сумка"]


@pytest.mark.parametrize(
    ("text", "claims"),
    [
        ("с короткими рукавами", {("sleeve", "короткий")}),
        ("рукав длинный, ворот-стойка", {("sleeve", "длинный"), ("neckline", "стойка")}),
        ("в тонкую полоску", {("pattern", "полоска")}),
        ("без рисунка", {("pattern", "однотонный")}),
        ("без капюшона", {("hood", "нет")}),
        ("не новая, почти не носила", {("condition", "б/у")}),
        ("V-образный вырез", {("neckline", "V-образный")}),
        ("размер и цена", {("size", "размер"), ("money", "цена")}),
        ("просто вещь", set()),
    ],
)
def test_properties_are_found_unless_the_text_denies_them(text: str, claims: set[tuple[str, str]]) -> None:
    assert {(value.group, value.value) for value in find_values(text)} == claims


@pytest.mark.parametrize(
    ("word", "families"),
    [
        ("тёмно-синяя", {"blue"}),
        ("красно-белые", {"red", "white"}),
        ("хаки", {"green"}),
        ("серебристый", {"grey"}),
        ("сера", set()),
        ("белка", set()),
        ("розами", set()),
    ],
)
def test_colour_words_have_families(word: str, families: set[str]) -> None:
    assert get_colour_families(word) == families
    assert bool(list(find_colours(word))) == bool(families)


def test_colours_that_people_mix_up_are_alike() -> None:
    assert are_alike("тёмно-синий", "чёрный")
    assert are_alike("синий", "тёмно-синяя")
    assert not are_alike("красный", "белый")


def test_kinds_lead_up_to_goods() -> None:
    assert get_kinds("кроссовки") == {"shoes", "footwear", "clothes", "goods"}
    assert get_specific_kinds("туника") == {"tee", "dress"}
    assert get_kinds("нечто") == frozenset()


def test_a_category_is_distinguished_from_an_item() -> None:
    category = find_category("Топы и футболки")
    assert category is not None
    assert category.kinds == {"tee"}
    assert find_category("Платье летнее") is None
    dresses = find_category("Платья")
    assert dresses is not None
    assert dresses.noun == "платье"


@pytest.mark.parametrize("word", ["футболка", "тёмно-синими", "свитшотом", "худи", "кроп-топ", "лонгсливы"])
def test_russian_words_are_known(word: str) -> None:
    assert is_russian_word(word)


@pytest.mark.parametrize("word", ["Нерится", "пужнее", "платье-платье", "рукавами-вырезом", "палаццццо"])
def test_words_that_no_dictionary_holds_are_not(word: str) -> None:
    assert not is_russian_word(word)


def test_the_tables_hold_together() -> None:
    """Every kind exists, and what is said of a value from a photo is recognised as that value."""
    kinds = lexicon._load("things")["kinds"]
    assert all(row["above"] in kinds or row["above"] == "" for row in kinds.values())
    for name, group in load_groups().items():
        assert all(of <= set(kinds) for of in group.kinds.values()), name
        for value, wordings in group.say.items():
            for wording in wordings:
                assert (name, value) in {(found.group, found.value) for found in find_values(wording)}, wording


@given(st.text(max_size=60))
def test_mentions_lie_within_the_text_at_whole_words(text: str) -> None:
    for mention in (*find_items(text), *find_values(text), *find_colours(text)):
        assert 0 <= mention.start < mention.end <= len(text)
        assert not re.match(r"\w\Z", text[mention.end : mention.end + 1])
