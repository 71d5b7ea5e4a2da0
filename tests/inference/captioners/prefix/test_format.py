"""The order of what the prefix captioner reads and writes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from inference.captioners.prefix.format import (
    MASK_TOKENS,
    MAX_ATTRIBUTES_TOKENS,
    SPECIAL_TOKENS,
    build_answer_ids,
    build_prompt_ids,
    drop_unknown_tokens,
    get_token_ids,
)
from inference.masking import mask
from tests.support.models import tiny

TOKENIZER = tiny.writing_tokenizer()


def spelled(ids: list[int]) -> str:
    return TOKENIZER.decode(ids, skip_special_tokens=False)


def test_a_prompt_reads_in_the_order_of_the_format() -> None:
    ids = build_prompt_ids(TOKENIZER, "<VARIATIVE>", 2, 3, "Цена: <PRICE>")
    slots = "[PHOTO]" * 3
    assert (
        spelled(ids) == f"[START]<VARIATIVE><IMG_1>{slots}<IMG_2>{slots}[ATTRIBUTES]Цена: <PRICE>[THINGS]"
    )  # fmt: skip


def test_a_prompt_without_photos_and_text_is_short() -> None:
    assert spelled(build_prompt_ids(TOKENIZER, "<SINGLE>", 0, 10, "")) == "[START]<SINGLE>[ATTRIBUTES][THINGS]"


def test_an_answer_continues_the_prompt() -> None:
    assert spelled(build_answer_ids(TOKENIZER, "куртка; синий", "За <PRICE>.")) == "куртка; синий[TEXT]За <PRICE>.[END]"


def test_long_attributes_are_cut() -> None:
    """However long the fields are, a prompt of ten photos leaves room for the text."""
    ids = build_prompt_ids(TOKENIZER, "<SINGLE>", 10, 10, "Куртка синяя, " * 500)
    assert len(ids) == 4 + 10 * 11 + MAX_ATTRIBUTES_TOKENS


def test_values_beyond_the_third_of_a_kind_are_left_out() -> None:
    assert drop_unknown_tokens("<PRICE>, <PRICE_3>, <PRICE_4>, <SIZE_12> и <OTHER>") == "<PRICE>, <PRICE_3>, ,  и "


@given(st.lists(st.sampled_from(["Цена 5", "размер 44", "рост 170 см", "20 кг", "№ 77", "скидка 5%"]), max_size=20))
def test_whatever_was_masked_the_tokens_that_are_read_are_known(phrases: list[str]) -> None:
    """Every token of a plain text is one word of the tokenizer."""
    text = drop_unknown_tokens(mask("; ".join(phrases)).text)
    rest = text
    for token in MASK_TOKENS:
        rest = rest.replace(token, "")
    assert "<" not in rest
    assert spelled(TOKENIZER.encode(text).ids) == text


@given(st.text(max_size=60))
def test_every_text_comes_back_from_the_tokenizer(text: str) -> None:
    """Byte for byte, unless it holds the name of a special token."""
    assert spelled(TOKENIZER.encode(text).ids) == text.encode("utf-8", "replace").decode()


def test_special_tokens_are_single_words() -> None:
    assert len({*get_token_ids(TOKENIZER, SPECIAL_TOKENS)}) == len(SPECIAL_TOKENS)


def test_a_tokenizer_of_another_model_is_refused() -> None:
    """A tokenizer that lacks a token of the format belongs to another model."""
    foreign: Tokenizer = tiny.reading_tokenizer()
    with pytest.raises(ValueError, match=r"\[START\]"):
        build_prompt_ids(foreign, "<SINGLE>", 1, 1, "")
