"""Image preprocessing equals that of the publishers' processors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

from inference.clip.preprocessing import ImagePreprocessor, compute_crop, compute_resize
from tests.support.models import hashed, tiny

SIZES = (
    (60, 48),
    (48, 60),
    (33, 32),
    (32, 33),
    (32, 32),
    (91, 50),
    (50, 91),
    (301, 40),
    (640, 480),
    (479, 641),
    (9, 7),
)
EDGES = (32, 224, 240, 288, 336)
HALVES = {"image_mean": [0.5] * 3, "image_std": [0.5] * 3}


def rule(folder: Path, **config: object) -> ImagePreprocessor:
    path = folder / "preprocessor_config.json"
    path.write_text(json.dumps(HALVES | config), "utf-8")
    return ImagePreprocessor.from_file(path)


@pytest.mark.parametrize("published", [{}, {"size": {"shortest_edge": 40}}, {"resample": 2}])
def test_clip_s_photos_are_resized_and_their_middle_cut_out(tmp_path: Path, published: dict[str, Any]) -> None:
    """Equal to `CLIPImageProcessor` to 1e-6, also where the crop is smaller than the resized photo."""
    crop = {"height": 32, "width": 32}
    settings: dict[str, Any] = {"size": {"shortest_edge": 32}, "crop_size": crop} | published
    processor = CLIPImageProcessorPil(**settings)
    processor.save_pretrained(tmp_path)
    own = ImagePreprocessor.from_file(tmp_path / "preprocessor_config.json")
    images = [hashed.photo(str(size), size) for size in SIZES]
    expected = processor(images, return_tensors="pt").pixel_values
    torch.testing.assert_close(own.preprocess(images), expected, atol=1e-6, rtol=0)


def test_the_way_in_which_openai_s_folders_wrote_it_first_is_read_too(tmp_path: Path) -> None:
    """Sizes were plain numbers in 2021."""
    own = rule(tmp_path, size=40, crop_size=32, do_center_crop=True, resample=3)
    new = rule(tmp_path, size={"shortest_edge": 40}, crop_size={"height": 32, "width": 32}, do_center_crop=True)
    assert own == new
    assert own.fit == "resize-crop"


@pytest.mark.parametrize("edge", EDGES)
def test_resize_and_crop_are_those_of_torchvision_at_all_sizes(edge: int) -> None:
    """From 16 × 16 to 400 × 400; the other rule differs where the margin leaves a remainder of three by four."""
    differing = 0
    for short in range(16, 401):
        for long in range(short, 401):
            width, height = compute_resize((short, long), edge)
            assert (width, height) == torchvision_resize(short, long, edge)
            left, top, *_ = compute_crop((width, height), edge, rounds=True)
            assert (top, left) == torchvision_crop(height, width, edge)
            differing += (left, top) != compute_crop((width, height), edge, rounds=False)[:2]
    assert differing > 10_000


def torchvision_resize(short: int, long: int, edge: int) -> tuple[int, int]:
    """`torchvision.transforms.functional._compute_resized_output_size` for one edge."""
    return edge, int(edge * long / short)


def torchvision_crop(height: int, width: int, edge: int) -> tuple[int, int]:
    """Top and left of `torchvision.transforms.functional.center_crop`."""
    return int(round((height - edge) / 2.0)), int(round((width - edge) / 2.0))  # noqa: RUF046 - written as there


@pytest.mark.parametrize("size", [(32, 35), (35, 32), (64, 71), (101, 48), (47, 99)])
def test_a_crop_by_torchvision_s_rule_begins_where_it_says(tmp_path: Path, size: tuple[int, int]) -> None:
    """Both rules are of use: that of `transformers` starts one pixel earlier at each of these sizes."""
    image = hashed.photo(str(size), size)
    config = {"size": {"shortest_edge": 32}, "crop_size": 32, "do_center_crop": True, "resample": 3}
    rounding, flooring = (rule(tmp_path, **config, rounds_crop=each).preprocess([image]) for each in (True, False))
    wanted = torchvision_resize(min(size), max(size), 32)
    resized = image.resize(wanted if size[0] <= size[1] else wanted[::-1], Image.Resampling.BICUBIC)
    top, left = torchvision_crop(resized.height, resized.width, 32)
    expected = torch.from_numpy(np.array(resized)[top : top + 32, left : left + 32]).permute(2, 0, 1) / 127.5 - 1
    torch.testing.assert_close(rounding[0], expected, atol=1e-6, rtol=0)
    assert not torch.equal(rounding, flooring)


def test_siglip_s_photos_are_squeezed(tmp_path: Path) -> None:
    """Equal to `SiglipImageProcessor` to 1e-6."""
    processor = SiglipImageProcessorPil(size={"height": 32, "width": 32})
    processor.save_pretrained(tmp_path)
    own = ImagePreprocessor.from_file(tmp_path / "preprocessor_config.json")
    images = [hashed.photo(str(size), size) for size in SIZES]
    expected = processor(images, return_tensors="pt").pixel_values
    torch.testing.assert_close(own.preprocess(images), expected, atol=1e-6, rtol=0)


def test_a_rule_squeezes_the_whole_photo_or_crops_it_first(tmp_path: Path) -> None:
    """The borders of a wide photo are kept or cropped, in [-1, 1] for a mean and deviation of a half."""
    image = Image.new("RGB", (90, 30), "black")
    image.paste("white", (0, 0, 30, 30))
    image.paste("white", (60, 0, 90, 30))
    squeezed = rule(tmp_path, size={"height": 30, "width": 30})
    cropped = rule(tmp_path, size={"height": 30, "width": 30}, crop_first=True)
    assert row(squeezed.preprocess([image])) == [1.0, -1.0, 1.0]
    assert row(cropped.preprocess([image])) == [-1.0] * 3


def row(pixels: Tensor) -> list[float]:
    values: list[float] = pixels[0, 0, 15, [2, 15, 27]].tolist()
    return values


def test_a_large_photo_may_be_shrunk_in_two_steps(tmp_path: Path) -> None:
    """Quicker and a little coarser; without the key every photo is resized in one step."""
    image = tiny.picture(1, (640, 480))
    size = {"height": 32, "width": 32}
    exact, quick = (
        rule(tmp_path, size=size).preprocess([image]),
        rule(tmp_path, size=size, reducing_gap=3).preprocess([image]),
    )
    assert 0 < float((exact - quick).abs().max()) < 0.2


def test_a_crop_larger_than_the_photo_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="larger"):
        rule(tmp_path, size={"shortest_edge": 20}, crop_size={"height": 32, "width": 32}, do_center_crop=True)
