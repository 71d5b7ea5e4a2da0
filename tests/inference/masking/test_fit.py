"""Drafts never change what a value means: units, signs, prepositions and labels around its token."""

from __future__ import annotations

import pytest

from inference.masking import unmask


@pytest.mark.parametrize(
    ("value", "draft", "text"),
    [
        ("5000", "Цена <PRICE> руб., торг.", "Цена 5000 руб., торг."),
        ("5000", "Цена <PRICE> тыс. руб.", "Цена 5000 руб."),
        ("5000", "Цена $<PRICE>.", "Цена 5000."),
        ("5000", "Цена <PRICE> евро.", "Цена 5000."),
        ("60 евро", "Цена <PRICE> руб.", "Цена 60 евро."),
        ("$50", "Отдам за <PRICE> руб.", "Отдам за $50."),
        ("5к", "Прошу <PRICE> руб.", "Прошу 5к руб."),
        ("4т.р.", "Цена <PRICE> руб.", "Цена 4т.р."),
        ("2,5 тыс.", "Цена <PRICE> рублей, торг.", "Цена 2,5 тыс. рублей, торг."),
        ("от 500 до 700", "Отдам за <PRICE> руб.", "Отдам от 500 до 700 руб."),
        ("от 500 до 700", "Цена от <PRICE> руб.", "Цена от 500 до 700 руб."),
        ("пятьсот рублей", "Цена <PRICE> руб.", "Цена пятьсот рублей."),
    ],
)
def test_a_price_keeps_its_currency_and_its_ends(value: str, draft: str, text: str) -> None:
    assert unmask(draft, {"<PRICE>": value}) == text


@pytest.mark.parametrize(
    ("token", "value", "draft", "text"),
    [
        ("<AGE>", "6-9 мес", "Возраст <AGE> лет.", "Возраст 6-9 мес."),
        ("<AGE>", "6-9", "Возраст <AGE> лет.", "Возраст 6-9."),
        ("<HEIGHT>", "164", "Рост <HEIGHT> см.", "Рост 164 см."),
        ("<HEIGHT>", "1,70", "Рост <HEIGHT> см.", "Рост 1,70."),
        ("<HEIGHT>", "5'10\"", "Рост <HEIGHT> см.", "Рост 5'10\"."),
        ("<SIZE>", "46", "Размер <SIZE> см.", "Размер 46."),
        ("<SIZE>", "40EU/26см", "Размер <SIZE> см.", "Размер 40EU/26см."),
        ("<WEIGHT>", "300", "Вес <WEIGHT> г.", "Вес 300."),
        ("<DISCOUNT>", "20%", "Скидка -<DISCOUNT>%.", "Скидка -20%."),
        ("<DISCOUNT>", "500", "Скидка <DISCOUNT>%.", "Скидка 500."),
        ("<DELIVERY>", "бесплатно от 3000", "Доставка от <DELIVERY> руб.", "Доставка бесплатно от 3000 руб."),
        ("<PHONE>", "8 900 000-00-12", "Телефон: +<PHONE>.", "Телефон: 8 900 000-00-12."),
        ("<YEAR>", "2022", "Куплено в <YEAR> году.", "Куплено в 2022 году."),
        ("<QUANTITY>", "2 пары", "В наличии <QUANTITY> шт.", "В наличии 2 пары."),
    ],
)
def test_a_unit_that_is_not_the_seller_s_goes(token: str, value: str, draft: str, text: str) -> None:
    """Only the unit that everybody means may be added: roubles, centimetres of a body, the word «году»."""
    assert unmask(draft, {token: value}) == text


@pytest.mark.parametrize(
    ("values", "draft", "text"),
    [
        ({"<UNK_VAL>": "3310"}, "Nokia, новый. Телефон: +<UNK_VAL>.", "Nokia, новый."),
        ({"<UNK_VAL>": "3310"}, "Телефон Nokia <UNK_VAL>.", "Телефон Nokia 3310."),
        ({"<UNK_VAL>": "5000", "<PRICE>": "2500"}, "Цена: <UNK_VAL>. Торг.", "Торг."),
        ({"<UNK_VAL>": "5000", "<PRICE>": "2500"}, "Было <UNK_VAL>, стало <PRICE>.", "Было 5000, стало 2500."),
        ({"<PRICE>": "500"}, "Новое. Размер <PRICE>.", "Новое."),
        ({"<DELIVERY>": "300"}, "Новое. Цена <DELIVERY> руб.", "Новое."),
        ({"<UNK_VAL>": "2-3 дня"}, "Доставка <UNK_VAL>.", "Доставка 2-3 дня."),
        ({"<QUANTITY>": "2", "<PRICE>": "900"}, "Цена за <QUANTITY> шт. — <PRICE>.", "Цена за 2 шт. — 900."),
        ({"<SIZE>": "46-48"}, "Куртка, <SIZE> р.", "Куртка, 46-48 р."),
    ],
)
def test_a_number_behind_a_false_label_goes(values: dict[str, str], draft: str, text: str) -> None:
    assert unmask(draft, values) == text


@pytest.mark.parametrize("junk", ["Телефон: +%.", "Телефон — +%.", "Телефон: %."])
def test_a_label_without_a_number_goes(junk: str) -> None:
    assert unmask(f"Новое. {junk}", {"<PHONE>": "8 900 000-00-12"}) == "Новое."
