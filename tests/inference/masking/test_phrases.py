"""Whole phrases of numbers as sellers type them, and what must hold of every one of them."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.masking import mask, measure_kept, restore, unmask
from inference.masking.mask import get_kind
from inference.masking.numbers import find_numbers, make_key, parse_key

PHRASES: Mapping[str, Mapping[str, Sequence[str]]] = tomllib.loads(
    (Path(__file__).parent / "phrases.toml").read_text("utf-8")
)
TEXTS = [text for phrases in PHRASES.values() for text in phrases]
# A unit that each kind may never get from a draft; the seller's own values have it inside.
STRANGE_UNITS = {"PRICE": ("евро", "тыс.", "$"), "AGE": ("лет", "мес"), "WEIGHT": ("кг", "г"), "LENGTH": ("мм", "м")}


def read(text: str) -> list[str]:
    """Return «KIND value» of each number of a text."""
    return [f"{get_kind(token)} {value}" for token, value in mask(text).values.items()]


@pytest.mark.parametrize("section", PHRASES)
def test_a_value_is_the_whole_phrase(section: str) -> None:
    wrong = {text: read(text) for text, expected in PHRASES[section].items() if read(text) != list(expected)}
    assert wrong == {}


@pytest.mark.parametrize("section", PHRASES)
def test_the_seller_s_words_come_back_with_every_number(section: str) -> None:
    """Masking and unmasking an ad keeps each of its numbers under its label."""
    for text in PHRASES[section]:
        masked = mask(text)
        assert restore(masked) == text
        assert measure_kept(text, unmask(masked.text, masked.values)) in (1.0, None), text


@pytest.mark.parametrize("section", PHRASES)
def test_a_value_means_the_same_by_itself(section: str) -> None:
    """A draft that repeats a value is understood, whatever stood around it in the ad."""
    for text in PHRASES[section]:
        for number in find_numbers(text):
            assert parse_key(number.text).value == make_key(number).value, (text, number.text)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(TEXTS), st.data())
def test_a_draft_adds_no_unit_that_contradicts_the_value(text: str, data: st.DataObject) -> None:
    """Whatever unit a draft writes behind a token, the text holds the seller's phrase without it."""
    values = mask(text).values
    for token, value in values.items():
        units = STRANGE_UNITS.get(get_kind(token), ())
        unit = data.draw(st.sampled_from(units)) if units else ""
        written = unmask(f"Вещь, {token} {unit}, в наличии.", values)
        if unit and value in written:
            assert unit not in written.replace(value, ""), written


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(TEXTS), max_size=4))
def test_ads_of_many_phrases_lose_no_digit(texts: list[str]) -> None:
    text = "\n".join(texts)
    masked = mask(text)
    assert restore(masked) == text
    assert not re.search(r"\d", re.sub(r"<[A-Z_0-9]+>", "", masked.text))
