"""Tests of the dataset: pictures, texts and labels stay aligned."""

from __future__ import annotations

import multiprocessing.dummy
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.support.models import tiny
from tests.training.conftest import TRAIN, VAL
from training.data import dataset
from training.data.dataset import (
    STORED,
    TEXTS,
    Dataset,
    Picture,
    build_dataset,
    draw_pictures,
    load_clothes,
    load_negatives,
)
from training.data.examples import load_photo_labels, load_pixels
from training.data.labels import IGNORE_INDEX, Vocabulary, build_vocabulary
from training.data.negatives import is_held_out

TOKENIZER = tiny.reading_tokenizer()


@pytest.fixture(scope="module")
def words(data_set: Path) -> Vocabulary:
    return build_vocabulary(row for row in load_photo_labels(data_set).values() if row.split == "train")


@pytest.fixture(scope="module")
def pictures(data_set: Path) -> list[Picture]:
    return load_clothes(data_set, "train")


@pytest.fixture(scope="module")
def loaded(pictures: list[Picture], words: Vocabulary) -> Dataset:
    return build_dataset(pictures, TOKENIZER, words, 1)


def test_clothes_are_those_of_the_split(data_set: Path, pictures: list[Picture]) -> None:
    """Each with its caption, its tags, and the fields and description of its listing."""
    assert (len(pictures), len(load_clothes(data_set, "val"))) == (TRAIN, VAL)
    shown = load_photo_labels(data_set)["p00"]
    assert pictures[0].source == data_set / "photos" / "p00.jpg"
    assert pictures[0].labels == shown
    assert pictures[0].texts[:2] == (shown.caption, "футболка синий, однотонный")
    assert pictures[0].texts[2].startswith("Предмет одежды: футболка\nЦена: 50\n")
    assert len(pictures[0].texts) == 4


def test_a_dataset_holds_pixels_tokens_and_labels_of_every_picture(pictures: list[Picture], loaded: Dataset) -> None:
    assert (loaded.pixels.shape, loaded.pixels.dtype) == ((TRAIN, 3, STORED, STORED), torch.uint8)
    assert loaded.tokens.shape[:2] == (TRAIN, TEXTS)
    assert loaded.groups.shape == (TRAIN,)
    path = pictures[3].source
    assert isinstance(path, Path)
    assert torch.equal(loaded.pixels[3], load_pixels([path], STORED)[0])
    for number in range(TEXTS):
        ids = TOKENIZER.encode(pictures[3].texts[number]).ids
        assert loaded.tokens[3, number].tolist() == ids + [0] * (loaded.tokens.shape[2] - len(ids))


def test_alike_garments_share_a_group(pictures: list[Picture], loaded: Dataset) -> None:
    """The same item in the same main colour and pattern, and nothing else."""
    for first in range(TRAIN):
        for second in range(first):
            one, two = pictures[first].labels, pictures[second].labels
            assert one is not None
            assert two is not None
            alike = (one.item, one.colors) == (two.item, two.colors)
            assert (loaded.groups[first] == loaded.groups[second]).item() == alike


def test_things_of_one_name_share_a_group(pictures: list[Picture], words: Vocabulary) -> None:
    strangers = [replace(pictures[n], texts=(name,), labels=None) for n, name in enumerate(("киви", "груши", "киви"))]
    mixed = build_dataset([*strangers, pictures[3]], TOKENIZER, words, 1)
    assert mixed.groups[0] == mixed.groups[2]
    assert len(set(mixed.groups.tolist())) == 3
    assert mixed.labels["item"].tolist()[:3] == [IGNORE_INDEX] * 3
    assert torch.equal(mixed.tokens[0, 0], mixed.tokens[0, 3])


def test_a_sample_keeps_picture_text_and_labels_together(loaded: Dataset) -> None:
    torch.manual_seed(0)
    sample = loaded.sample(40)
    rows = [int((loaded.pixels == pixels).flatten(1).all(1).nonzero()[0]) for pixels in sample.pixels]
    assert len(set(rows)) > 5
    assert torch.equal(sample.tokens, loaded.tokens[rows])
    assert torch.equal(sample.groups, loaded.groups[rows])
    assert all(torch.equal(values, loaded.labels[name][rows]) for name, values in sample.labels.items())


def test_drawings_are_pictures_with_captions_and_labels(
    pictures: list[Picture], words: Vocabulary, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each seed draws its own garment, after the photos; here threads draw instead of processes."""
    monkeypatch.setattr(torch.multiprocessing, "get_context", lambda kind: multiprocessing.dummy)
    made = draw_pictures(3, 700)
    assert [picture.source for picture in made] == [700, 701, 702]
    assert made == draw_pictures(3, 700) != draw_pictures(3, 800)
    for picture in made:
        assert picture.labels is not None
        assert picture.labels.item
        assert all(text[0].isupper() for text in picture.texts)
    monkeypatch.setattr(dataset, "STORED", 32)
    both = build_dataset([pictures[0], *made], TOKENIZER, words, 2)
    assert both.pixels.shape == (4, 3, 32, 32)
    assert both.tokens.shape[0] == both.groups.shape[0] == 4
    assert len({picture.numpy().tobytes() for picture in both.pixels}) == 4


def test_negatives_for_training_are_not_held_out(tmp_path: Path) -> None:
    for word in ("kiwi", "banana", "lemon", "leek", "ginger", "mango", "cabbage", "paper"):
        tiny.picture(1).save(tmp_path / f"{word}1.png")
    found = load_negatives(tmp_path)
    assert 0 < len(found) < 8
    assert not [picture for picture in found if is_held_out(Path(str(picture.source)))]
    assert all(picture.labels is None and len(picture.texts) == 1 for picture in found)
