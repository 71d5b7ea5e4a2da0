"""The detector returns what the nudenet package returns."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from nudenet import NudeDetector
from PIL import Image, ImageDraw, ImageFilter, ImageOps

from inference.moderation import nudity
from inference.moderation.nudity import LABELS, Detection, NudityDetector
from inference.moderation.photos import DEFAULT_LIMITS, PhotoPolicy
from tests.support.models import tiny

PHOTOS = Path(__file__).parents[3].parent / "shared" / "data" / "clothing" / "photos"


@pytest.fixture(scope="module")
def detector() -> NudityDetector:
    return NudityDetector.load(threads=1)


@pytest.fixture(scope="module")
def package() -> NudeDetector:
    return NudeDetector()


Row = tuple[str, object, tuple[int, ...]]


def expected(package: NudeDetector, image: Image.Image) -> list[Row]:
    """The package's detections on the same RGB pixels."""
    detections = package.detect(np.asarray(image))
    return [(each["class"], pytest.approx(each["score"], abs=1e-3), tuple(each["box"])) for each in detections]


def rows(detections: Sequence[Detection]) -> list[Row]:
    return [(each.label, each.score, each.box) for each in detections]


def test_300_photos_are_judged_as_by_the_package(detector: NudityDetector, package: NudeDetector) -> None:
    """Labels and boxes alike, scores to 1e-3, whatever photos share the batch."""
    if not PHOTOS.is_dir():
        pytest.skip(f"no {PHOTOS}")
    paths = sorted(PHOTOS.glob("*.jpg"))[::16][:300]
    images = [ImageOps.exif_transpose(Image.open(path)).convert("RGB") for path in paths]
    assert [rows(detections) for detections in detector.detect(images)] == [
        expected(package, image) for image in images
    ]


@pytest.mark.parametrize("size", [(320, 320), (61, 17), (17, 61), (1024, 683), (500, 1024)])
def test_photos_of_every_shape_are_judged_as_by_the_package(
    detector: NudityDetector, package: NudeDetector, size: tuple[int, int]
) -> None:
    """The padding is on the same sides, and the scale is the same."""
    face = tiny.picture(1, size)
    (detections,) = detector.detect([face])
    assert rows(detections) == expected(package, face)


def test_found_parts_are_cut_at_the_borders_and_overlapping_ones_are_one() -> None:
    """Rows as the network writes them: centre and size in pixels of the square, then a score a label."""
    image = np.zeros((160, 320, 3), np.uint8)
    rows = np.zeros((5, 4 + len(LABELS)), np.float32)
    rows[0, :4] = (100, 40, 40, 40)
    rows[1, :4] = (102, 42, 40, 40)
    rows[2, :4] = (310, 150, 60, 60)
    rows[3, :4] = (20, 20, 10, 10)
    rows[0, 4 + LABELS.index("FEET_COVERED")] = 0.6
    rows[1, 4 + LABELS.index("FEET_EXPOSED")] = 0.7
    rows[2, 4 + LABELS.index("FACE_MALE")] = 0.5
    rows[3, 4 + LABELS.index("FACE_MALE")] = 0.249
    detections = nudity._decode_detections(image, rows)
    assert [(each.label, each.box) for each in detections] == [
        ("FEET_EXPOSED", (82, 22, 40, 40)),
        ("FACE_MALE", (280, 120, 40, 40)),
    ]
    assert [each.score for each in detections] == pytest.approx([0.7, 0.5])


def test_more_photos_than_a_pass_takes_keep_their_places(
    detector: NudityDetector, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = [tiny.picture(number, (60 + number, 48)) for number in range(7)]
    together = detector.detect(images)
    monkeypatch.setattr(nudity, "BATCH_SIZE", 3)
    assert detector.detect(images) == together
    assert detector.detect([]) == []


def test_files_are_detected_upright_and_in_order(detector: NudityDetector, tmp_path: Path) -> None:
    paths = [tmp_path / f"{number}.png" for number in range(3)]
    for number, path in enumerate(paths):
        tiny.picture(number).save(path)
    results = list(detector.detect_files(paths))
    assert [path for path, _ in results] == paths


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(Exception, match="missing"):
        NudityDetector.load(path=tmp_path / "missing.onnx")


def figure(number: int) -> Image.Image:
    """A naked body as a child would draw it; each number is another one."""
    rnd = random.Random(number)
    image = Image.new("RGB", (300, 400), tuple(rnd.randint(60, 240) for _ in range(3)))
    pen, skin, x = ImageDraw.Draw(image), rnd.choice(((224, 172, 135), (198, 134, 98), (255, 219, 190))), 150
    pen.ellipse((x - 28, 20, x + 28, 85), skin)
    pen.rectangle((x - 10, 80, x + 10, 100), skin)
    pen.rounded_rectangle((x - 55, 95, x + 55, 250), 25, skin)
    for side in (-1, 1):
        pen.line((x + side * 55, 110, x + side * 80, 240), skin, 22)
        pen.line((x + side * 25, 245, x + side * 32, 390), skin, 36)
        left = x + side * 25
        pen.ellipse((left - 22, 125, left + 22, 170), tuple(tone - 12 for tone in skin))
        pen.ellipse((left - 5, 145, left + 5, 155), (150, 80, 80))
    pen.polygon([(x - 14, 235), (x + 14, 235), (x, 262)], (60, 40, 30))
    return image.filter(ImageFilter.GaussianBlur(1.5))


def test_drawn_nudity_is_refused(detector: NudityDetector) -> None:
    """No photo of nudity is kept for the tests: what they draw is caught as often as not, by the policy as it is."""
    policy = PhotoPolicy(DEFAULT_LIMITS)
    detections = detector.detect([figure(number) for number in range(20)])
    assert sum(not policy.judge([each]).passed for each in detections) >= 10
