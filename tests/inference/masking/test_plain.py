"""Numbers in plain digits, without crossed-out prices."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.masking import write_plainly


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("Цена: 6️⃣5️⃣0️⃣ руб", "Цена: 650 руб"),
        ("1️⃣ 5️⃣ 0️⃣ 0️⃣", "1500"),
        ("Размер ４６, цена ➎⓪⓪", "Размер 46, цена 500"),
        ("3̶0̶0̶0̶ 1900", "1900"),
        ("6̶0̶0̶0̶р. 4500р.", "4500р."),
        ("~~5000~~ 3500", "3500"),
        ("5000р → 3000р", "3000р"),
        ("Было 5000, стало 3000", "Было 5000, стало 3000"),
        ("Размер 38⅔, 100 м²", "Размер 38⅔, 100 м²"),
        ("Платье.", "Платье."),
    ],
)
def test_digits_become_plain_and_crossed_out_prices_go(text: str, plain: str) -> None:
    assert write_plainly(text) == plain


@given(st.text(alphabet="абв 0123456789.,-/xх", max_size=40))
def test_plain_digits_stay(text: str) -> None:
    assert re.sub(r"\s", "", write_plainly(text)) == re.sub(r"\s", "", text)
