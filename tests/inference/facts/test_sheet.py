"""The seller outranks the photos, and the category narrows the thing."""

from __future__ import annotations

import pytest

from inference.facts.lexicon import Mention
from inference.facts.seller import read_seller_facts
from inference.facts.sheet import FactSheet
from inference.facts.types import Fact
from inference.listing.attributes import parse_attributes

PHOTO = (
    Fact("item", "платье", "photo", 0.6),
    Fact("item", "футболка", "photo", 0.3),
    Fact("colour", "синий", "photo", 0.6),
    Fact("colour", "белый", "photo", 0.3),
    Fact("sleeve", "короткий", "photo", 0.9),
    Fact("hood", "есть", "photo", 0.2),
    Fact("details", "каблук", "photo", 0.9),
    Fact("audience", "женский", "photo", 0.9),
)


def merge(text: str = "", thresholds: dict[str, float] | None = None) -> FactSheet:
    return FactSheet.merge(read_seller_facts(parse_attributes(text)), PHOTO, thresholds or {})


@pytest.mark.parametrize(
    ("text", "item"),
    [
        ("", "платье"),
        ("Предмет одежды: Топы и футболки", "футболка"),
        ("Предмет одежды: Куртка", "куртка"),
        ("Предмет одежды: Пакет вещей", "платье"),
        ("Предмет одежды: Обувь", "обувь"),
        ("Юбка новая", "юбка"),
        ("Вид одежды: Мужская", "футболка"),
        ("Вид одежды: Для мальчиков", "футболка"),
        ("Вид одежды: Мужская; Предмет одежды: Платье", "платье"),
        ("Вид одежды: Унисекс", "платье"),
    ],
)
def test_the_item_is_the_seller_s_or_what_the_category_leaves(text: str, item: str) -> None:
    assert merge(text).item == item


def test_colours_are_the_seller_s_or_surely_seen() -> None:
    assert merge().colours == ("синий", "белый")
    assert merge("Цвет: красный").colours == ("красный",)
    assert merge("Цвет: красный, белый").colours == ()
    assert merge(thresholds={"colour": 0.9}).colours == ()


@pytest.mark.parametrize(
    ("text", "group", "value", "decision"),
    [
        ("", "sleeve", "короткий", "seen"),
        ("", "sleeve", "длинный", "unsure"),
        ("", "hood", "есть", "unsure"),
        ("Рукав: длинный рукав", "sleeve", "короткий", "contradicts"),
        ("Рукав: длинный рукав", "sleeve", "длинный", "seller"),
        ("", "condition", "новое", "unsure"),
        ("Состояние: хорошее", "condition", "новое", "contradicts"),
        ("", "item", "платье", "seen"),
        ("", "item", "куртка", "unsure"),
        ("Предмет одежды: Юбки", "item", "платье", "contradicts"),
        ("Предмет одежды: Платье", "item", "платье", "seller"),
        ("", "colour", "синее", "seen"),
        ("", "colour", "красное", "unsure"),
        ("Цвет: красный", "colour", "синее", "contradicts"),
        ("Цвет: красный", "colour", "тёмно-красное", "seller"),
    ],
)
def test_claims_are_judged_by_the_facts(text: str, group: str, value: str, decision: str) -> None:
    assert merge(text).judge(Mention(group, value, 0, 0)) == decision


def test_thresholds_belong_to_a_value_or_to_its_group() -> None:
    claim = Mention("sleeve", "короткий", 0, 0)
    assert merge(thresholds={"sleeve": 0.95}).judge(claim) == "unsure"
    assert merge(thresholds={"sleeve": 0.95, "sleeve.короткий": 0.5}).judge(claim) == "seen"


def test_only_what_the_thing_can_have_is_sure() -> None:
    """A dress has no heels, and unlikely values are not sure."""
    assert [(fact.group, fact.value) for fact in merge().list_sure()] == [("sleeve", "короткий")]


def test_words_of_the_seller_are_words() -> None:
    sheet = merge("Бренд: Zarina")
    assert sheet.is_known_word("Zarina")
    assert sheet.is_known_word("платье")
    assert not sheet.is_known_word("Nike")


def test_a_value_with_a_strong_rival_is_not_sure() -> None:
    """Short sleeves or none: nobody knows. Lettering and a print may be there together."""
    claim = Mention("sleeve", "короткий", 0, 0)
    for rival, decision in ((0.2, "seen"), (0.6, "unsure")):
        facts = (Fact("sleeve", "короткий", "photo", 0.7), Fact("sleeve", "без рукавов", "photo", rival))
        assert FactSheet.merge((), facts, {}).judge(claim) == decision
    prints = (Fact("pattern", "надпись", "photo", 0.7), Fact("pattern", "принт", "photo", 0.6))
    assert FactSheet.merge((), prints, {}).judge(Mention("pattern", "надпись", 0, 0)) == "seen"
