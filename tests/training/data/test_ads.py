"""Tests of composed ads: many wordings, and no number, token or thing that the input lacks."""

from __future__ import annotations

import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.masking import mask
from training.data import ads

TOKEN = re.compile(r"<[A-Z_0-9]+>")
NAMES = st.sampled_from(
    [*ads.WORDINGS, *(name for name, _ in ads.MORE_FIELDS), "Состояние", "Вид одежды", "Название", ""]
)
VALUES = st.sampled_from(
    ["<PRICE>", "<SIZE_2>", "<PRICE> руб.", "хорошее", "женская", "44-46", "XL", "синий, белый", "№ 5"]
)
FIELDS = st.lists(st.tuples(NAMES, VALUES), max_size=6)
SEEDS = st.integers(0, 10_000)
CAPTION = "Футболка с мелкими розочками на тёмном и крупной белой надписью, рукав короткий."


def numbers(text: str) -> set[str]:
    """Tokens and groups of digits."""
    return set(TOKEN.findall(text)) | set(re.findall(r"\d+", TOKEN.sub("", text)))


def given_text(fields: list[tuple[str, str]]) -> str:
    return " ".join(f"{name} {value}" for name, value in fields)


@given(NAMES, st.one_of(VALUES, st.text(max_size=12)), SEEDS)
def test_a_clause_holds_no_number_but_its_field_s(name: str, value: str, seed: int) -> None:
    clause = ads.write_clause(name, value, random.Random(seed))
    assert numbers(clause) <= numbers(f"{name} {value}")


@given(FIELDS, SEEDS, st.booleans())
def test_whatever_the_fields_an_ad_tells_only_their_numbers(
    fields: list[tuple[str, str]], seed: int, leads: bool
) -> None:
    rnd = random.Random(seed)
    given_numbers = numbers(given_text(fields))
    assert numbers(" ".join(ads.write_clauses(fields, rnd, leads))) <= given_numbers
    assert numbers(ads.join_fields(fields, rnd)) <= given_numbers


@given(SEEDS)
def test_the_price_is_always_written(seed: int) -> None:
    """And with a currency only where the field has none."""
    said = ads.write_clauses([("Цена", "<PRICE>"), ("Бренд", "Zara"), ("Цвет", "синий")], random.Random(seed), False)
    assert "<PRICE>" in " ".join(said)
    priced = ads.write_clause("Цена", "<PRICE> ₽", random.Random(seed))
    assert "<PRICE> ₽" in priced
    assert "руб" not in priced


def test_money_comes_last_as_a_rule() -> None:
    fields = [("Цена", "<PRICE>"), ("Размер", "<SIZE>"), ("Бренд", "Zara"), ("Доставка", "<DELIVERY>")]
    last = ["<DELIVERY>" in ads.write_clauses(fields, random.Random(seed), False)[-1] for seed in range(200)]
    assert 0.75 < sum(last) / 200 < 0.95


def test_the_name_of_a_thing_is_written_without_a_photo() -> None:
    fields = [("Название", "куртка"), ("Бренд", "Zara")]
    assert "уртка" in ads.write_clauses(fields, random.Random(0), with_category=True)[0]
    assert not any("уртка" in said for said in ads.write_clauses(fields, random.Random(0), with_category=False))


def test_the_kind_of_the_ad_is_never_written() -> None:
    assert ads.write_clause("Вид объявления", "продажа", random.Random(0)) == ""


def test_the_same_field_has_many_wordings() -> None:
    wordings = {ads.write_clause("Цена", "<PRICE>", random.Random(seed)) for seed in range(60)}
    assert len(wordings) >= 5
    assert all(wording[0].isupper() or wording[0] == "<" for wording in wordings)


@given(SEEDS)
def test_extra_fields_are_masked_like_all_fields(seed: int) -> None:
    """What they bring of numbers stands in the prompt as tokens."""
    fields = ads.sample_extra_fields(random.Random(seed))
    assert len(fields) <= 3
    assert not re.search(r"[#\d]", TOKEN.sub("", mask(given_text(fields)).text))


@given(st.lists(st.sampled_from(["куртка синяя", "платье <SIZE>", "шапка"]), min_size=2, max_size=6), SEEDS)
def test_a_set_names_all_of_its_things_and_nothing_else(parts: list[str], seed: int) -> None:
    text = ads.join_captions(parts, random.Random(seed))
    assert all(part.lower() in text.lower() for part in parts)
    assert numbers(text) <= numbers(" ".join(parts))


@pytest.mark.parametrize(
    ("caption", "phrase"),
    [
        (CAPTION, "футболка с мелкими розочками на тёмном и крупной белой"),
        ("Платье с", "платье"),
        ("Джинсы. Новые.", "джинсы"),
        ("ZARA (новая)", "ZARA"),
        ("", ""),
    ],
)
def test_a_caption_is_shortened_to_its_first_phrase(caption: str, phrase: str) -> None:
    """At most nine words, no preposition left hanging, small letters inside a list but not in abbreviations."""
    assert ads.shorten(caption) == phrase


@given(st.text(max_size=80))
def test_a_shortened_caption_brings_no_word_of_its_own(caption: str) -> None:
    words = ads.shorten(caption).lower().split()
    assert len(words) <= 9
    assert set(words) <= set(re.split(r"[.,;:!?(\s]", caption.lower())) | set(caption.lower().split())
