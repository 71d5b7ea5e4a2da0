"""A photo that shows nothing is told from one that shows little."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter

from inference.listing.types import Submission, Upload
from inference.listing.validation import validate

SIZE = (400, 300)
RNG = np.random.default_rng(3)
Y, X = np.mgrid[: SIZE[1], : SIZE[0]]


def from_levels(levels: object) -> Image.Image:
    grey = np.clip(np.broadcast_to(np.asarray(levels), SIZE[::-1]), 0, 255).astype(np.uint8)
    return Image.fromarray(grey).convert("RGB")


def draw_shirt(colour: int, background: int) -> Image.Image:
    image = Image.new("RGB", SIZE, (background,) * 3)
    points = [(120, 40), (170, 30), (230, 30), (280, 40), (340, 110), (290, 140), (280, 270), (120, 270), (110, 140)]
    ImageDraw.Draw(image).polygon([*points, (60, 110)], fill=(colour,) * 3)
    return image


BLANK: dict[str, Callable[[], Image.Image]] = {
    "white": lambda: Image.new("RGB", SIZE, "white"),
    "black": lambda: Image.new("RGB", SIZE, "black"),
    "red": lambda: Image.new("RGB", SIZE, (200, 20, 20)),
    "a narrow strip": lambda: Image.new("RGB", (800, 20), (30, 90, 30)),
    "a wall in soft light": lambda: from_levels(120 + X / 400 * 90),
    "dark corners": lambda: from_levels(200 - 50 * (((X - 200) / 200) ** 2 + ((Y - 150) / 150) ** 2)),
    "a finger on the lens": lambda: Image.fromarray(
        np.stack([150 - Y / 5, 30 + 0 * Y, 20 + X / 40], axis=2).astype(np.uint8)
    ),
    "noise of a dark room": lambda: from_levels(12 + RNG.normal(0, 8, SIZE[::-1])),
    "noise of a grey page": lambda: from_levels(128 + RNG.normal(0, 20, SIZE[::-1])),
    "an overexposed photo": lambda: from_levels(250 + RNG.normal(0, 3, SIZE[::-1]) + X / 100),
    "two colours that nearly agree": lambda: from_levels(np.where(X < 200, 100, 106)),
}

SHOWN: dict[str, Callable[[], Image.Image]] = {
    "a black shirt on dark grey": lambda: draw_shirt(10, 45),
    "a white shirt on white": lambda: draw_shirt(225, 250),
    "a shirt out of focus": lambda: draw_shirt(60, 180).filter(ImageFilter.GaussianBlur(12)),
    "halves": lambda: from_levels(np.where(X < 200, 20, 200)),
    "a small thing in a corner": lambda: from_levels(np.where((X < 40) & (Y < 40), 40, 240)),
    "a thin cross": lambda: from_levels(np.where((abs(X - 200) < 4) | (abs(Y - 150) < 4), 0, 255)),
    "stripes": lambda: from_levels(np.where(X // 40 % 2, 90, 160)),
}


def is_blank(image: Image.Image, kind: str) -> bool:
    file = BytesIO()
    image.save(file, kind)
    return validate(Submission((Upload(file.getvalue()),))).photos[0].is_blank


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("name", BLANK)
def test_a_photo_of_one_colour_is_blank(name: str, kind: str) -> None:
    assert is_blank(BLANK[name](), kind)


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
@pytest.mark.parametrize("name", SHOWN)
def test_a_photo_that_shows_little_is_not_blank(name: str, kind: str) -> None:
    assert not is_blank(SHOWN[name](), kind)


def test_a_fully_transparent_picture_is_blank() -> None:
    assert is_blank(Image.new("RGBA", SIZE, (200, 30, 40, 0)), "PNG")
