"""The n-gram classifier: equal inputs, and independence of padding and the rest of the batch."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer
from torch import Tensor
from transformers import AutoModelForSequenceClassification

from inference.moderation.spelling import SpellingForSequenceClassification, hash_ngrams
from training.toxicity import build_letter_tokenizer, build_model, encode_letters, save_toxicity


@pytest.fixture
def tokenizer() -> Tokenizer:
    return build_letter_tokenizer()


@pytest.fixture
def model() -> SpellingForSequenceClassification:
    torch.manual_seed(0)
    fresh = build_model(rows=1024)
    with torch.no_grad():
        fresh.weights.copy_(torch.randn(1024))
        fresh.rarity.copy_(1 + torch.rand(1024))
        fresh.loud.weight.fill_(3.0)
    return fresh


def answers(model: SpellingForSequenceClassification, tokenizer: Tokenizer, *texts: str) -> Tensor:
    logits: Tensor = model(encode_letters(tokenizer, texts)).logits[:, 0].detach()
    return logits


def test_a_text_is_judged_alike_alone_and_beside_a_longer_one(
    model: SpellingForSequenceClassification, tokenizer: Tokenizer
) -> None:
    alone = answers(model, tokenizer, "тёплая куртка")[0]
    torch.testing.assert_close(answers(model, tokenizer, "тёплая куртка", "длинный текст " * 9)[0], alone)


def test_one_capital_is_no_shouting_and_two_are(model: SpellingForSequenceClassification, tokenizer: Tokenizer) -> None:
    plain, sentence, shouted = answers(model, tokenizer, "москва", "Москва", "МОСКВА")
    assert plain == sentence
    assert float(shouted - plain) == pytest.approx(3.0 * 5 / 6)


def test_the_order_of_letters_counts_and_that_of_words_does_not(
    model: SpellingForSequenceClassification, tokenizer: Tokenizer
) -> None:
    cat, tack, first, second = answers(model, tokenizer, "кот", "ток", "синий кот", "кот синий")
    assert cat != tack
    torch.testing.assert_close(first, second)


def test_a_repetition_counts_less_than_a_first_time(
    model: SpellingForSequenceClassification, tokenizer: Tokenizer
) -> None:
    """A text of one word over and over says what the word says."""
    once, often = answers(model, tokenizer, "кот", "кот " * 40)
    torch.testing.assert_close(once, often, atol=0.5, rtol=0)


@pytest.mark.parametrize("text", ["", " ", "\n", "ß"])
def test_every_text_has_an_answer(text: str, model: SpellingForSequenceClassification, tokenizer: Tokenizer) -> None:
    assert torch.isfinite(answers(model, tokenizer, text)).all()


def test_runs_are_those_of_words_with_their_edges(tokenizer: Tokenizer) -> None:
    """«аб в»: а, б, в, ␣а, аб, б␣, ␣в, в␣, ␣аб, аб␣, ␣в␣, ␣аб␣."""
    texts, _, counts = hash_ngrams(encode_letters(tokenizer, ["аб в", "аб аб"]), longest=5, rows=1 << 20)
    assert (texts == 0).sum() == 12
    assert sorted(counts[texts == 1].tolist()) == [2.0] * 8


def test_it_is_loaded_as_any_other_architecture(
    model: SpellingForSequenceClassification, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    expected = answers(model, tokenizer, "кот", "КОТ")
    save_toxicity(model, tokenizer, tmp_path)
    loaded = AutoModelForSequenceClassification.from_pretrained(tmp_path, dtype=torch.float32)
    assert isinstance(loaded, SpellingForSequenceClassification)
    torch.testing.assert_close(answers(loaded, tokenizer, "кот", "КОТ"), expected, atol=0.01, rtol=0.01)
