"""Unmasking puts the values back and erases every other number."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.masking import TOKEN_KINDS, mask, mask_against, unmask
from inference.masking.numbers.shapes import DIGIT

LISTINGS = Path(__file__).resolve().parents[4] / "shared/data/clothing/listings.jsonl"
VALUES = {
    "<PRICE>": "5000",
    "<SIZE>": "44-46",
    "<SIZE_2>": "M",
    "<LENGTH>": "20,0",
    "<DELIVERY>": "150",
    "<PERCENT>": "95",
}
TOKENS = st.sampled_from([f"<{kind}{number}>" for kind in TOKEN_KINDS for number in ("", "_2")])
WORDS = "Цена размер Размер: руб. р 5 42 500 44-46 XL M W30 L32 < > PRICE <IMG_1> _2 , . ( ) — ² ٣ % - / и от за лет"
PIECES = st.sampled_from([*WORDS.split(), " ", "\n"])
DRAFTS = st.lists(PIECES | TOKENS, max_size=20).map("".join) | st.lists(PIECES | TOKENS, max_size=20).map(" ".join)
INPUTS = st.dictionaries(TOKENS, st.sampled_from(["5", "42", "1 200", "44-46", "XL", "20,0", "<IMG_1>"]), max_size=5)


@settings(deadline=None, max_examples=300)
@given(DRAFTS, INPUTS)
def test_every_number_of_the_text_is_a_number_of_the_input(draft: str, values: dict[str, str]) -> None:
    """Every group of digits in the text is one of a value."""
    allowed = {digits for value in values.values() for digits in re.findall(rf"{DIGIT}+", value)}
    assert set(re.findall(rf"{DIGIT}+", unmask(draft, values))) <= allowed


@settings(deadline=None, max_examples=300)
@given(DRAFTS, INPUTS)
def test_blanks_hold_no_digit(draft: str, values: dict[str, str]) -> None:
    """With blanks the text has no digits at all."""
    assert not re.search(DIGIT, unmask(draft, values, "blanks"))


@pytest.mark.parametrize(
    ("draft", "text", "blanks"),
    [
        (
            "Цена <PRICE> руб., доставка от <DELIVERY> руб.",
            "Цена 5000 руб., доставка от 150 руб.",
            "Цена __ руб., доставка от __ руб.",
        ),
        ("Размер <SIZE> (<SIZE_2>), <LENGTH> см", "Размер 44-46 (M), 20,0 см", "Размер __ (__), __ см"),
        ("Цена 5 000 руб., 44/46, 95 % хлопок", "Цена 5000 руб., 44-46, 95 % хлопок", "Цена __ руб., __, __ % хлопок"),
        ("Платье.", "Платье.", "Платье."),
    ],
)
def test_known_numbers_become_values_or_blanks(draft: str, text: str, blanks: str) -> None:
    """A token, or a generated number that the input holds, becomes the seller's spelling or a blank."""
    assert unmask(draft, VALUES) == text
    assert unmask(draft, VALUES, "blanks") == blanks


@pytest.mark.parametrize(
    ("draft", "text"),
    [
        ("Рост <HEIGHT> см, размер <SIZE>.", "Размер 44-46."),
        ("Размер <SIZE>, рост <HEIGHT> см, цена <PRICE> руб.", "Размер 44-46, цена 5000 руб."),
        ("Размер <SIZE> и рост <HEIGHT> см.", "Размер 44-46."),
        ("Возраст <AGE> лет и рост <HEIGHT> см и цена <PRICE>.", "Цена 5000."),
        ("Платье (<AGE> лет) нарядное.", "Платье нарядное."),
        ("Платье (рост <HEIGHT> см, новое).", "Платье (новое)."),
        ("Размер <SIZE_3> (до года), новое.", "Новое."),
        ("Скидка <DISCOUNT>% при покупке от <QUANTITY> вещей! Пишите.", "Пишите."),
        ("Куплено в <YEAR> году, состояние отличное.", "Состояние отличное."),
        ("Носили <QUANTITY> раза. Состояние хорошее.", "Состояние хорошее."),
        ("Обхват груди примерно <GIRTH> см, цена <PRICE>.", "Цена 5000."),
        ("Артикул: <ARTICLE>. Новое.", "Новое."),
        ("Новое, <QUANTITY> шт., цена <PRICE>.", "Новое, цена 5000."),
        ("Новое, <QUANTITY> шт. Цена <PRICE>.", "Новое. Цена 5000."),
        ("Стоимость комплекта составляет <PRICE_2> рублей. Пишите!", "Пишите!"),
        ("Отличный подарок по доступной цене <PRICE_2> рублей.", "Отличный подарок."),
        ("Символическая цена — всего <PRICE_2> рублей. Пишите!", "Пишите!"),
        ("В размерах указано <SIZE_3>. Новое.", "Новое."),
        ("Платье за <PRICE_2> ₽ — подарок себе.", "Платье — подарок себе."),
        ("Платье размера <SIZE_3> — подарок.", "Платье — подарок."),
        ("<PRICE_2> руб. за комплект. Торг.", "Торг."),
        ("Цена $<PRICE_2>, торг.", "Торг."),
        ("Отдам за <PRICE_2> тыс. руб. Пишите.", "Пишите."),
        ("Вес ~<WEIGHT> г, хлопок <PERCENT_2>%.", "Хлопок."),
        ("<SIZE_3> размер (<LENGTH_2> см). Новое.", "Новое."),
        ("Рост <HEIGHT> размер <SIZE>.", "Размер 44-46."),
        ("Размер <SIZE_3>-<SIZE_4>, новое.", "Новое."),
        ("Майка «Мне <AGE> месяцев» новая.", "Майка «Мне» новая."),
        ("<SINGLE> Платье <IMG_1> новое.", "Платье новое."),
        ("Размер: <SIZE>\nЦена: <PRICE_2> руб.\nНовое", "Размер: 44-46\nНовое"),
    ],
)
def test_an_unknown_token_is_erased_with_the_words_that_depend_on_it(draft: str, text: str) -> None:
    """The rest reads as if the number had never been there."""
    assert unmask(draft, VALUES) == text


