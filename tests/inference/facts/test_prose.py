"""A seller's free text becomes sentences, and keeps every word and number."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.facts.lexicon import fold
from inference.facts.prose import is_greeting, tidy_text, tidy_value

PIECES = st.sampled_from(
    (
        "куртка",
        "Zara",
        "размер 44",
        "новая!!!",
        "5 000 руб.",
        "🔥🔥",
        "---",
        "торг",
        "р-р 46",
        "(не село)",
        "ул. Мира 15",
    )
)


@pytest.mark.parametrize(
    ("text", "tidy"),
    [
        ("🔥🔥🔥 Шапка 🔥🔥🔥", "Шапка."),
        ("——— Платье ———", "Платье."),
        ("Шапка!!!!!!", "Шапка!"),
        ("-30%", "-30%."),
        ("- 30 штук", "30 штук."),
        ("куртка, р-р 44, дл. рукав, отл. сост.", "Куртка, размер 44, длинный рукав, отличное состояние."),
        ("<b>Платье</b> новое", "Платье новое."),
        ("платье\nразмер 44\nторг", "Платье. Размер 44. Торг."),
        ("ПРОДАМ КУРТКУ ЗИМНЮЮ ZARA", "Продам куртку зимнюю ZARA."),
        ("самовывоз ул. мира 15. звоните", "Самовывоз ул. мира 15. Звоните."),
        ("Пуховик, 3,5 т.р., торг", "Пуховик, 3,5 т.р., торг."),
        ("5️⃣0️⃣0️⃣ руб", "500 руб."),
        ("Цена 2̶5̶0̶0̶ 1800", "Цена 1800."),
        ("+7 701 123 45 67", "+7 701 123 45 67."),
        ("почему так дёшево???", "Почему так дёшево?"),
        ("❤️", ""),
    ],
)
def test_decoration_goes_and_sentences_come(text: str, tidy: str) -> None:
    assert tidy_text(text) == tidy


@pytest.mark.parametrize(
    ("value", "tidy"),
    [("5️⃣0️⃣0️⃣ руб", "500 руб"), ("1̶2̶0̶0̶ → 800", "800"), (" <b>44</b>; ", "44"), ("⭐️", ""), ("м. Сокол", "м. Сокол")],
)
def test_values_lose_decoration_and_what_was_struck_through(value: str, tidy: str) -> None:
    assert tidy_value(value) == tidy


@pytest.mark.parametrize("text", ["Здравствуйте!", "привет, как дела?", "Добрый день", "…", "hello"])
def test_a_greeting_describes_nothing(text: str) -> None:
    assert is_greeting(text)


@pytest.mark.parametrize("text", ["Добрый день, куртка", "500", "Платье"])
def test_a_listing_is_no_greeting(text: str) -> None:
    assert not is_greeting(text)


@given(st.lists(PIECES, min_size=1, max_size=8).map(" ".join))
def test_every_number_and_word_stays(text: str) -> None:
    tidy = fold(tidy_text(text)).replace("размер", "р-р")
    plain = fold(text).replace("размер", "р-р")
    assert re.findall(r"\d+", tidy) == re.findall(r"\d+", plain)
    assert re.findall(r"[^\W\d_]+", tidy) == re.findall(r"[^\W\d_]+", plain)


@given(st.text(max_size=80))
def test_any_text_can_be_tidied(text: str) -> None:
    tidy = tidy_text(text)
    assert tidy == "" or tidy.endswith((".", "!", "?", "…"))
