"""Facts of photos are calibrated probabilities, the same alone and in a batch."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image

from inference.checkpoints.card import load_card
from inference.facts.photos import SOFTMAX_GROUPS, PhotoClassifier, PhotoFacts
from tests.support.models import tiny

SIZES = ((60, 48), (48, 60), (40, 40), (400, 90), (7, 200))


@pytest.fixture(scope="module")
def classifier(tiny_root: Path) -> PhotoClassifier:
    return PhotoClassifier.load(load_card(tiny_root / "facts" / "mini"))


def predict(classifier: PhotoClassifier) -> list[PhotoFacts]:
    return classifier.predict([tiny.picture(number, size) for number, size in enumerate(SIZES)])


def test_exclusive_groups_sum_to_one(classifier: PhotoClassifier) -> None:
    for facts in predict(classifier):
        assert {group: tuple(row) for group, row in facts.probabilities.items()} == {
            group: tuple(values) for group, values in classifier.config.labels.items()
        }
        assert all(0 <= value <= 1 for row in facts.probabilities.values() for value in row.values())
        for group in SOFTMAX_GROUPS:
            assert sum(facts.probabilities[group].values()) == pytest.approx(1, abs=1e-5)


def test_a_photo_has_the_same_facts_alone(classifier: PhotoClassifier) -> None:
    batch = predict(classifier)
    for number, size in enumerate(SIZES):
        (alone,) = classifier.predict([tiny.picture(number, size)])
        for group, row in alone.probabilities.items():
            assert row == pytest.approx(batch[number].probabilities[group], abs=1e-4)


def test_no_photo_has_no_facts(classifier: PhotoClassifier) -> None:
    assert classifier.predict([]) == []


def test_a_higher_temperature_is_less_sure(classifier: PhotoClassifier) -> None:
    sure = predict(classifier)[0].probabilities
    warm = PhotoClassifier(replace(classifier.config, temperatures={"item": 4.0, "sleeve": 4.0})).eval()
    warm.load_state_dict(tiny.photo_classifier().state_dict())
    unsure = predict(warm)[0].probabilities
    assert max(unsure["item"].values()) < max(sure["item"].values())
    assert all(abs(unsure["sleeve"][value] - 0.5) < abs(sure["sleeve"][value] - 0.5) for value in sure["sleeve"])
    assert unsure["colour"] == pytest.approx(sure["colour"], abs=1e-4)


def test_loading_changes_no_result(classifier: PhotoClassifier) -> None:
    """Batch norms are multiplied into the convolutions; the weights were rounded to float16."""
    trained = tiny.photo_classifier()
    pixels = classifier.preprocess([tiny.picture(1)])
    with torch.inference_mode():
        for logits, expected in zip(classifier(pixels), trained(pixels), strict=True):
            assert torch.allclose(logits, expected, atol=5e-3)


def test_the_photo_keeps_its_aspect(classifier: PhotoClassifier) -> None:
    """The central square is read: what lies left and right of it does not count."""
    wide = Image.new("RGB", (300, 100), "red")
    wide.paste("blue", (100, 0, 200, 100))
    pixels = classifier.preprocess([wide])
    assert pixels.shape == (1, 3, 32, 32)
    assert pixels[0, :, 0, 0].tolist() == pytest.approx([(0 - 127) / 128, (0 - 127) / 128, 1.0])


@pytest.mark.parametrize(
    ("garment", "item", "doubted", "known"),
    [
        (0.9, 0.9, False, True),
        (0.9, 0.9, True, True),
        (0.9, 0.3, False, True),
        (0.9, 0.3, True, False),
        (0.1, 0.6, False, False),
        (0.1, 0.9, False, True),
    ],
)
def test_a_photo_is_known_by_its_thing_and_two_detectors(
    classifier: PhotoClassifier, garment: float, item: float, doubted: bool, known: bool
) -> None:
    classifier.thresholds = {"garment": 0.4}
    facts = PhotoFacts({"item": {"куртка": item, "платье": 1 - item if item > 0.5 else 0.2}}, garment)
    assert classifier.knows(facts, doubted=doubted) is known