@pytest.mark.parametrize(
    ("draft", "text"),
    [
        ("Цена 5000 руб., было 7000.", "Цена 5000 руб."),
        ("Костюм 2 в 1, принт 3D.", "Костюм, принт."),
        ("Звоните +7 900 111-22-33. Торг.", "Торг."),
        ("Длина ٤٢ см, вес ½ кг. Новое.", "Новое."),
        ("Размер М, XL и L.", "Размер M."),
        ("размер 2XL, цвет белый.", "Цвет белый."),
        ("H&M, L'Oreal, S.Oliver, размер L.", "H&M, L'Oreal, S.Oliver."),
        ("<PRICE>7<DELIVERY>", "5000 150"),
        ("<PRICE>W30", "5000"),
    ],
)
def test_an_invented_number_is_erased(draft: str, text: str) -> None:
    assert unmask(draft, VALUES) == text


@pytest.mark.parametrize(
    ("draft", "text"),
    [
        ("Куртка, есть размера<SIZа_2>, цена <PRICE>.", "Куртка, цена 5000."),
        ("Куртка, цена <PRI, торг.", "Куртка, торг."),
        ("Куртка, цена <PRICE<SIZE>.", "Куртка, 44-46."),
        ("Куртка <Ника> или <Disney>.", "Куртка <Ника> или <Disney>."),
        ("Футболка <sinsay>, джинсы <lee cooper>.", "Футболка <sinsay>, джинсы <lee cooper>."),
        ("Сумка <prada>, рост<unisex>.", "Сумка <prada>, рост<unisex>."),
        ("Куртка <Si-fi>, a<b.", "Куртка <Si-fi>, a<b."),
    ],
)
def test_a_torn_token_is_erased_like_an_unknown_one(draft: str, text: str) -> None:
    """Other text after a < stays."""
    assert unmask(draft, VALUES) == text


def test_values_keep_their_spelling() -> None:
    """The cleanup of the sentence never changes a value."""
    assert unmask("Цена  <PRICE> .", {"<PRICE>": "1 ,  5"}) == "Цена 1 ,  5."


def test_real_ads_stay_readable_without_any_number() -> None:
    """No example ad keeps a dangling comma, bracket, label or lower-case sentence."""
    if not LISTINGS.exists():
        pytest.skip(f"no {LISTINGS}: the example listings are not part of the repository")
    dangling = re.compile(
        r"[(,;:—–]\s*[.!?](?!\))| [,.;!?]|  |\.\.(?!\.)|,\s*,|\(\s*\)"
        r"|\b(?:цена|размер|стоимость|рост|артикул|обхват|за|от|в|с|на|по|до|и|или)\s*(?:[.,!?]|$)"
    )
    for line in LISTINGS.read_text(encoding="utf-8").splitlines():
        listing = json.loads(line)
        text = listing["gpt_description"]
        values = mask("\n".join(f"{name}: {value}" for name, value in listing["attributes"].items())).values
        filled = unmask(mask_against(text, values), {})
        assert not re.search(DIGIT, filled)
        assert not dangling.search(filled), filled
        assert all(sentence[0].isupper() for sentence in re.findall(r"(?<=[а-яё][.!?] )\w+", filled)), filled
