"""Scores equal those computed by hand and by the `bert-score` package; null where nothing can be compared."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.functional import normalize
from transformers import PreTrainedTokenizerFast

from inference.clip.dual_encoder import Clip, ImageFeatures
from inference.scoring import EncodedText, bertscore, clipscore, compute_scores, photo_similarities, select_photos
from tests.support.models import tiny

PAIRS = (
    ("Куртка синяя на молнии, тёплая.", "Куртка: синяя, тёплая; на молнии"),
    ("Платье в горошек, длинное. Размер 44, цена 900 руб.", "Цена: 900\nРазмер: 44"),
    ("Кроссовки", "Шапка, шарф и варежки продаются вместе"),
    ("Джинсы широкие, голубые, с потёртостями, отдам недорого.", "Джинсы широкие, голубые, с потёртостями."),
    ("Футболка", "Футболка"),
    ("ξ → ъЪ !!!", "Торг уместен"),
)
UNIT = torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.6, 0.8, 0.0], [-1.0, 0.0, 0.0]])


def build_features(embeddings: torch.Tensor) -> ImageFeatures:
    return ImageFeatures(embeddings, torch.zeros(len(embeddings), 10, 4))


@pytest.fixture(scope="module")
def bert_folder(tiny_clip: Clip, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The text side of the dual encoder, as a BERT folder that `bert-score` can read."""
    folder = tmp_path_factory.mktemp("bert")
    tiny_clip.model.text_model.save_pretrained(folder)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=tiny.reading_tokenizer(),
        model_max_length=tiny.TEXT_LENGTH,
        **{f"{name}_token": f"[{name.upper()}]" for name in ("pad", "unk", "cls", "sep")},
    )
    tokenizer.save_pretrained(folder)
    assert json.loads((folder / "config.json").read_text())["model_type"] == "bert"
    return folder


def test_bertscore_equals_the_package(bert_folder: Path, tiny_clip: Clip) -> None:
    """F1 on several Russian pairs, both ways round, to 1e-5."""
    bert_score = pytest.importorskip("bert_score", reason="bert-score is not installed")
    candidates, references = zip(*PAIRS, *[pair[::-1] for pair in PAIRS], strict=True)
    scorer = bert_score.BERTScorer(model_type=str(bert_folder), num_layers=tiny.TEXT_LAYERS, device="cpu", nthreads=0)
    expected = scorer.score(list(candidates), list(references))[2].tolist()
    states = [tiny_clip.encode_texts(texts).tokens for texts in (candidates, references)]
    ours = [bertscore(candidate, reference) for candidate, reference in zip(*states, strict=True)]
    assert ours == pytest.approx(expected, abs=1e-5)
    assert max(expected) - min(expected) > 0.05


def test_bertscore_is_symmetric_and_one_for_equal_texts(tiny_clip: Clip) -> None:
    first, second = tiny_clip.encode_texts(PAIRS[0]).tokens
    assert bertscore(first, first) == pytest.approx(1.0)
    assert bertscore(first, second) == pytest.approx(bertscore(second, first))


def test_an_empty_text_scores_zero(tiny_clip: Clip) -> None:
    empty, some = tiny_clip.encode_texts(["", "Куртка"]).tokens
    assert [bertscore(empty, some), bertscore(some, empty), bertscore(empty, empty)] == [0.0, 0.0, 0.0]


def test_special_tokens_may_be_matched_but_do_not_count() -> None:
    """By hand: one word against a text whose end token is the best match for it."""
    candidate = torch.tensor([[0.0, 1.0], [1.0, 0.0], [0.0, 1.0]])
    reference = torch.tensor([[0.0, 2.0], [3.0, 4.0], [5.0, 0.0]])
    precision, recall = 1.0, 0.8
    assert bertscore(candidate, reference) == pytest.approx(2 * precision * recall / (precision + recall))


def test_clipscore_is_the_cosine_and_never_negative() -> None:
    assert clipscore(UNIT, torch.tensor([1.0, 0.0, 0.0])).tolist() == pytest.approx([1.0, 0.0, 0.6, 0.0])


def test_every_pair_of_photos_is_compared_once() -> None:
    assert photo_similarities(UNIT).tolist() == pytest.approx([0.0, 0.6, 0.0, 0.8, 0.0, 0.0])


def test_scores_of_a_listing_by_hand() -> None:
    """Mean and maximum over photos and over pairs, and the texts' own similarity."""
    source = EncodedText(torch.tensor([0.0, 1.0, 0.0]), torch.eye(4)[:3])
    result = EncodedText(torch.tensor([0.8, 0.6, 0.0]), torch.eye(4)[:3])
    scores = compute_scores(build_features(UNIT[:3]), source, result, 0.75)
    assert scores.clipscore_mean == pytest.approx((0.8 + 0.6 + 0.96) / 3)
    assert scores.clipscore_max == pytest.approx(0.96)
    assert scores.photo_similarity_mean == pytest.approx((0.0 + 0.6 + 0.8) / 3)
    assert scores.photo_similarity_max == pytest.approx(0.8)
    assert scores.source_similarity == pytest.approx(0.6)
    assert scores.bertscore == pytest.approx(1.0)
    assert scores.numbers_kept == 0.75


def test_scores_without_counterpart_are_null() -> None:
    """No photo: no CLIPScore; one photo: no pairs; no source text: nothing to compare the result with."""
    text = EncodedText(torch.tensor([1.0, 0.0, 0.0]), torch.eye(3))
    none, one = (
        compute_scores(build_features(UNIT[:0]), text, text),
        compute_scores(build_features(UNIT[:1]), text, text),
    )
    assert (none.clipscore_mean, none.clipscore_max, none.photo_similarity_mean) == (None, None, None)
    assert none.source_similarity == pytest.approx(1.0)
    assert none.bertscore == pytest.approx(1.0)
    assert one.clipscore_mean == pytest.approx(1.0)
    assert (one.photo_similarity_mean, one.photo_similarity_max) == (None, None)
    unsourced = compute_scores(build_features(UNIT[:2]), None, text)
    assert (unsourced.source_similarity, unsourced.bertscore) == (None, None)
    assert unsourced.clipscore_max == pytest.approx(1.0)


def test_the_photo_nearest_to_the_text_is_selected() -> None:
    assert select_photos(UNIT, torch.tensor([0.0, 1.0, 0.0]), 1) == [1]
    assert select_photos(UNIT, torch.tensor([0.0, 1.0, 0.0]), 3) == [1, 2, 0]


def test_without_text_the_most_typical_photo_is_selected() -> None:
    assert select_photos(UNIT[:3], None, 1) == [2]


@given(st.integers(0, 10), st.integers(0, 10_000), st.booleans())
def test_every_score_is_null_or_in_its_range(count: int, seed: int, sourced: bool) -> None:
    """Scores of any embeddings lie in [0, 1], and a maximum is no less than its mean."""
    generator = torch.Generator().manual_seed(seed)

    def text() -> EncodedText:
        length = int(torch.randint(2, 9, (), generator=generator))
        embedding = normalize(torch.randn(5, generator=generator), dim=0)
        return EncodedText(embedding, torch.randn(length, 4, generator=generator))

    photos = normalize(torch.randn(count, 5, generator=generator), dim=1)
    scores = compute_scores(build_features(photos), text() if sourced else None, text())
    values = [getattr(scores, name) for name in scores.__slots__]
    assert all(value is None or 0 <= value <= 1 for value in values)
    assert (scores.clipscore_mean is None) == (count == 0)
    assert (scores.clipscore_max or 0.0) >= (scores.clipscore_mean or 0.0) - 1e-6
