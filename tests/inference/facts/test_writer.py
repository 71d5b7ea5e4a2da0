"""A text names the thing, says what is sure, and keeps everything that the seller said."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from inference.facts.album import build_sheets
from inference.facts.compose import count_things
from inference.facts.photos import PhotoFacts
from inference.facts.seller import read_seller_facts
from inference.facts.sheet import FactSheet
from inference.facts.types import Fact
from inference.facts.writer import has_something_to_sell, write_text
from inference.listing.attributes import parse_attributes

DRESS = (
    Fact("item", "платье", "photo", 0.9),
    Fact("colour", "тёмно-синий", "photo", 0.9),
    Fact("sleeve", "короткий", "photo", 0.9),
)
SKIRT = (Fact("item", "юбка", "photo", 0.9), Fact("colour", "белый", "photo", 0.9))


def write(text: str = "", draft: str = "", photo: Sequence[Fact] = (), seed: int = 1) -> str:
    attributes = parse_attributes(text)
    sheet = FactSheet.merge(read_seller_facts(attributes), photo, {})
    return write_text(draft, [sheet], attributes, seed).text


@pytest.mark.parametrize(
    ("text", "begins"),
    [
        ("", "Тёмно-синее платье"),
        ("Предмет одежды: Платья", "Тёмно-синее платье"),
        ("Предмет одежды: Платье летнее", "Платье летнее, тёмно-синее"),
        ("Цвет: красный", "Красное платье"),
        ("Предмет одежды: Юбка", "Тёмно-синяя юбка"),
        ("Предмет одежды: Куртка\nНазвание: The North Face 1996", "Куртка The North Face 1996, тёмно-синяя"),
        ("Предмет одежды: Пакет вещей", "Пакет вещей: тёмно-синее платье"),
        ("Предмет одежды: Другое", "Тёмно-синее платье"),
    ],
)
def test_the_thing_is_named_first(text: str, begins: str) -> None:
    assert write(text, photo=DRESS).startswith(begins)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("Услуга: Ремонт обуви", "Ремонт обуви."),
        ("Название: Термос-бутылка\nЦвет: чёрный", "Термос-бутылка, чёрный."),
        ("Предмет одежды: Топы и футболки", "Топы и футболки."),
        ("Предмет одежды: Платья", "Платье."),
        ("Item: T-shirt", "Футболка."),
        ("футболка М, 500₽, торг", "Футболка М, 500₽, торг."),
    ],
)
def test_the_seller_s_words_alone_give_a_text(text: str, written: str) -> None:
    assert write(text) == written


def test_free_text_stays_and_gets_what_the_photos_add() -> None:
    assert write("платье Zara, 44", photo=DRESS) == "Платье Zara, 44. Короткий рукав."
    assert write("платье с длинным рукавом", photo=DRESS) == "Платье с длинным рукавом."


def test_the_look_leads_where_the_text_names_nothing() -> None:
    assert write("Отдам в хорошие руки", photo=SKIRT) == "Белая юбка. Отдам в хорошие руки."


def test_a_supported_draft_is_kept() -> None:
    assert write(draft="Тёмно-синее платье, рукав короткий, V-образный вырез", photo=DRESS) == (
        "Тёмно-синее платье, рукав короткий."
    )


def test_other_seeds_give_other_texts() -> None:
    assert len({write("Цена: 500", photo=DRESS, seed=seed) for seed in range(20)}) > 5


def test_a_set_names_each_thing_once_and_counts_equal_ones() -> None:
    attributes = parse_attributes("Предмет одежды: Пакет вещей\nРазмер: 44")
    seller = read_seller_facts(attributes)
    sheets = [FactSheet.merge(seller, photo, {}) for photo in (DRESS, SKIRT, SKIRT)]
    text = write_text("", sheets, attributes, 3).text
    assert text.startswith("Пакет вещей: тёмно-синее платье и две белые юбки.")
    assert "44" in text


def test_english_values_are_facts_and_are_said_in_russian() -> None:
    text = write("Item: dress; Color: navy blue; Sex: girls; Material: cotton", photo=SKIRT)
    assert text == "Тёмно-синее платье. Для девочек. Материал: хлопок."


def test_a_second_name_of_a_thing_is_not_run_together_with_the_first() -> None:
    assert write("Предмет одежды: Куртка; Название: Пальто зимнее").startswith("Куртка, пальто зимнее")
    assert write("Предмет одежды: Куртка; Название: The North Face").startswith("Куртка The North Face")


@pytest.mark.parametrize(
    ("item", "colour", "count", "words"),
    [
        ("футболка", "чёрный", 2, "две чёрные футболки"),
        ("футболка", "чёрный", 5, "пять чёрных футболок"),
        ("свитер", "серый", 3, "три серых свитера"),
        ("платье", "синий", 2, "два синих платья"),
        ("джинсы", "синий", 2, "две пары синих джинсов"),
        ("кроссовки", "белый", 6, "шесть пар белых кроссовок"),
        ("лонгслив", "белый", 2, "белый лонгслив (2 шт.)"),
    ],
)
def test_equal_things_are_counted(item: str, colour: str, count: int, words: str) -> None:
    sheet = FactSheet((Fact("item", item, "photo", 0.9), Fact("colour", colour, "photo", 0.9)))
    assert count_things(sheet, count) == words


@pytest.mark.parametrize(
    ("text", "begins"),
    [
        ("Вид одежды: Женская", "Тёмно-синее женское платье, "),
        ("Вид одежды: Для девочек", "Тёмно-синее платье для девочек, "),
        ("Вид одежды: унисекс; Предмет одежды: Платья", "Тёмно-синее платье унисекс, "),
        ("Вид одежды: Женская; Предмет одежды: Платье летнее", "Платье летнее, тёмно-синее, "),
        ("Вид одежды: Для всей семьи", "Тёмно-синее платье, "),
        ("Вид одежды: Женская; Предмет одежды: Пакет вещей", "Пакет вещей: тёмно-синее платье, "),
    ],
)
def test_whose_a_thing_is_stands_beside_its_name(text: str, begins: str) -> None:
    written = write(text, photo=DRESS)
    assert written.startswith(begins)
    assert sum(stem in written.lower() for stem in ("женск", "девоч", "унисекс", "семьи")) == 1


def test_a_set_is_named_after_its_category_where_all_things_are_of_it() -> None:
    def begin(text: str, *items: str) -> str:
        attributes = parse_attributes(text)
        photos = [PhotoFacts({"item": {item: 0.9}, "colour": {"белый": 0.9}}) for item in items]
        sheets = build_sheets(read_seller_facts(attributes), photos, {}, is_set=True)
        return write_text("", sheets, attributes, 3).text.split(":")[0]

    assert begin("Предмет одежды: Комплекты", "платье", "юбка") == "Комплект"
    assert begin("Предмет одежды: Комплекты", "юбка") == "Комплект"
    assert begin("Предмет одежды: Юбки", "юбка", "платье") == "Продаю вместе"


def test_nothing_known_gives_no_text() -> None:
    assert write("Здравствуйте!") == ""
    assert write() == ""


@pytest.mark.parametrize(("text", "sells"), [("Привет", False), ("", False), ("Цена: 500", True), ("Платье", True)])
def test_a_greeting_sells_nothing(text: str, sells: bool) -> None:
    assert has_something_to_sell(parse_attributes(text)) is sells
