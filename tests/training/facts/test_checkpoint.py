"""A saved classifier loads as it was."""

from __future__ import annotations

from pathlib import Path

from safetensors.torch import load_file

from inference.checkpoints.card import Card
from inference.facts.photos import PhotoClassifier
from tests.support.models import tiny
from training.facts.checkpoint import save_photo_classifier


def test_weights_are_float16_and_the_configuration_returns(tmp_path: Path) -> None:
    classifier = tiny.photo_classifier()
    save_photo_classifier(classifier, tmp_path)
    assert {str(weight.dtype) for weight in load_file(tmp_path / "model.safetensors").values()} == {"torch.float16"}
    loaded = PhotoClassifier.load(Card(folder=tmp_path, family="efficientnet-lite", version="1")).config
    assert (loaded.width, loaded.image_size) == (classifier.config.width, classifier.config.image_size)
    assert {group: tuple(values) for group, values in loaded.labels.items()} == classifier.config.labels
