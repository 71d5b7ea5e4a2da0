"""Contacts that marketplaces forbid are found and erased; everything else stays."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.errors import Message
from inference.moderation.contacts import erase, find, list_warnings

FORBIDDEN = [
    ("Тел. 8 (916) 123-45-67", "phone"),
    ("звоните 89161234567", "phone"),
    ("+7 916 123 45 67", "phone"),
    ("916 123-45-67", "phone"),
    ("+375 29 123 45 67", "phone"),
    ("8(3452)12-34-56", "phone"),
    ("+7 701 123 45 67", "phone"),
    ("8 701 123 45 67", "phone"),
    ("тел 345-67-89", "phone"),
    ("Телефон: 34-56-78", "phone"),
    ("звоните 345 67 89", "phone"),
    ("(812) 345-67-89", "phone"),
    ("+49 151 23456789", "phone"),
    ("мой ник ivan_petrov в телеграме", "messenger"),
    ("8-900-000-12-34", "phone"),
    ("+7(900)0001234", "phone"),
    ("т. 34-56-78", "phone"),
    ("мой номер 9001234567", "phone"),
    ("+380501234567", "phone"),
    ("8 9 0 0 1 2 3 4 5 6 7", "phone"),
    ("8️⃣9️⃣0️⃣0️⃣1️⃣2️⃣3️⃣4️⃣5️⃣6️⃣7️⃣", "phone"),
    ("тел 2-34-56", "phone"),
    ("(3452) 12-34-56", "phone"),
    ("8/900/123/45/67", "phone"),
    ("8.900.123.45.67", "phone"),
    ("Позвоните 345-67-89", "phone"),
    ("8 900 ooo 12 34", "phone"),
    ("+7 (7172) 55-66-77", "phone"),
    ("8-3452-123456", "phone"),
    ("дом. тел. 212-85-06", "phone"),
    ("Тел. 8 800 555 35 35", "phone"),
    ("смотрите на https://example.com/a", "link"),
    ("все вещи на мойсайт.рф", "link"),
    ("каталог www.shop-online.ru", "link"),
    ("пишите на a.b@mail.ru", "link"),
    ("магазин точка ру", "link"),
    ("пишите в ватсап", "messenger"),
    ("есть вайбер", "messenger"),
    ("телеграм: prodavec", "messenger"),
    ("мой ник @prodavec", "messenger"),
    ("t.me/prodavec", "messenger"),
    ("отправлю по предоплате", "payment"),
    ("перевод на карту", "payment"),
    ("оплата на Сбербанк", "payment"),
    ("карта 2202 2000 1111 2222", "payment"),
    ("без комиссии сайта", "payment"),
]
ALLOWED = [
    "Размеры 42 44 46 48 50 52",
    "Артикул 9123456789",
    "Артикул: 89123456789",
    "арт. 8-900-123-45-67",
    "штрихкод 4601234567890",
    "код 9123456789",
    "ISBN 978-5-699-12014-7",
    "Размер 42-44-46",
    "ОГ 88-92-96",
    "замеры 60-40-50",
    "трек-номер 80123456789012",
    "№ 9123456789",
    "серийный номер 9161234567",
    "размеры 120-60-75",
    "Длина 89, ширина 45, рукав 61",
    "цена 9 123 456 руб",
    "ГОСТ 12.4.221-2002",
    "партия 345-67-89",
    "телефон Samsung A50",
    "тел. в профиле",
    "Viber не пользуюсь",
    "без телеграма",
    "Артикул 7810703. 2025 год",
    "Штрихкод: 4607086562345",
    "Номер заказа 79000000034",
    "код 89161234567",
    "Рост 80 86 92 98 104 110",
    "Телефон 128 Гб",
    "Размеры 30 (19 см), 31 (20 см)",
    "Куплено 8 марта 2024, 1500 руб.",
    "Цена 8000, торг",
    "Без предоплаты, отправлю почтой",
    "Предоплату не беру",
    "Кофта с кисточками и цветочками",
    "Пальто Max Mara, 100% шерсть",
    "Состояние отличное.Носили мало",
    "Юбка-карандаш, карманы по бокам",
    "Замеры: 110.5 x 60.2",
    "Футболка с надписью 2024.05",
]


@pytest.mark.parametrize(("text", "kind"), FORBIDDEN)
def test_something_forbidden_is_found(text: str, kind: str) -> None:
    assert kind in {contact.kind for contact in find(text)}


@pytest.mark.parametrize("text", ALLOWED)
def test_what_is_allowed_is_left_alone(text: str) -> None:
    assert find(text) == []
    assert erase(text) == text


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("Куртка зимняя, тел. 8 (916) 123-45-67, размер 42.", "Куртка зимняя, размер 42."),
        ("Продам. Почта: a.b@mail.ru. Торг.", "Продам. Торг."),
        ("Куртка, пишите в ватсап", "Куртка."),
        ("Размер: 42\nТелефон: 89161234567\nЦена: 500", "Размер: 42\nЦена: 500"),
        ("89161234567", ""),
    ],
)
def test_a_clause_goes_with_what_is_forbidden_in_it(text: str, kept: str) -> None:
    assert erase(text) == kept


def test_each_kind_is_warned_of_once() -> None:
    text = "Тел. 89161234567 или 89161234568, пишите в телеграм"
    assert list_warnings(text) == [Message("contact-phone"), Message("contact-messenger")]


@given(st.lists(st.sampled_from([text for text, _ in FORBIDDEN] + ALLOWED), max_size=6))
def test_nothing_forbidden_outlives_erasing(parts: list[str]) -> None:
    assert find(erase(". ".join(parts))) == []


@given(st.text(max_size=80))
def test_any_text_can_be_erased_from(text: str) -> None:
    assert len(erase(text)) <= len(text) + 1
