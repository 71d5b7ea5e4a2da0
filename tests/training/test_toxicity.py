"""Tests of the toxicity classifier's training: convergence, checkpoint, threshold."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from inference.checkpoints.card import load_card
from inference.checkpoints.registry import verify
from inference.moderation.texts import ToxicityClassifier
from training import toxicity
from training.data.comments import Comment, Corpus
from training.toxicity import build_letter_tokenizer, build_samples, encode_letters, train_toxicity

RUDE = frozenset({"балбес", "болван", "олух"})


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


def test_samples_hold_the_training_part_and_ads_in_capitals(corpus: Corpus) -> None:
    texts = {sample.text for sample in build_samples(corpus, random.Random(0))}
    assert {"вот болван", "продам: лампа, недорого", "это лампа", "ПРОДАМ: ЛАМПА, НЕДОРОГО"} <= texts
    assert not any("дёшево" in text for text in texts)


def test_capitals_alone_are_no_offence(corpus: Corpus) -> None:
    taught = build_samples(corpus, random.Random(0))
    assert not any(sample.toxic for sample in taught if sample.text.startswith("ПРОДАМ"))


def test_the_same_seed_builds_the_same_samples(corpus: Corpus) -> None:
    assert build_samples(corpus, random.Random(3)) == build_samples(corpus, random.Random(3))


def test_letters_are_tokens_and_digits_are_alike() -> None:
    tokenizer = build_letter_tokenizer()
    assert tokenizer.encode("Ёж  25\nx").tokens == ["Е", "ж", " ", "0", "0", " ", "x"]
    assert encode_letters(tokenizer, ["а", ""]).tolist() == [[1], [0]]


def test_a_training_tells_insults_even_in_disguise(
    corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build = toxicity.build_model
    monkeypatch.setattr(toxicity, "build_model", lambda: build(rows=1 << 14))
    out = tmp_path / "toxicity" / "mini"
    card = train_toxicity(corpus, out, seed=1)
    verify(card)
    assert card == load_card(out)
    assert 0 < card.calibration["toxicity_threshold"] < 1
    moderation = ToxicityClassifier.load(card)
    rude, disguised, plain = moderation.predict_risks(["ну ты и балбес", "ну ты и 6албec", "продам: лампа, недорого"])
    assert min(rude, disguised) > 0.5 > plain


def test_a_threshold_refuses_no_more_neutral_texts_than_it_may(
    corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build = toxicity.build_model
    monkeypatch.setattr(toxicity, "build_model", lambda: build(rows=1 << 14))
    monkeypatch.setattr(toxicity, "REFUSED_SHARE", 0.5)
    card = train_toxicity(corpus, tmp_path / "toxicity" / "mini", seed=1)
    neutral = [each.text for each in corpus.of("val", "ad")]
    refused = sum(not verdict.passed for verdict in ToxicityClassifier.load(card).judge(neutral))
    assert abs(refused - len(neutral) / 2) <= 1
