"""The share of the seller's numbers that a text repeats, each as what it is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.masking import mask, measure_kept, unmask

SOURCE = "Размер: 44\nЦена: 500\nРост: 164 см\nДоставка: 150 руб."


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("Куртка. Размер 44, рост 164 см. Цена 500 руб., доставка 150 руб.", 1.0),
        ("Куртка, 44 размер, на рост 164. Отдам за 500 р., отправлю за 150.", 1.0),
        ("Куртка. Размер 44. Цена 500 руб.", 0.5),
        ("Куртка. Размер 500. Цена 44 руб.", 0.0),
        ("Куртка. Цена 150 руб., доставка 500 руб.", 0.0),
        ("Куртка. Цена 9000 руб.", 0.0),
        ("Куртка.", 0.0),
    ],
)
def test_a_number_counts_under_its_own_label(text: str, kept: float) -> None:
    assert measure_kept(SOURCE, text) == kept


@pytest.mark.parametrize(
    ("source", "text", "kept"),
    [
        ("Цена: 5к", "Цена 5000 руб.", 1.0),
        ("Цена: 5000", "Отдам за пять тысяч рублей.", 1.0),
        ("Цена: 60 евро", "Цена 60 руб.", 0.0),
        ("Цена: 60 евро", "Цена 60 €.", 1.0),
        ("Цена: от 500 до 700", "Цена 500 руб.", 0.0),
        ("Цена: от 500 до 700", "Цена 500–700 руб.", 1.0),
        ("Возраст: 6-9 мес", "Возраст 6-9 лет.", 0.0),
        ("Размер: 30х20х10 см", "Размер 30 × 20 × 10 см.", 1.0),
        ("Размер: 44, 44", "Размер 44.", 1.0),
        ("Название: Nokia 3310", "Nokia 3310.", 1.0),
        ("Название: Nokia 3310", "Телефон: 3310.", 0.0),
        ("Цвет: белый", "Белая майка.", None),
        ("", "Майка 44.", None),
    ],
)
def test_a_value_counts_with_its_unit_in_any_spelling(source: str, text: str, kept: float | None) -> None:
    assert measure_kept(source, text) == kept


@given(st.lists(st.sampled_from(["Размер: 44-46", "Цена: 2,5 тыс.", "Рост: 164 см", "Возраст: 3 года", "Вес: 300 г"])))
def test_the_seller_s_own_words_keep_every_number(lines: list[str]) -> None:
    source = "\n".join(lines)
    masked = mask(source)
    assert measure_kept(source, unmask(masked.text, masked.values)) in (1.0, None)
