"""The seller's fields are said once, in the seller's words, and the same for the same seed."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.facts.lexicon import WORD, fold
from inference.facts.realise import is_said, realise_fields

NAMES = ("Размер", "Цена", "Состояние", "Бренд", "Сезон", "Дефекты", "Самовывоз", "Рост", "Торг", "Артикул", "Носила")
VALUES = ("44", "5000", "Хорошее", "Zara", "зима до -25", "пятно на рукаве", "м. Сокол", "164 см", "да", "с 2019", "5к")
FIELDS = st.dictionaries(st.sampled_from(NAMES), st.sampled_from(VALUES), max_size=8).map(lambda d: tuple(d.items()))


def say(*items: tuple[str, str], seed: int = 0) -> str:
    return " ".join(realise_fields(items, seed))


@pytest.mark.parametrize(
    ("name", "value", "sentences"),
    [
        ("Состояние", "Хорошее", {"Состояние хорошее.", "В хорошем состоянии."}),
        ("Состояние", "Новое", {"Состояние новое."}),
        ("Вид одежды", "Женская", {"Женская модель.", "Модель женская."}),
        ("Вид одежды", "Для девочек", {"Для девочек."}),
        ("Вид одежды", "Унисекс", {"Модель унисекс."}),
        ("Размер", "Единый", {"Размер единый.", "Размер — единый.", "Размер: единый."}),
        ("Размер", "М", {"Размер М.", "Размер — М.", "Размер: М."}),
        ("Доставка", "от 150 руб.", {"Доставка от 150 руб."}),
        ("Куплено в", "2019 году", {"Куплено в 2019 году."}),
        ("Самовывоз", "м. Сокол", {"Самовывоз: м. Сокол."}),
        ("Цена", "бесплатно", {"Отдам бесплатно."}),
        ("Цена", "4500 в магазине, отдам за 2000", {"4500 в магазине, отдам за 2000."}),
        ("Цена", "договорная", {"Цена: договорная."}),
        ("Size", "M", {"Размер M.", "Размер — M.", "Размер: M."}),
        ("Condition", "like new", {"Состояние: как новое.", "Состояние — как новое."}),
        ("Condition", "used, good", {"Состояние: б/у, хорошее.", "Состояние — б/у, хорошее."}),
        ("Defects", "hole on sleeve", {"Дефекты: hole on sleeve.", "Дефекты — hole on sleeve."}),
        ("Цена", "от 500", {"Цена: от 500."}),
        ("Рост модели", "5'10\"", {"Рост модели 5'10\"."}),
    ],
)
def test_a_field_is_said_in_natural_words(name: str, value: str, sentences: set[str]) -> None:
    assert {say((name, value), seed=seed) for seed in range(40)} == sentences


def test_a_bare_sum_is_in_roubles_and_a_currency_stays() -> None:
    for seed in range(20):
        assert re.fullmatch(r"(Цена|Отдам за|Прошу)\W+5 000 руб\.", say(("Цена", "5 000"), seed=seed))
        assert say(("Цена", "60 евро"), seed=seed).endswith(" 60 евро.")
        assert say(("Цена", "5к"), seed=seed).endswith(" 5к.")


def test_the_order_is_a_buyer_s() -> None:
    """Size and state first, money and delivery last, measures joined."""
    text = say(("Доставка", "почтой"), ("Цена", "500"), ("Рост", "164 см"), ("Обхват груди", "92 см"), ("Размер", "44"))
    places = [text.index(word) for word in ("44", "Рост 164 см, обхват груди 92 см.", "500", "почтой")]
    assert places == sorted(places)


def test_one_text_separates_names_from_values_in_one_way() -> None:
    fields = (("Размер", "44"), ("Бренд", "Zara"), ("Состав", "хлопок"), ("Цвет", "синий"))
    for seed in range(20):
        text = say(*fields, seed=seed)
        assert not (": " in text and " — " in text)


def test_several_things_are_no_model() -> None:
    assert realise_fields((("Вид одежды", "Женская"),), 0, is_set=True) == ["Вещи женские."]


def test_bookkeeping_and_free_text_are_no_fields() -> None:
    assert say(("Вид объявления", "Продаю своё"), ("Описание", "Куртка"), ("", "Куртка")) == ""


def test_what_the_text_says_already_is_not_said_again() -> None:
    items = (("Размер", "44"), ("Бренд", "Zara"), ("Цена", "500"))
    said = " ".join(realise_fields(items, 0, said="Платье Zara, размер 44"))
    assert "500" in said
    assert "Zara" not in said
    assert "44" not in said


@pytest.mark.parametrize(
    ("value", "name", "text", "said"),
    [
        ("44", "Размер", "Размер 44", True),
        ("44", "Размер", "Артикул 44", False),
        ("44", "Размер", "Размер 440", False),
        ("красная", "Цвет", "Красное платье", True),
        ("зима до -25", "Сезон", "на зиму", False),
        ("Zara", "Бренд", "", False),
    ],
)
def test_a_number_is_said_only_beside_its_name(value: str, name: str, text: str, said: bool) -> None:
    assert is_said(value, name, text) is said


@given(FIELDS, st.integers(0, 1000))
def test_every_word_and_number_of_each_value_is_said(items: tuple[tuple[str, str], ...], seed: int) -> None:
    text = fold(say(*items, seed=seed))
    for _, value in items:
        assert all(re.search(rf"(?<!\d){number}(?!\d)", text) for number in re.findall(r"\d+", value))
        assert all(fold(word)[: max(1, len(word) - 2)] in text for word in WORD.findall(value))


@given(FIELDS, st.integers(0, 1000))
def test_the_same_seed_says_the_same(items: tuple[tuple[str, str], ...], seed: int) -> None:
    assert say(*items, seed=seed) == say(*items, seed=seed)
