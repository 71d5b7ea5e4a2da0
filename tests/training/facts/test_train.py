"""The training of the classifier of photos: views, mixtures, losses, and a run that resumes exactly."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from torch import Tensor

from inference.facts.photos import Logits, PhotoClassifier, PhotoClassifierConfig
from training import loop
from training.data.examples import load_photo_labels
from training.facts import train as facts_train
from training.facts.labels import Targets, build_labels, encode_targets
from training.facts.train import Photos, balance, compute_loss, compute_word_loss, draw_views, load_photos, train

STEPS = 4


@pytest.fixture(scope="module")
def photos(data_set: Path) -> Photos:
    return load_photos(sorted((data_set / "photos").glob("*.jpg"))[:16])


@pytest.fixture(scope="module")
def labels(data_set: Path) -> Mapping[str, tuple[str, ...]]:
    rows = [row for row in load_photo_labels(data_set).values() if row.split == "train"]
    return build_labels(rows) | {"colour": ("синий", "чёрный")}


@pytest.fixture(scope="module")
def targets(data_set: Path, labels: Mapping[str, tuple[str, ...]]) -> Targets:
    return encode_targets([row for row in load_photo_labels(data_set).values() if row.split == "train"], labels)


@pytest.fixture
def classifier(labels: Mapping[str, tuple[str, ...]], monkeypatch: pytest.MonkeyPatch) -> PhotoClassifier:
    monkeypatch.setattr(facts_train, "BATCH", 4)
    torch.manual_seed(0)
    return PhotoClassifier(PhotoClassifierConfig(0.1, 0.1, 64, labels, {}))


def test_a_resumed_run_ends_with_the_same_weights(
    classifier: PhotoClassifier, photos: Photos, targets: Targets, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "SAVE_EVERY_S", 0.0)
    words = (torch.rand(16, 5, generator=torch.Generator().manual_seed(2)) < 0.5).float()
    first = {name: weight.clone() for name, weight in classifier.state_dict().items()}
    torch.manual_seed(1)
    whole = train(classifier, photos, targets, words, tmp_path / "whole", STEPS).state_dict()
    take_step, numbers = loop.optimizer_step, iter(range(STEPS))

    def interrupt(optimizer: torch.optim.Optimizer, loss: Tensor, rate: float) -> None:
        if next(numbers) == STEPS // 2:
            raise KeyboardInterrupt
        take_step(optimizer, loss, rate)

    classifier.load_state_dict(first)
    torch.manual_seed(1)
    monkeypatch.setattr(loop, "optimizer_step", interrupt)
    with pytest.raises(KeyboardInterrupt):
        train(classifier, photos, targets, words, tmp_path / "parts", STEPS)
    monkeypatch.setattr(loop, "optimizer_step", take_step)
    torch.manual_seed(99)
    resumed = train(classifier, photos, targets, words, tmp_path / "parts", STEPS).state_dict()
    assert all(torch.equal(resumed[name], weight) for name, weight in whole.items())
    assert any(not torch.equal(whole[name], weight) for name, weight in first.items())


def test_photos_remember_their_aspect(photos: Photos) -> None:
    assert photos.pixels.shape == (16, 3, facts_train.STORED, facts_train.STORED)
    assert torch.allclose(photos.aspects, torch.full((16,), 60 / 80))


def test_views_are_normalised_as_the_trunk_expects(photos: Photos) -> None:
    views = draw_views(photos, torch.tensor([0, 3, 5]), 64)
    assert views.shape == (3, 3, 64, 64)
    assert -127 / 128 - 1e-5 <= float(views.min()) <= float(views.max()) <= 1 + 1e-5


def test_rare_items_are_drawn_more_often_than_they_occur() -> None:
    chances = balance(torch.tensor([[1.0, 0.0]] * 8 + [[0.0, 1.0]] * 2 + [[0.0, 0.0]]))
    assert chances[8] > chances[0]
    assert chances[8] * 2 < chances[0] * 8
    assert chances[10] == chances[8]


def build_logits(targets: Targets, scale: float) -> Logits:
    item, colour, audience, properties = (scale * (2 * values - 1) for values in targets)
    return Logits(item, colour, audience, properties, torch.zeros(len(item), 1))


def test_the_loss_is_least_for_what_is_right(targets: Targets) -> None:
    right, none, wrong = (compute_loss(build_logits(targets, scale), targets) for scale in (3.0, 0.0, -3.0))
    assert right < none < wrong


def test_unknown_items_have_no_loss(targets: Targets) -> None:
    unknown = targets._replace(item=torch.zeros_like(targets.item))
    logits = build_logits(targets, 1.0)
    others = logits._replace(item=torch.randn_like(targets.item) * 9)
    assert torch.allclose(compute_loss(logits, unknown), compute_loss(others, unknown))


def test_words_of_photos_without_notes_do_not_count() -> None:
    words = torch.tensor([[1.0, 0.0], [0.0, 0.0]])
    right = compute_word_loss(torch.tensor([[6.0, -6.0], [9.0, 9.0]]), words)
    wrong = compute_word_loss(torch.tensor([[-6.0, 6.0], [9.0, 9.0]]), words)
    assert float(right) < 0.3 < float(wrong)
    assert compute_word_loss(torch.zeros(1, 2), torch.zeros(1, 2)) == 0
