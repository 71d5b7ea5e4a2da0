"""Masking and restoring: tokens, values, and the numbers of ads written by people."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.listing.types import Masked
from inference.masking import mask, mask_against, restore
from inference.masking.numbers.shapes import DIGIT

WORDS = (
    "Цена цена: размер Размер: руб. р 5 42 500 1\u00a0200 44-46 XL M хл W30 L32 < > PRICE <PRICE> <SIZE_2> <IMG_1>"
    " <UNK_VAL> _2 , . ( ) — +7(900)123-45-67 8 ² ٣ ½ Ⅻ % - / и от за 𗀀"
)
PIECES = st.sampled_from([*WORDS.split(" "), " ", "\n"])
TEXTS = st.text(max_size=40) | st.lists(PIECES, max_size=20).map("".join) | st.lists(PIECES, max_size=20).map(" ".join)


@settings(deadline=None, max_examples=300)
@given(TEXTS)
def test_restore_is_the_inverse_of_mask(text: str) -> None:
    """Masking loses nothing of any string, including literal tokens."""
    assert restore(mask(text)) == text


@settings(deadline=None, max_examples=300)
@given(TEXTS)
def test_masked_text_has_digits_only_in_tokens(text: str) -> None:
    """All Unicode digits are masked."""
    masked = mask(text)
    tokens = re.findall(r"<[A-Z_0-9]+>", masked.text)
    assert sorted(tokens) == sorted(masked.values)
    assert not re.search(DIGIT, re.sub(r"<[A-Z_0-9]+>", "", masked.text))


def test_the_pattern_matches_all_unicode_digits() -> None:
    digits = [char for char in map(chr, range(0x110000)) if char.isdigit()]
    assert [char for char in digits if not re.fullmatch(DIGIT, char)] == []


def test_numbers_of_one_kind_are_counted() -> None:
    """Every occurrence gets its own token, also for equal values."""
    assert mask("Размеры: 44, 44 и 48") == Masked(
        "Размеры: <SIZE>, <SIZE_2> и <SIZE_3>", {"<SIZE>": "44", "<SIZE_2>": "44", "<SIZE_3>": "48"}
    )


def test_a_literal_token_is_masked_as_an_unknown_value() -> None:
    """Text that a user types like a token does not collide with the tokens of numbers."""
    assert mask("<PRICE>, 500 руб").text == "<UNK_VAL>, <PRICE> руб"


def test_roubles_and_centimetres_stay_outside_of_the_token() -> None:
    assert mask("Доставка: от 150 руб.").text == "Доставка: от <DELIVERY> руб."
    assert mask("200р").text == "<PRICE>р"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1 234,50 ₽", "1 234,50"),
        ("рост 98-104 см", "98-104"),
        ("размер 44/46", "44/46"),
        ("стелька 20,0", "20,0"),
        ("звоните +7 (900) 123-45-67!", "+7 (900) 123-45-67"),
        ("8 900 123 45 67", "8 900 123 45 67"),
        ("Размер: W30 L32", "W30 L32"),
        ("30х40 см", "30х40 см"),
        ("12.05.2019", "12.05.2019"),
        ("до 18:00", "18:00"),
        ("XS-S", "XS-S"),
        ("2XL", "2XL"),
        ("длина ٤٢ см", "٤٢"),
        ("<IMG_1>", "<IMG_1>"),
    ],
)
def test_a_number_with_its_separators_is_one_value(text: str, value: str) -> None:
    assert list(mask(text).values.values()) == [value]


@pytest.mark.parametrize(
    ("text", "sizes"),
    [
        ("Размер: M", ["M"]),
        ("футболка L", ["L"]),
        ("размер s", ["s"]),
        ("Размер: м", ["м"]),
        ("Размер: ХЛ", ["ХЛ"]),
        ("размер С", ["С"]),
        ("3xl", ["3xl"]),
        ("Размер: 46 (М)", ["46", "М"]),
        ("M размер", ["M"]),
        ("Размер S. Zara", ["S"]),
        ("H&M, H & M, M&M's", []),
        ("L'Oreal и S.Oliver, S. Oliver", []),
        ("S-образный вырез", []),
        ("витамин С, xl, м", []),
        ("LC Waikiki", []),
        ("Размер с 42 по 46", ["с 42 по 46"]),
    ],
)
def test_letters_are_sizes_only_in_context(text: str, sizes: list[str]) -> None:
    assert list(mask(text).values.values()) == sizes


def test_a_number_of_thousands_of_digits_is_masked() -> None:
    assert restore(mask("размер " + "1" * 5000)) == "размер " + "1" * 5000


@pytest.mark.parametrize(
    ("text", "values", "expected"),
    [
        ("платье 5000р и 5 000 руб", {"<PRICE>": "5000"}, "платье <PRICE>р и <PRICE> руб"),
        ("5.000 руб", {"<PRICE>": "5 000"}, "<PRICE> руб"),
        ("размер 30–32", {"<SIZE>": "30-32"}, "размер <SIZE>"),
        ("30/32", {"<SIZE>": "W30 L32"}, "<SIZE>"),
        ("стелька 20 см, 20.0", {"<LENGTH>": "20,0"}, "стелька <LENGTH> см, <LENGTH>"),
        ("Размер: М", {"<SIZE>": "M"}, "Размер: <SIZE>"),
        ("размер хл", {"<SIZE>": "XL"}, "размер <SIZE>"),
        ("2XL", {"<SIZE>": "XXL"}, "<SIZE>"),
        ("арт123, арт 123", {"<ARTICLE>": "123"}, "арт<ARTICLE>, арт <ARTICLE>"),
        ("размер 44-46", {"<SIZE>": "44", "<SIZE_2>": "46"}, "размер <SIZE>-<SIZE_2>"),
        ("5-10 раз", {"<AGE>": "5"}, "5-10 раз"),
        ("8 (900) 123 45 67", {"<PHONE>": "+79001234567"}, "<PHONE>"),
        ("50 и 500", {"<PRICE>": "5000"}, "50 и 500"),
        ("44 (44)", {"<SIZE>": "44", "<SIZE_2>": "44"}, "<SIZE> (<SIZE_2>)"),
        ("H&M, М", {"<SIZE>": "M"}, "H&M, М"),
    ],
)
def test_numbers_of_an_ad_become_the_tokens_of_their_values(text: str, values: dict[str, str], expected: str) -> None:
    """A number equal to a value becomes its token in any spelling; other numbers stay."""
    assert mask_against(text, values) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("цена 150, доставка 150", "цена <PRICE>, доставка <DELIVERY>"),
        ("доставка 150 руб, сама 150 руб", "доставка <DELIVERY> руб, сама <PRICE> руб"),
        ("рост 150, всего 150 р", "рост <HEIGHT>, всего <PRICE> р"),
    ],
)
def test_words_decide_between_tokens_of_one_value(text: str, expected: str) -> None:
    values = {"<DELIVERY>": "150", "<PRICE>": "150", "<HEIGHT>": "150"}
    assert mask_against(text, values) == expected


@settings(deadline=None, max_examples=300)
@given(TEXTS)
def test_a_text_against_its_own_values_keeps_no_number(text: str) -> None:
    """Every number that `mask` finds, `mask_against` finds too."""
    left = re.sub(r"<[A-Z_0-9]+>", "", mask_against(text, mask(text).values))
    assert not re.search(DIGIT, left)
