"""Photos of one thing are pooled, photos of different things are told apart."""

from __future__ import annotations

import pytest
from PIL import Image

from inference.facts.album import build_sheets, cut_parts, measure_difference, pool_photos, split_things
from inference.facts.photos import PhotoFacts
from inference.facts.seller import read_seller_facts
from inference.facts.sheet import FactSheet
from inference.listing.attributes import parse_attributes

APART = [[0.9, 0.9], [0.9, 0.9]]


def photo(item: str, colour: str, hood: float = 0.0, also: str = "шапка", share: float = 0.8) -> PhotoFacts:
    return PhotoFacts(
        {"item": {item: share, also: 1 - share}, "colour": {colour: 0.9, "серый": 0.1}, "hood": {"есть": hood}}
    )


def test_items_are_averaged_and_properties_take_the_two_surest_photos() -> None:
    facts = pool_photos([photo("куртка", "синий", 0.9), photo("куртка", "синий", 0.8), photo("пальто", "синий", 0.1)])
    found = {(fact.group, fact.value): fact.probability for fact in facts}
    assert found["item", "куртка"] == pytest.approx(1.6 / 3)
    assert found["hood", "есть"] == pytest.approx(0.85)
    assert found["colour", "синий"] == pytest.approx(0.9)


def test_the_likeliest_comes_first_and_unlikely_properties_are_no_facts() -> None:
    facts = pool_photos([photo("куртка", "синий", 0.05)])
    assert [fact.value for fact in facts] == ["синий", "куртка", "шапка", "серый"]


def test_photos_of_the_same_kind_and_colour_show_one_thing() -> None:
    photos = [
        photo("куртка", "синий"),
        photo("пальто", "тёмно-синий"),
        photo("платье", "синий"),
        photo("куртка", "белый"),
    ]
    alike = [[0.2] * 4] * 4
    assert [thing[0].value for thing in split_things(photos, alike)] == ["синий", "синий", "белый"]
    assert len(split_things(photos)) == 2  # parts of one photo show a thing in several colours


def test_a_photo_whose_kind_of_thing_is_not_clear_shows_none() -> None:
    photos = [photo("куртка", "синий"), photo("платье", "белый", share=0.4, also="юбка")]
    apart = [[0.9] * 3] * 3
    assert len(split_things(photos, apart)) == 2
    assert len(split_things([*photos, photo("носки", "красный", share=0.45, also="чулки")], apart)) == 3
    unclear = PhotoFacts({"item": {"носки": 0.3, "сапоги": 0.3, "пиджак": 0.3}, "colour": {"красный": 1.0}})
    part = photo("носки", "красный", share=0.6)
    assert (len(split_things([*photos, part], apart)), len(split_things([*photos, part]))) == (3, 1)
    assert len(split_things([*photos, unclear], apart)) == 2
    assert len(split_things([unclear, unclear], apart)) == 1


def test_photos_that_differ_show_two_things_of_one_kind_and_colour() -> None:
    tees = [photo("футболка", "чёрный"), photo("футболка", "чёрный")]
    assert [len(split_things(tees, [[0.0, each], [each, 0.0]])) for each in (0.02, 0.2, 0.6)] == [1, 1, 2]
    other = [photo("футболка", "чёрный"), photo("свитер", "белый")]
    assert [len(split_things(other, [[0.0, each], [each, 0.0]])) for each in (0.02, 0.2, 0.6)] == [1, 2, 2]


def test_a_seller_of_several_things_needs_less_difference() -> None:
    tees = [photo("футболка", "чёрный"), photo("футболка", "чёрный")]
    for category, count in (("Пакет вещей", 2), ("Топы и футболки", 1)):
        seller = read_seller_facts(parse_attributes(f"Предмет одежды: {category}"))
        sheets = build_sheets(seller, tees, {}, is_set=True, differences=[[0.0, 0.2], [0.2, 0.0]])
        assert len(sheets) == count


def test_the_parts_of_a_picture_cover_it() -> None:
    parts = cut_parts(Image.new("RGB", (100, 60)))
    assert [part.size for part in parts] == [(55, 33)] * 9 + [(100, 60)]


@pytest.mark.parametrize(
    ("text", "things"),
    [
        ("", 2),
        ("Предмет одежды: Пакет вещей", 2),
        ("Предмет одежды: Куртка", 1),
        ("Предмет одежды: Куртка и платье", 2),
    ],
)
def test_a_seller_who_names_one_thing_sells_one(text: str, things: int) -> None:
    photos = [photo("куртка", "синий"), photo("платье", "белый")]
    seller = read_seller_facts(parse_attributes(text))
    assert len(build_sheets(seller, photos, {}, is_set=True, differences=APART)) == things
    assert len(build_sheets(seller, photos, {}, is_set=False)) == 1


def test_a_set_keeps_what_is_surely_none_of_the_category() -> None:
    def merge(category: str, *photos: PhotoFacts) -> list[FactSheet]:
        seller = read_seller_facts(parse_attributes(f"Предмет одежды: {category}"))
        return list(build_sheets(seller, photos, {}, is_set=True, differences=APART))

    tee, skirt = photo("футболка", "синий", also="майка"), photo("юбка", "белый", also="платье")
    unsure = photo("юбка", "белый", also="футболка")
    assert [sheet.item for sheet in merge("Топы и футболки", tee, skirt)] == ["футболка", "юбка"]
    assert [sheet.item for sheet in merge("Топы и футболки", tee, unsure)] == ["футболка", "футболка"]
    assert [sheet.item for sheet in merge("Юбки", tee, skirt)] == ["юбка", "футболка"]
    assert [sheet.kinds for sheet in merge("Обувь", tee, skirt)] == [frozenset({"shoes"}), None]


def test_photos_that_surely_show_different_kinds_of_things_differ() -> None:
    hoodie = photo("худи", "синий", also="толстовка")
    assert measure_difference([], [hoodie, photo("юбка", "синий", also="платье")]) == pytest.approx(1)
    assert measure_difference([], [hoodie, photo("толстовка", "белый", also="худи")]) == pytest.approx(0)
    assert measure_difference([], [hoodie]) == 0
    seller = read_seller_facts(parse_attributes("Предмет одежды: Худи"))
    assert measure_difference(seller, [hoodie, photo("юбка", "синий")]) == 0


def test_without_photos_there_are_the_seller_s_facts() -> None:
    (sheet,) = build_sheets(read_seller_facts(parse_attributes("Предмет одежды: Куртка")), [], {}, is_set=False)
    assert sheet.item == "куртка"
