"""Drawings with targets: of a garment alone, and shared between the garments of a set."""

from __future__ import annotations

import pytest
import torch

from training.data.examples import PhotoLabels
from training.drawings import ITEMS
from training.facts import drawn, labels
from training.facts.drawn import draw_photos
from training.facts.labels import build_labels


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> dict[str, tuple[str, ...]]:
    monkeypatch.setattr(labels, "MIN_ITEMS", 1)
    monkeypatch.setattr(labels, "MIN_COLOURS", 1)
    colours = ("белый", "чёрный", "синий", "красный")
    return build_labels(PhotoLabels("train", item, colours, "", "женский", "") for item in ITEMS)


def test_every_drawing_has_targets(known: dict[str, tuple[str, ...]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawn, "SET_SHARE", 0.0)
    images, targets = draw_photos(6, known, seed=1)
    assert [len(values) for values in targets] == [6] * 4 == [len(images)] * 4
    assert targets.item.amax(1).tolist() == [1.0] * 6
    assert targets.audience.sum() == 0


def test_the_garments_of_a_set_share_the_targets(
    known: dict[str, tuple[str, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drawn, "SET_SHARE", 1.0)
    _, targets = draw_photos(6, known, seed=1)
    assert torch.allclose(targets.item.sum(1), torch.ones(6))
    assert targets.item.amax(1).min() < 1
    assert set(targets.properties.unique().tolist()) <= {0.0, 1.0}


def test_no_drawing_has_empty_targets_of_the_same_width(known: dict[str, tuple[str, ...]]) -> None:
    images, targets = draw_photos(0, known, seed=1)
    assert images == []
    assert targets.item.shape == (0, len(known["item"]))
