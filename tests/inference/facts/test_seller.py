"""Facts are read from named fields, from free text, in Russian and in English."""

from __future__ import annotations

import pytest

from inference.facts.seller import get_group, names_clothes, read_seller_facts
from inference.listing.attributes import parse_attributes


def read(text: str, item: str = "") -> set[tuple[str, str, str]]:
    return {(fact.group, fact.value, fact.source) for fact in read_seller_facts(parse_attributes(text), item)}


@pytest.mark.parametrize(
    ("name", "group"),
    [
        ("Предмет одежды", "item"),
        ("Item", "item"),
        ("Заголовок", "item"),
        ("Цвет", "colour"),
        ("Стоимость", "price"),
        ("Size", "size"),
        ("Описание", "text"),
        ("", "text"),
        ("Вид объявления", "bookkeeping"),
        ("Пробег", "пробег"),
    ],
)
def test_a_field_belongs_to_a_group_or_to_its_own(name: str, group: str) -> None:
    assert get_group(name) == group


@pytest.mark.parametrize(
    ("text", "fact"),
    [
        ("Предмет одежды: Куртка зимняя", ("item", "куртка", "field")),
        ("Предмет одежды: Топы и футболки", ("item", "Топы и футболки", "field")),
        ("Item: Winter jacket", ("item", "куртка", "field")),
        ("Название: Термос", ("item", "термос", "field")),
        ("Куртка: синяя", ("item", "куртка", "field")),
        ("Куртка: синяя", ("colour", "синяя", "field")),
        ("Цвет: тёмно-синий", ("colour", "тёмно-синий", "field")),
        ("Рукав: длинный рукав", ("sleeve", "длинный", "field")),
        ("Пробег: 90 000", ("пробег", "90 000", "field")),
        ("Состояние: почти новые", ("condition", "как новое", "field")),
        ("Платье в горошек с коротким рукавом", ("item", "платье", "text")),
        ("Платье в горошек с коротким рукавом", ("pattern", "горошек", "text")),
        ("Юбка солнце, молочно-белая", ("colour", "молочно-белая", "text")),
    ],
)
def test_facts_are_found(text: str, fact: tuple[str, str, str]) -> None:
    assert fact in read(text)


def test_a_phone_is_no_thing_for_sale() -> None:
    assert not [fact for fact in read("Телефон: 8 900 000-00-00") if fact[0] == "item"]


def test_only_the_first_thing_of_a_text_is_for_sale() -> None:
    items = [fact for fact in read("Платье, хорошо под джинсы и куртку") if fact[0] == "item"]
    assert items == [("item", "платье", "text")]


def test_the_corrected_item_replaces_what_the_seller_wrote_before() -> None:
    facts = read_seller_facts(parse_attributes("Предмет одежды: Куртка\nНазвание: Zara 1996"), "платье")
    assert [fact.value for fact in facts if fact.group == "item"] == ["платье", "Zara 1996"]


@pytest.mark.parametrize(
    ("text", "clothes"),
    [
        ("Предмет одежды: Головные уборы", True),
        ("Предмет одежды: Куртка", True),
        ("Платье летнее, размер 44", True),
        ("Предмет одежды: Пакет вещей", False),
        ("Название: Лампа", False),
        ("Цена: 500", False),
    ],
)
def test_clothes_are_distinguished_from_other_things(text: str, clothes: bool) -> None:
    assert names_clothes(read_seller_facts(parse_attributes(text))) is clothes
