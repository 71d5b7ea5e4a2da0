"""Kinds of numbers: difficult cases by hand, and every attribute of the real listings."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from inference.masking import TOKEN_KINDS, mask

LISTINGS = Path(__file__).resolve().parents[4] / "shared/data/clothing/listings.jsonl"


def classify(text: str) -> list[str]:
    return [re.sub(r"_\d+$", "", token.strip("<>")) for token in mask(text).values]


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("Размер: 30 (19 см)", "SIZE LENGTH"),
        ("Цена: 5000", "PRICE"),
        ("Доставка: от 150 руб.", "DELIVERY"),
        ("Скидка: 20% при покупке от 3 вещей", "DISCOUNT"),
        ("Состав: хлопок 90%", "PERCENT"),
        ("Состав: хлопок 95%, эластан 5%", "PERCENT PERCENT"),
        ("Куплено в: 2019 году", "YEAR"),
        ("Рост: 95 см", "HEIGHT"),
        ("Обхват груди: 98 см", "GIRTH"),
        ("Обхват талии: 70", "GIRTH"),
        ("Длина изделия: 70 см", "LENGTH"),
        ("Длина рукава: 60", "LENGTH"),
        ("Длина стельки: 20,0 см", "LENGTH"),
        ("Высота каблука: 7 см", "LENGTH"),
        ("Возраст: 5 лет", "AGE"),
        ("Размер: 146 (12 лет)", "SIZE AGE"),
        ("Размер: 42 (S)", "SIZE SIZE"),
        ("Размер: 86-92 см", "SIZE"),
        ("Размер: 45, стелька 29 см", "SIZE LENGTH"),
        ("Размер: W30 L32", "SIZE"),
        ("Отдам за 500, размер 42, рост 164, звоните +7 900 123-45-67", "PRICE SIZE HEIGHT PHONE"),
        ("Новая куртка по цене 3000 рублей", "PRICE"),
        ("Цену снизила до 1 200 р", "PRICE"),
        ("подойдёт размеру 46", "SIZE"),
        ("Размеры 44, 46 и 48", "SIZE SIZE SIZE"),
        ("Цена 5 тыс. руб.", "PRICE"),
        ("1,5 тыс. рублей", "PRICE"),
        ("2018 года выпуска", "YEAR"),
        ("Год выпуска: 2018", "YEAR"),
        ("б/у 2 года", "AGE"),
        ("носили 2 раза", "UNK_VAL"),
        ("весит 300 г", "WEIGHT"),
        ("Вес 1.5 кг", "WEIGHT"),
        ("2 шт.", "QUANTITY"),
        ("осталось 3 пары", "QUANTITY"),
        ("50 процентов хлопка", "PERCENT"),
        ("скидка 500 руб", "DISCOUNT"),
        ("отдам со скидкой 10%", "DISCOUNT"),
        ("10% скидка", "DISCOUNT"),
        ("Цена с доставкой 650 руб", "PRICE"),
        ("Цена без доставки: 500", "PRICE"),
        ("Цена 500 руб, доставка 150 руб", "PRICE DELIVERY"),
        ("Доставка 150, цена 500", "DELIVERY PRICE"),
        ("Стоимость доставки 200 руб", "DELIVERY"),
        ("цена 700, отправка почтой от 300 р", "PRICE DELIVERY"),
        ("500 р + 150 за доставку", "PRICE DELIVERY"),
        ("500 р + 150 р за доставку", "PRICE DELIVERY"),
        ("отправлю за 300", "DELIVERY"),
        ("Доставка СДЭК 2-3 дня, 300 руб", "UNK_VAL PRICE"),
        ("1 234,50 ₽", "PRICE"),
        ("$50", "PRICE"),
        ("Артикул: 2440946", "ARTICLE"),
        ("арт. 123", "ARTICLE"),
        ("арт 2440946, 1 шт", "ARTICLE QUANTITY"),
        ("тел. 8(900)123-45-67", "PHONE"),
        ("Телефон: 89001234567", "PHONE"),
        ("8 900 123 45 67", "PHONE"),
        ("Пробег: 12000", "UNK_VAL"),
        ("Этаж: 5", "UNK_VAL"),
        ("размер 42 500 руб", "SIZE PRICE"),
        ("Размер: XL", "SIZE"),
        ("Размер: М", "SIZE"),
        ("р-р 46", "SIZE"),
        ("р. 44-46", "SIZE"),
        ("46 размер", "SIZE"),
        ("46-го размера", "SIZE"),
        ("на 5-6 лет", "AGE"),
        ("6-12 мес", "AGE"),
        ("ОГ 90 ОТ 70 ОБ 95", "GIRTH GIRTH GIRTH"),
        ("Обхват груди 90, талии 70, бёдер 95", "GIRTH GIRTH GIRTH"),
        ("ширина в груди 50 см", "LENGTH"),
        ("длина по спинке 60, рукав 58", "LENGTH LENGTH"),
        ("Обхват по бедрам 98", "GIRTH"),
        ("грудь 90 см, талия 70 см", "GIRTH GIRTH"),
        ("в росте 164 см", "HEIGHT"),
        ("на рост 98-104", "HEIGHT"),
        ("рост модели 175", "HEIGHT"),
        ("Рост 164 размер 42", "HEIGHT SIZE"),
        ("164 рост", "HEIGHT"),
        ("Цена за 2 шт: 500", "QUANTITY PRICE"),
        ("2 футболки по 300", "QUANTITY PRICE"),
        ("Купила за 2000", "UNK_VAL"),
        ("Покупали в 2020", "YEAR"),
        ("брали в 2021 за 3500", "YEAR UNK_VAL"),
        ("Коллекция 2023", "YEAR"),
        ("кроссовки 38", "SIZE"),
        ("Звонить с 10 до 20", "UNK_VAL"),
        ("EU 38, RU 37", "SIZE SIZE"),
        ("стоит 300, торг до 250", "PRICE PRICE"),
        ("Количество: 2", "QUANTITY"),
        ("количеством 10", "QUANTITY"),
        ("Цена: 300/500", "PRICE"),
        ("Цены: 300 и 500", "PRICE PRICE"),
        ("Размер: 2XL", "SIZE"),
        ("возрастом 3 года", "AGE"),
        ("Куртка, 12.05.2019", "UNK_VAL"),
        ("иномарка 2019 г.", "YEAR"),
        ("стелька 24,5", "LENGTH"),
        ("по стельке 24", "LENGTH"),
        ("размер стельки 24.5 см", "LENGTH"),
        ("Размер 44 - 46", "SIZE"),
        ("минус 15% от 2 вещей", "DISCOUNT"),
        ("Продам платье 46 за 1500", "SIZE PRICE"),
        ("Рубашка, 100% хлопок", "PERCENT"),
        ("H&M 46", "UNK_VAL"),
        ("200р", "PRICE"),
        ("3т.р.", "PRICE"),
        ("5к", "PRICE"),
        ("ЦЕНА 500 РУБ. ДОСТАВКА ОТ 150 РУБ.", "PRICE DELIVERY"),
        ("Торг, 450 р", "PRICE"),
        ("Цена, руб: 5000", "PRICE"),
        ("Рост (см): 164", "HEIGHT"),
        ("Длина, см: 60", "LENGTH"),
        ("Цена: 5000 (торг до 4500)", "PRICE PRICE"),
        ("Размер: 42-44 (наш 46)", "SIZE SIZE"),
        ("Размер: w30 l32", "SIZE"),
        ("Объём: 50 мл", "UNK_VAL"),
        ("Витамины, 60 капсул", "QUANTITY"),
        ("3 платья и 2 юбки", "QUANTITY QUANTITY"),
        ("от 3 до 5 лет", "AGE"),
        ("от 500 до 1000 рублей", "PRICE"),
        ("44 и 46 размер", "SIZE SIZE"),
        ("Кроссовки Air Max 90, 42 размер", "UNK_VAL SIZE"),
        ("Осталось 2 размера: 44 и 48", "UNK_VAL SIZE SIZE"),
        ("1 шт - 500 руб, 2 шт - 900 руб", "QUANTITY PRICE QUANTITY PRICE"),
        ("Новая, покупали за 7500 в 2021 году, отдаю за 3000", "UNK_VAL YEAR PRICE"),
        ("Телефон: 8-900-123-45-67, звонить с 9:00 до 21:00", "PHONE UNK_VAL"),
        ("Лампа, 60 Вт, высота 45 см, 1500 р.", "UNK_VAL LENGTH PRICE"),
        ("Размер EU 39 / US 8, длина стельки 25,5см", "SIZE SIZE LENGTH"),
        ("Куплено 12.05.2019", "YEAR"),
        ("в 2019-2020 годах", "YEAR"),
        ("Футболка H & M, S. Oliver, размер L", "SIZE"),
        ("Цена: 500; Рост: 164; Размер: M", "PRICE HEIGHT SIZE"),
        ("Размер: маломерит; Этаж: 5", "UNK_VAL"),
        ("3XL (56)", "SIZE SIZE"),
        ("price: 500", "PRICE"),
        ("Формат: А4", "UNK_VAL"),
        ("Самовывоз или доставка (от 150 руб.)", "DELIVERY"),
        ("доставка: курьером 300, почтой 250", "DELIVERY DELIVERY"),
        ("Доставка почтой 250 руб, сама вещь 900 руб", "DELIVERY PRICE"),
    ],
)
def test_words_around_a_number_decide_its_kind(text: str, kinds: str) -> None:
    """Words before a number decide first, the unit after it second, in any grammatical case."""
    assert classify(text) == kinds.split()


def test_all_kinds_are_there() -> None:
    expected = "PRICE SIZE LENGTH GIRTH HEIGHT WEIGHT AGE YEAR QUANTITY PERCENT DISCOUNT DELIVERY PHONE ARTICLE UNK_VAL"
    assert set(expected.split()) == set(TOKEN_KINDS)


@pytest.mark.parametrize(
    "text",
    [
        "Цена: 500\nДоставка: 150 руб.",
        "Доставка: 150 руб.\nЦена: 500",
        "цена 500 р, доставка 150 р",
        "доставка 150 р, цена 500 р",
        "500 р + 150 р за доставку",
        "Цена 500 (доставка 150)",
        "Отдам за 500, отправлю почтой за 150",
        "стоимость доставки 150, стоимость юбки 500",
    ],
)
def test_price_and_delivery_fee_are_not_swapped(text: str) -> None:
    values = mask(text).values
    assert (values["<PRICE>"], values["<DELIVERY>"]) == ("500", "150")


def test_every_real_attribute_becomes_the_token_of_its_name() -> None:
    """Each attribute name of the example listings always gives the same kind."""
    if not LISTINGS.exists():
        pytest.skip(f"no {LISTINGS}: the example listings are not part of the repository")
    found: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for line in LISTINGS.read_text(encoding="utf-8").splitlines():
        attributes = json.loads(line)["attributes"]
        masked = mask("\n".join(f"{name}: {value}" for name, value in attributes.items()))
        for name, row in zip(attributes, masked.text.split("\n"), strict=True):
            found[name].update(re.findall(r"<([A-Z]+(?:_VAL)?)(?:_\d+)?>", row))
    assert {name: set(kinds) for name, kinds in found.items() if kinds} == {
        "Цена": {"PRICE"},
        "Размер": {"SIZE", "LENGTH", "AGE"},
        "Артикул": {"ARTICLE"},
        "Состав": {"PERCENT"},
        "Доставка": {"DELIVERY"},
        "Скидка": {"DISCOUNT"},
        "Количество": {"QUANTITY"},
        "Куплено в": {"YEAR"},
        "Длина изделия": {"LENGTH"},
        "Длина рукава": {"LENGTH"},
        "Длина по внутреннему шву": {"LENGTH"},
        "Длина стельки": {"LENGTH"},
        "Высота каблука": {"LENGTH"},
        "Обхват груди": {"GIRTH"},
        "Обхват бёдер": {"GIRTH"},
        "Обхват талии": {"GIRTH"},
        "Рост": {"HEIGHT"},
        "Возраст": {"AGE"},
    }
