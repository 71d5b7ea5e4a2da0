"""Image preprocessing equals that of the publishers' processors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from torch import Tensor
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

from inference.clip.preprocessing import ImagePreprocessor
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
