"""A tiny classifier learns to tell, its checkpoint is whole, its threshold is measured."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import torch

from inference.checkpoints import read_card, verify
from inference.moderation.texts import TextModeration
from training import toxicity
from training.comments import Comment, Corpus
from training.toxicity import Lessons, encoded, letters_tokenizer, train_toxicity

RUDE = frozenset({"балбес", "болван", "олух"})
SIZES = {"weights": 4096, "vectors": 1024, "width": 8, "channels": 8, "longest": 4}


@pytest.fixture
def corpus() -> Corpus:
    things = ("куртка", "юбка", "самовар", "велосипед", "шапка", "лампа", "кресло", "зонт")
    comments = [
        Comment(f"да ты {word} и {thing}", True, "pair", "train", n) for word in RUDE for n, thing in enumerate(things)
    ]
    comments += [Comment(f"да ты прав, {thing}", False, "pair", "train", n) for n, thing in enumerate(things)]
    comments += [Comment(f"вот {word}", True, "rude", "train") for word in RUDE]
    comments += [Comment(f"добрый день, {thing}", False, "social", "train") for thing in things]
    comments += [Comment(f"продам: {thing}, недорого", False, "ad", "train") for thing in things]
    comments += [Comment(f"продаётся {thing} дёшево", False, "ad", "val") for thing in things]
    comments += [Comment(f"это {thing}", False, "fact", "train") for thing in things]
    return Corpus(tuple(comments), RUDE)


def test_lessons_hold_both_kinds_and_only_the_training_part(corpus: Corpus) -> None:
    lessons = Lessons(corpus, random.Random(0))
    drawn = [lessons.draw() for _ in range(300)]
    assert 90 < sum(toxic for _, toxic in drawn) < 240
    assert not any("дёшево" in text for text, _ in drawn)


def test_the_same_seed_draws_the_same_lessons(corpus: Corpus) -> None:
    first, second = Lessons(corpus, random.Random(3)), Lessons(corpus, random.Random(3))
    assert [first.draw() for _ in range(50)] == [second.draw() for _ in range(50)]


def test_letters_are_tokens_and_digits_are_alike() -> None:
    tokenizer = letters_tokenizer()
    assert tokenizer.encode("Ёж  25\nx").tokens == ["Е", "ж", " ", "0", "0", " ", "x"]
    assert encoded(tokenizer, ["а", ""]).tolist() == [[1], [0]]


def test_a_training_tells_insults_even_in_disguise(
    corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh = toxicity.fresh_model
    monkeypatch.setattr(toxicity, "fresh_model", lambda: fresh(SIZES))
    monkeypatch.setattr(toxicity, "RATE", 1e-2)
    torch.manual_seed(0)
    out = tmp_path / "toxicity" / "mini"
    card = train_toxicity(corpus, out, tmp_path / "work", steps=150, seed=1)
    verify(card)
    assert card == read_card(out)
    assert 0 < card.calibration["toxicity_threshold"] < 1
    moderation = TextModeration.load(card)
    rude, disguised, plain = moderation.risks(["ну ты и балбес", "ну ты и б@лбеc", "продам: лампа, недорого"])
    assert min(rude, disguised) > plain
    assert rude > 0.5 > plain
