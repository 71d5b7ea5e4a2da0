"""Tests of the feature cache: one unchanged view of each scene, then augmented ones."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageColor
from torch.nn.functional import cosine_similarity

from inference.clip.dual_encoder import GRID, Clip
from tests.support.models import tiny
from training.data.feature_cache import build_collage, encode_scenes, render_scene
from training.data.scenes import Scene
from training.drawings import Garment

GARMENT = Garment("футболка", "синий", "однотонный", None, 1)


@pytest.fixture(scope="module")
def scenes(data_set: Path) -> list[Scene]:
    """A photo, a collage of three photos, a drawing of one thing and one of two."""
    photos = tuple(sorted((data_set / "photos").iterdir()))
    made = [Scene(photos[:1], (), 0, (), (), ""), Scene(photos[1:4], (), 3, (), (), "")]
    other = Garment("джинсы", "чёрный", "однотонный", None, 2)
    return made + [Scene((), garments, 5, (), (), "") for garments in ((GARMENT,), (GARMENT, other))]


def test_every_scene_is_one_upright_picture(scenes: list[Scene]) -> None:
    """The same one each time."""
    for scene in scenes:
        assert render_scene(scene).mode == "RGB"
        assert render_scene(scene).tobytes() == render_scene(scene).tobytes()
    assert render_scene(scenes[0]).size == (60, 80)


@pytest.mark.parametrize("count", [2, 3, 4])
def test_a_collage_shows_all_of_its_photos(count: int) -> None:
    """Each photo's colour fills a good part of the picture."""
    colors = ["red", "lime", "blue", "yellow"][:count]
    for seed in range(8):
        laid = build_collage([Image.new("RGB", (30, 40), color) for color in colors], random.Random(seed))
        assert laid.size == (400, 480)
        pixels = np.asarray(laid)
        for color in colors:
            shown = (pixels == ImageColor.getrgb(color)).all(-1).mean()
            assert shown > 0.5 / (2 * count)


def test_the_cache_holds_several_views_of_every_scene(tiny_clip: Clip, scenes: list[Scene]) -> None:
    torch.manual_seed(0)
    seen = encode_scenes(tiny_clip, scenes, 3)
    assert (seen.shape, seen.dtype) == ((len(scenes), 3, 1 + GRID**2, tiny.WIDTHS[-1]), torch.float16)
    assert bool(torch.isfinite(seen).all())
    assert not torch.equal(seen[:, 1], seen[:, 2])


def test_the_first_view_is_what_serving_sees(tiny_clip: Clip, scenes: list[Scene]) -> None:
    """Up to the way in which the photo is made small, and the same at every time."""
    first, again = (encode_scenes(tiny_clip, scenes, 1)[:, 0].float() for _ in range(2))
    served = tiny_clip.encode_images([render_scene(scene) for scene in scenes]).states
    assert torch.equal(first, again)
    assert bool((cosine_similarity(first, served, dim=-1).mean(1) > 0.97).all())
