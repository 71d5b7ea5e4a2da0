"""The table of limits, and the zero-shot classifier that only confirms."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from inference.checkpoints.card import Card, load_card
from inference.clip.dual_encoder import Clip, ImageFeatures
from inference.errors import Message
from inference.moderation.nudity import LABELS, Detection
from inference.moderation.photos import DEFAULT_LIMITS, Limits, PhotoPolicy, ZeroShotNudityClassifier

POLICY = PhotoPolicy({"BUTTOCKS_EXPOSED": Limits(refuse=0.6, warn=0.4), "BELLY_EXPOSED": Limits(warn=0.5)})
# Two phrases, the first of nudity: a photo's first coordinate is its nudity.
ZERO_SHOT = ZeroShotNudityClassifier(torch.eye(2), num_nude=1, threshold=0.9)


def detections(score: float, label: str = "BUTTOCKS_EXPOSED") -> list[Detection]:
    return [Detection("FACE_FEMALE", 0.99, (0, 0, 9, 9)), Detection(label, score, (0, 0, 9, 9))]


def image_features(*nude: float) -> ImageFeatures:
    return ImageFeatures(torch.tensor([[x, 1 - x] for x in nude]), torch.zeros(len(nude), 10, 3))


def message(code: str, *numbers: int) -> Message:
    return Message(code, {"count": len(numbers), "numbers": ", ".join(map(str, numbers))})


def test_no_photo_is_no_claim() -> None:
    verdict = POLICY.judge([])
    assert (verdict.passed, verdict.score, verdict.reason) == (True, None, None)


def test_photos_with_nothing_of_a_body_pass_with_no_risk() -> None:
    verdict = POLICY.judge([[], detections(0.9, "FEET_EXPOSED")])
    assert (verdict.passed, verdict.score, verdict.reason) == (True, 0.0, None)


def test_a_finding_at_its_limit_is_refused_and_the_photos_are_numbered() -> None:
    verdict = POLICY.judge([[], detections(0.6), detections(0.59), detections(0.8)])
    assert (verdict.passed, verdict.score) == (False, 0.8)
    assert verdict.reason == message("photos-refused", 2, 4)


def test_a_finding_below_is_warned_of() -> None:
    """A warning passes; a label that is never refused counts for no risk."""
    verdict = POLICY.judge([detections(0.59), detections(0.39), detections(0.9, "BELLY_EXPOSED")])
    assert (verdict.passed, verdict.score) == (True, 0.59)
    assert verdict.reason == message("photos-warned", 1, 3)


def test_without_the_colours_of_skin_nothing_is_certain() -> None:
    """Pockets of a shirt have the shape of a breast: at the limit they are warned of, below it not even that."""
    pockets = [[Detection("BUTTOCKS_EXPOSED", score, (0, 0, 9, 9), skin=0.1)] for score in (0.9, 0.59)]
    verdict = POLICY.judge(pockets)
    assert (verdict.passed, verdict.score, verdict.reason) == (True, 0.9, message("photos-warned", 1))


def test_a_zero_shot_classifier_turns_a_warning_into_a_refusal() -> None:
    policy = replace(POLICY, zero_shot=ZERO_SHOT)
    assert policy.judge([detections(0.5)], image_features(0.2)).passed
    verdict = policy.judge([detections(0.5), detections(0.5)], image_features(0.2, 1.0))
    assert (verdict.passed, verdict.reason) == (False, message("photos-refused", 2))


def test_a_zero_shot_classifier_alone_refuses_nothing() -> None:
    """It is classifier about what the detector has found, and overrules no refusal."""
    policy = replace(POLICY, zero_shot=ZERO_SHOT)
    assert policy.judge([[], detections(0.3)], image_features(1.0, 1.0)).reason is None
    assert not policy.judge([detections(0.7)], image_features(0.0)).passed


def test_the_card_says_whether_the_dual_encoder_is_asked(tiny_clip: Clip, tiny_root: Path) -> None:
    """Without a threshold on the card the encoder is too weak to help."""
    card = load_card(tiny_root / "clip" / "mini")
    assert ZeroShotNudityClassifier.from_card(tiny_clip, card) is None
    classifier = ZeroShotNudityClassifier.from_card(tiny_clip, replace(card, calibration={"nudity_threshold": 0.7}))
    assert classifier is not None
    assert classifier.threshold == 0.7
    assert all(0 <= risk <= 1 for risk in classifier.predict_risks(tiny_clip.encode_images([])))


@pytest.mark.parametrize(("languages", "same"), [(("en",), False), (("ru",), True), (("kk", "ru"), True), ((), True)])
def test_it_is_asked_in_a_language_of_the_card(tiny_clip: Clip, languages: tuple[str, ...], same: bool) -> None:
    card = Card(folder=Path("clip/mini"), family="f", version="1", calibration={"nudity_threshold": 0.7})
    russian, classifier = (
        ZeroShotNudityClassifier.from_card(tiny_clip, replace(card, languages=each)) for each in (("ru",), languages)
    )
    assert russian is not None
    assert classifier is not None
    assert torch.equal(russian.phrase_embeddings, classifier.phrase_embeddings) == same


def test_what_is_covered_is_never_refused() -> None:
    """Underwear and swimwear are clothes; so are bare arms how clothes are worn."""
    assert set(DEFAULT_LIMITS) == set(LABELS)
    refused = {label for label, limits in DEFAULT_LIMITS.items() if limits.refuse is not None}
    assert refused == {
        "ANUS_EXPOSED",
        "BUTTOCKS_EXPOSED",
        "FEMALE_BREAST_EXPOSED",
        "FEMALE_GENITALIA_EXPOSED",
        "MALE_GENITALIA_EXPOSED",
    }
    assert all(limits.warn is not None for limits in DEFAULT_LIMITS.values() if limits.refuse is not None)
