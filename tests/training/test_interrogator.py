"""Tests of the interrogator's thresholds: a phrase is used from where its precision suffices."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from PIL import Image

from inference.captioners.interrogator.phrases import load_phrases
from inference.checkpoints.card import Card, save_card
from inference.clip.dual_encoder import Clip
from tests.support.models import tiny
from training import interrogator
from training.data.examples import PhotoLabels


def test_a_threshold_is_the_least_similarity_that_is_right_often_enough() -> None:
    likeness = torch.arange(40.0, 0, -1) / 40
    shown = torch.zeros(40, dtype=torch.bool)
    shown[:12] = True
    found = interrogator.find_threshold(likeness, shown)
    assert found == pytest.approx(float(likeness[int(12 / interrogator.MIN_PRECISION) - 1]))


def test_rare_and_unreliable_phrases_have_no_threshold() -> None:
    likeness = torch.arange(60.0, 0, -1)
    assert interrogator.find_threshold(likeness, torch.arange(60) < interrogator.MIN_POSITIVES - 1) is None
    assert interrogator.find_threshold(likeness, torch.arange(60) >= 50) is None


def test_only_photos_of_things_with_a_trait_are_measured() -> None:
    """Shoes say nothing of sleeves; the labels' own words say what is shown."""
    row = PhotoLabels("train", "рубашка", ("белый", "синий"), "полоска", "женский", "Рубашка с карманом.", "на молнии")
    shown = interrogator.PhotoTraits(row, load_phrases())
    assert "sleeves" in shown.traits
    assert "heels" not in shown.traits
    assert shown.shows("в полоску", "patterns")
    assert shown.shows("синий", "colours")
    assert not shown.shows("в клетку", "patterns")
    assert not shown.shows("без карманов", "pockets")


def test_the_thresholds_stand_beside_the_card(tmp_path: Path) -> None:
    """From a folder of labelled photos to a sealed file; photos of senders that measure the result are left out."""
    root, data = tmp_path / "checkpoints", tmp_path / "data"
    tiny.save_dual_encoder(tiny.student(tiny.reading_tokenizer().get_vocab_size()), root / "clip" / "mini")
    save_card(Card(folder=root / "clip" / "mini", family="vision-text-dual-encoder", version="1"))
    folder = root / "captioner" / "interrogator"
    folder.mkdir(parents=True)
    settings = {"captioner": "mini", "clip": "mini", "mode": "best", "areas": ["tops"]}
    save_card(Card(folder=folder, family="interrogator", version="1", settings=settings))
    (data / "photos").mkdir(parents=True)
    rows = ["photo\tsplit\titem\tcolor\tpattern\tfeatures\taudience\tcaption"]
    for number in range(12):
        split = "val" if number > 10 else "train"
        rows.append(f"{number}\t{split}\tрубашка\tбелый\tполоска\tна молнии\tженский\tРубашка.")
        if split == "train":
            Image.new("RGB", (40, 40), tiny.COLORS[number % 10]).save(data / "photos" / f"{number}.jpg")
    (data / "photos.tsv").write_text("\n".join(rows) + "\n", "utf-8")
    card = interrogator.calibrate(data, folder)
    found = json.loads((folder / "thresholds.json").read_text("utf-8"))
    assert set(card.files) == {"thresholds.json"}
    assert {"белый", "в полоску", "на молнии"} <= set(found)
    assert "в клетку" not in found
    clip = Clip.load(root / "clip" / "mini")
    photos = interrogator.encode_photos(clip, sorted((data / "photos").iterdir()))
    assert photos.shape == (11, clip.dim)
