"""The reader of letters: what it sees as the same, and that padding changes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer
from transformers import AutoModelForSequenceClassification

from inference.moderation.spelling import SpellingForSequenceClassification
from training.toxicity import encoded, fresh_model, letters_tokenizer, save_toxicity

SIZES = {"weights": 512, "vectors": 256, "width": 6, "channels": 8, "longest": 4}


@pytest.fixture
def tokenizer() -> Tokenizer:
    return letters_tokenizer()


@pytest.fixture
def model() -> SpellingForSequenceClassification:
    torch.manual_seed(0)
    fresh = fresh_model(SIZES)
    with torch.no_grad():
        for weight in fresh.parameters():
            weight.add_(torch.randn_like(weight) * 0.3)
    return fresh.eval()  # type: ignore[no-untyped-call, no-any-return]


def test_a_text_is_judged_alike_alone_and_beside_a_longer_one(
    model: SpellingForSequenceClassification, tokenizer: Tokenizer
) -> None:
    alone = model(encoded(tokenizer, ["тёплая куртка"])).logits[0]
    beside = model(encoded(tokenizer, ["тёплая куртка", "тёплая куртка " * 9])).logits[0]
    torch.testing.assert_close(alone, beside)


def test_one_capital_is_no_shouting_and_two_are(model: SpellingForSequenceClassification, tokenizer: Tokenizer) -> None:
    plain, sentence, shouted = model(encoded(tokenizer, ["москва", "Москва", "МОСКВА"])).logits
    torch.testing.assert_close(plain, sentence)
    assert not torch.isclose(plain, shouted).all()


def test_the_order_of_letters_counts(model: SpellingForSequenceClassification, tokenizer: Tokenizer) -> None:
    first, second = model(encoded(tokenizer, ["кот", "ток"])).logits
    assert not torch.isclose(first, second).all()


def test_runs_do_not_cross_words(model: SpellingForSequenceClassification, tokenizer: Tokenizer) -> None:
    """The sum of weights is the same in whatever order the words stand."""
    first, second = model.answers(encoded(tokenizer, ["синий кот", "кот синий"]))
    torch.testing.assert_close(first[0], second[0])


def test_an_empty_text_has_an_answer(model: SpellingForSequenceClassification, tokenizer: Tokenizer) -> None:
    assert torch.isfinite(model(encoded(tokenizer, [""])).logits).all()


def test_it_is_loaded_as_any_other_architecture(
    model: SpellingForSequenceClassification, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    expected = model(encoded(tokenizer, ["кот"])).logits
    save_toxicity(model, tokenizer, tmp_path)
    loaded = AutoModelForSequenceClassification.from_pretrained(tmp_path, dtype=torch.float32).eval()
    torch.testing.assert_close(loaded(encoded(tokenizer, ["кот"])).logits, expected, atol=0.01, rtol=0.01)
