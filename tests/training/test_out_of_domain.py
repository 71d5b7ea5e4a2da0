"""Tests of the training of the out-of-domain detector."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from inference.checkpoints.card import load_card, save_card
from inference.checkpoints.registry import verify
from inference.moderation.out_of_domain import FILE, OutOfDomainDetector
from tests.support.models import tiny
from training import out_of_domain, stages
from training.out_of_domain import build_student, coarsen, label_with_teacher, list_sources, render_drawings
from training.stages import DataFolders
from training.teacher import MobileNetV2

CLIP = Path(__file__).parents[2] / "checkpoints" / "clip" / "mini"


@pytest.fixture
def teacher() -> MobileNetV2:
    torch.manual_seed(0)
    return MobileNetV2().eval().requires_grad_(False)


@pytest.fixture
def others(tmp_path: Path) -> Path:
    """Two sources of other things, a source without a photo, and photos that do not count."""
    for number, name in enumerate(("bottles/a.png", "bottles/b.png", "tools/c.jpg", "tools/Faces/d.jpg")):
        path = tmp_path / "others" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        tiny.picture(number).save(path)
    (tmp_path / "others" / "empty").mkdir()
    return tmp_path / "others"


def test_a_folder_is_a_source(others: Path) -> None:
    """People are no other things: they are dressed."""
    names = [[path.name for path in paths] for paths in list_sources(others)]
    assert names == [["a.png", "b.png"], ["c.jpg"]]


def test_a_folder_of_photos_alone_is_one_source(others: Path) -> None:
    assert [[path.name for path in paths] for paths in list_sources(others / "bottles")] == [["a.png", "b.png"]]


def test_the_teacher_encodes_photos_and_drawings_once(others: Path, teacher: MobileNetV2) -> None:
    (paths,) = list_sources(others / "bottles")
    source = label_with_teacher(teacher, paths, render_drawings(2, seed=3))
    assert source.pixels.shape == (4, 3, out_of_domain.STORED, out_of_domain.STORED)
    assert source.teacher_features.shape == (4, 1280)
    pixels, seen = source.sample(9)
    assert pixels.dtype == torch.uint8
    assert all(any(torch.equal(row, known) for known in source.teacher_features) for row in seen)


def test_a_student_starts_with_the_weights_of_the_dual_encoder() -> None:
    """The weights are those of `clip/mini` wherever the two are alike, and its first layers stay as they are."""
    pupil = build_student(CLIP)
    weights = load_file(CLIP / "model.safetensors")
    name = "encoder.stages.1.layers.0.layer.0.convolution.weight"
    assert torch.equal(pupil.detector.trunk.state_dict()[name], weights[f"vision_model.{name}"].float())
    assert not any(weight.requires_grad for weight in pupil.detector.trunk.embedder.parameters())
    assert pupil.detector.head.weight.requires_grad


def test_a_student_of_another_architecture_trains_all_layers(tiny_root: Path) -> None:
    assert all(weight.requires_grad for weight in build_student(tiny_root / "clip" / "mini").parameters())


def test_some_photos_are_blurred_and_some_grey() -> None:
    """Shape, type and the photos that were given stay."""
    torch.manual_seed(1)
    pixels = torch.randint(0, 255, (60, 3, 144, 144), dtype=torch.uint8)
    before = pixels.clone()
    seen = coarsen(pixels)
    assert torch.equal(pixels, before)
    assert (seen.shape, seen.dtype) == (pixels.shape, pixels.dtype)
    same = [torch.equal(*pair) for pair in zip(seen, pixels, strict=True)]
    grey = [bool((each[0] == each[1]).all()) for each in seen]
    assert 20 < sum(same) < 55
    assert 0 < sum(grey) < 15


def test_a_batch_holds_every_source_however_small() -> None:
    """In proportion to the roots of their sizes, so that a small source is neither lost nor learned by heart."""
    assert out_of_domain._shares([8100, 900, 1], 32) == [23, 8, 1]
    assert out_of_domain._shares([100], 32) == [32]


def test_the_detector_is_written_beside_the_encoder_and_the_card_sealed(
    tiny_root: Path, data_set: Path, others: Path, tmp_path: Path, teacher: MobileNetV2
) -> None:
    """The file loads, the card names it, and the thresholds of the match are measured with it."""
    folder = shutil.copytree(tiny_root, tmp_path / "checkpoints") / "clip" / "mini"
    assert OutOfDomainDetector.load(folder) is None
    save_file(teacher.state_dict(), tmp_path / "teacher.safetensors")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (("BATCH", 6), ("FIRST_AT", 32), ("LAST_AT", 40), ("TEACHER_AT", 48)):
            patch.setattr(out_of_domain, name, value)
        knowing = replace(load_card(folder), knows=("футболка", "джинсы"))
        save_card(knowing)
        given = DataFolders(data_set, others, drawings=1)
        stages.train_out_of_domain(given, tmp_path / "teacher.safetensors", folder, tmp_path / "runs", 2, 0)
    verify(load_card(folder))
    assert FILE in load_card(folder).files
    measured = {"match_threshold", "match_photo_threshold", "match_warn_threshold", "out_of_domain_threshold"}
    assert set(load_card(folder).calibration) == measured
    detector = OutOfDomainDetector.load(folder)
    assert detector is not None
    pixels = torch.rand(3, 3, 48, 48)
    risks = detector.predict(pixels)
    assert risks.shape == (3,)
    assert torch.allclose(risks[:1], detector.predict(pixels[:1]), atol=1e-5)
    assert len(detector.predict(pixels[:0])) == 0
