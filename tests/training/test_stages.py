"""Tests of the stages of `opisalka train`, from a data-set folder to working checkpoints."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from inference.captioners.prefix.captioner import PrefixCaptioner
from inference.captioners.prefix.decoding import Sampling
from inference.checkpoints.registry import get_card, list_cards, verify
from inference.facts.photos import PhotoClassifier
from inference.listing.types import Description, Submission, Upload
from inference.listing.validation import build_job
from inference.serving.loader import load_describer
from tests.support.models import tiny
from training import stages
from training.facts import garment
from training.facts import labels as facts_labels
from training.facts import train as facts_train
from training.stages import DataFolders, collect_reading_texts
from training.teacher import MobileNetV2

CHECKPOINTS = Path(__file__).resolve().parents[2] / "checkpoints"


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """So few scenes and weights that all three stages take seconds."""
    sizes = {"COLLAGES": 2, "DRAWN": 2, "DRAWN_SEVERAL": 1, "DRAWN_EQUAL": 1, "VIEWS": 2, "HEAD_WIDTH": 8}
    for name, value in (sizes | {"HELD_OUT_COLLAGES": 2, "HELD_OUT_ALBUMS": 20}).items():
        monkeypatch.setattr(stages, name, value)


def test_three_stages_make_checkpoints_that_describe(data_set: Path, tmp_path: Path, few: None) -> None:
    """Each stage writes a sealed folder, the later ones read the first, and the engine loads all of them."""
    sources, work, root = DataFolders(data_set), tmp_path / "runs", tmp_path / "checkpoints"
    torch.manual_seed(0)
    save_file(MobileNetV2().state_dict(), tmp_path / "teacher.safetensors")
    (work / "captioner").mkdir(parents=True)
    tiny.writing_tokenizer().save(str(work / "captioner" / "writing.json"))
    encoder = root / "clip" / "mini"
    with tiny.dual_encoders():
        stages.train_clip(sources, tmp_path / "teacher.safetensors", encoder, work / "clip", 2, 1, 0)
    stages.train_captioner(sources, encoder, root / "captioner" / "mini", work / "captioner", 2, 1, 0, layers=2)
    stages.train_diversity(sources, encoder, root / "diversity" / "mini", work / "diversity", 2, 0)
    cards, _ = list_cards(root)
    assert [card.id for card in cards] == ["captioner/mini", "clip/mini", "diversity/mini"]
    for card in cards:
        verify(card)
    clip_card = get_card(root, "clip", "mini")
    assert {"футболка", "джинсы"} <= set(clip_card.knows)
    assert "match_threshold" in clip_card.calibration
    assert get_card(root, "captioner", "mini").title == stages.FAST[0]
    albums = get_card(root, "diversity", "mini")
    assert albums.calibration["surely_one"] <= albums.calibration["surely_many"] + 0.001
    assert {"albums_asked", "albums_right_unasked"} <= set(albums.figures)
    tiny.save_toxicity_card(root / "toxicity" / "mini")
    tiny.save_photo_card(root / "facts" / "mini")
    describer = load_describer(root)
    assert isinstance(describer.models.captioner, PrefixCaptioner)
    describer.models.captioner.sampling = Sampling(drafts=2, max_things_tokens=5, max_text_tokens=10)
    photo = data_set / "photos" / "p00.jpg"
    result = describer.describe([build_job(Submission((Upload(photo.read_bytes()),), "Цена: 5000"))])[0]
    assert isinstance(result, Description)
    assert result.text is not None


def test_facts_are_trained_and_calibrated(data_set: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The stage writes a checkpoint that loads, with thresholds and figures of the held-out senders."""
    monkeypatch.setattr(stages, "FACTS_SIZES", (0.1, 0.1, 64))
    monkeypatch.setattr(facts_train, "load_imagenet_weights", lambda classifier: None)
    monkeypatch.setattr(facts_train, "BATCH", 4)
    monkeypatch.setattr(facts_labels, "MIN_COLOURS", 2)
    monkeypatch.setattr(facts_labels, "MIN_WORDS", 2)
    monkeypatch.setattr(garment, "DRAWINGS", 2)
    for number, name in enumerate(("banana", "juice", "milk")):
        tiny.picture(number).save(tmp_path / f"{name}.png")
    sources, root = DataFolders(data_set, tmp_path), tmp_path / "checkpoints"
    stages.train_facts(sources, root / "facts" / "mini", tmp_path / "runs", 2, 0)
    card = get_card(root, "facts", "mini")
    verify(card)
    assert {"audience", "garment", "sure_item", "sleeve.короткий"} <= set(card.calibration)
    assert {"item", "family", "claims_right", "garment_auc"} <= set(card.figures)
    assert PhotoClassifier.load(card).config.temperatures.keys() >= {"item", "colour", "sleeve"}
    again = stages.calibrate_facts(sources, card, 0.9, 0.9)
    assert again.calibration == card.calibration


@pytest.mark.parametrize("name", ["mini", "nano"])
def test_a_retrained_captioner_keeps_the_words_of_the_shipped_one(name: str) -> None:
    card = get_card(CHECKPOINTS, "captioner", name)
    layers = json.loads((card.folder / "config.json").read_text("utf-8"))["layers"]
    words = stages.ACCURATE if layers >= stages.ACCURATE_LAYERS else stages.FAST
    assert (card.title, card.summary) == words


def test_the_reading_tokenizer_learns_from_training_texts_alone(data_set: Path, tmp_path: Path) -> None:
    """Captions, fields and descriptions of the training split, phrases of ads, and no held-out text."""
    (tmp_path / "ads_1.txt").write_text("Отдам котёнка\nКуплю гараж", encoding="utf-8")
    (tmp_path / "facts.txt").write_text("Вода мокрая", encoding="utf-8")
    texts = collect_reading_texts(DataFolders(data_set, texts=tmp_path))
    assert {"Отдам котёнка", "Куплю гараж"} <= set(texts)
    assert "Вода мокрая" not in texts
    assert any("Цена: 1550" in text for text in texts)
    assert not any("Цена: 1650" in text for text in texts)
