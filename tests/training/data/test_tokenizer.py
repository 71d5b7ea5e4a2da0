"""Tests of the tokenizers: the encoder's normalisation and the decoder's round trip."""

from __future__ import annotations

import pytest

from tests.support.models import tiny
from training.data.tokenizer import train_decoder_tokenizer, train_encoder_tokenizer

READING = tiny.reading_tokenizer()


@pytest.mark.parametrize(
    ("first", "second"),
    [("КУРТКА Синяя", "куртка синяя"), ("тёплая", "теплая"), ("Цена 5000", "цена 7"), ("размер 44-46", "Размер 50-52")],
)
def test_case_and_digits_make_no_difference_to_the_reader(first: str, second: str) -> None:
    assert READING.encode(first).ids == READING.encode(second).ids


def test_a_text_is_read_between_its_ends() -> None:
    """Padding is 0, as the encoder expects, and an empty text is its two ends alone."""
    start, end = READING.token_to_id("[CLS]"), READING.token_to_id("[SEP]")
    ids = READING.encode("куртка").ids
    assert (ids[0], ids[-1]) == (start, end)
    assert READING.encode("").ids == [start, end]
    assert READING.token_to_id("[PAD]") == 0


def test_words_and_punctuation_are_read_apart() -> None:
    """«куртка,» and «куртка» begin with the same tokens."""
    assert READING.encode("куртка,").ids[:-2] == READING.encode("куртка").ids[:-1]


def test_tokenizers_do_not_exceed_the_requested_size() -> None:
    assert train_encoder_tokenizer(tiny.TEXTS * 20, 90).get_vocab_size() <= 90
    assert train_decoder_tokenizer(tiny.TEXTS * 20, 400, ["<A>", "<B>"]).get_vocab_size() <= 400


def test_the_writer_s_special_tokens_are_one_token_each_inside_a_text() -> None:
    tokenizer = train_decoder_tokenizer(tiny.TEXTS, 400, ["<PRICE>", "<PRICE_2>"])
    ids = tokenizer.encode("за <PRICE_2>, <PRICE>").ids
    assert [n for n in ids if n <= 2] == [tokenizer.token_to_id("<PRICE_2>"), tokenizer.token_to_id("<PRICE>")]
    assert tokenizer.decode(ids, skip_special_tokens=False) == "за <PRICE_2>, <PRICE>"
