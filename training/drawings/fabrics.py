"""Cloth as pixels: the colour, the pattern and the weave of a garment as square swatches."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import lru_cache

import numpy as np
from PIL import Image, ImageChops, ImageDraw

from training.drawings.garments import COLORS, RGB, Details, Garment

SIDE = 800  # px: twice the larger side of a garment on a 400 x 533 photo, less what a rotation never shows
Painter = Callable[[ImageDraw.ImageDraw, random.Random, float, RGB, RGB], None]


def swatches(garment: Garment, details: Details, unit: float) -> dict[str, Image.Image]:
    """The cloths of a garment by name: main, second, trim, inside, sole, turned. `unit` is pixels per garment unit."""
    rnd = random.Random(f"{garment}")
    base = jitter(COLORS[garment.color], rnd)
    other = jitter(COLORS[garment.second_color], rnd) if garment.second_color else _partner(base)
    plain = _woven(Image.new("RGB", (SIDE, SIDE), base), details, unit)
    second = _woven(Image.new("RGB", (SIDE, SIDE), other), details, unit)
    main = _woven(_patterned(garment.pattern, rnd, unit, base, other), details, unit)
    return {
        "main": main,
        "second": second,
        "trim": second if details.contrast else plain,
        "inside": plain.point(lambda level: int(level * 0.5 + 14)),
        "sole": Image.new("RGB", (SIDE, SIDE), (232, 230, 224) if rnd.random() < 0.7 else (44, 42, 42)),
        "turned": plain.point(lambda level: min(255, int(level * 0.7 + 70))),
    }


def jitter(rgb: RGB, rnd: random.Random, spread: int = 12) -> RGB:
    """A natural shade of a named colour."""
    light = rnd.randint(-spread, spread)
    red, green, blue = (min(250, max(8, level + light + rnd.randint(-5, 5))) for level in rgb)
    return red, green, blue


def _partner(rgb: RGB) -> RGB:
    """A quiet second colour for a garment that names none: the same one, a little lighter or darker."""
    step = -28 if sum(rgb) > 330 else 26
    red, green, blue = (min(250, max(8, level + step)) for level in rgb)
    return red, green, blue


def _patterned(pattern: str, rnd: random.Random, unit: float, base: RGB, other: RGB) -> Image.Image:
    if pattern == "камуфляж":
        return _camouflage(rnd, unit, base)
    image = Image.new("RGB", (SIDE, SIDE), base)
    if pattern in PAINTERS:
        PAINTERS[pattern](ImageDraw.Draw(image, "RGBA"), rnd, unit, base, other)
    return image


def _stripes(draw: ImageDraw.ImageDraw, rnd: random.Random, unit: float, base: RGB, other: RGB) -> None:
    period = unit * rnd.choice((0.09, 0.14, 0.2, 0.3, 0.42))
    share, upright = rnd.choice((0.2, 0.35, 0.5)), rnd.random() < 0.2
    at = 0.0
    while at < SIDE:
        band = (at, 0, at + period * share, SIDE) if upright else (0, at, SIDE, at + period * share)
        draw.rectangle(band, fill=other)
        at += period


def _check(draw: ImageDraw.ImageDraw, rnd: random.Random, unit: float, base: RGB, other: RGB) -> None:
    period = unit * rnd.choice((0.16, 0.28, 0.42))
    thin = rnd.choice(((250, 250, 245), (20, 20, 24), other))
    at = 0.0
    while at < SIDE:
        for start, wide, fill in ((at, period * 0.45, (*other, 130)), (at + period * 0.7, period * 0.08, (*thin, 150))):
            draw.rectangle((start, 0, start + wide, SIDE), fill=fill)
            draw.rectangle((0, start, SIDE, start + wide), fill=fill)
        at += period


def _dots(draw: ImageDraw.ImageDraw, rnd: random.Random, unit: float, base: RGB, other: RGB) -> None:
    period = unit * rnd.choice((0.16, 0.24, 0.36))
    radius = period * rnd.uniform(0.2, 0.3)
    for row in range(int(SIDE / period * 2) + 2):
        for column in range(int(SIDE / period) + 2):
            x, y = (column + row % 2 / 2) * period, row * period / 2
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=other)


def _flowers(draw: ImageDraw.ImageDraw, rnd: random.Random, unit: float, base: RGB, other: RGB) -> None:
    size = unit * rnd.choice((0.07, 0.1, 0.15))
    hues = [other, other, jitter(other, rnd, 40), jitter((226, 120, 150), rnd, 30)]
    step = size * rnd.uniform(2.4, 3.4)
    for row in range(int(SIDE / step) + 1):
        for column in range(int(SIDE / step) + 1):
            x, y = (column + rnd.uniform(0.1, 0.9)) * step, (row + rnd.uniform(0.1, 0.9)) * step
            _flower(draw, rnd, x, y, size * rnd.uniform(0.6, 1.1), rnd.choice(hues))


def _flower(draw: ImageDraw.ImageDraw, rnd: random.Random, x: float, y: float, size: float, hue: RGB) -> None:
    turn, petal = rnd.uniform(0, 6.3), size * 0.52
    leaf_x, leaf_y = x + size * 1.1 * np.cos(turn), y + size * 1.1 * np.sin(turn)
    draw.ellipse((leaf_x - petal, leaf_y - petal * 0.6, leaf_x + petal, leaf_y + petal * 0.6), fill=(62, 116, 68))
    for i in range(5):
        angle = turn + i * 1.2566
        px, py = x + size * 0.55 * np.cos(angle), y + size * 0.55 * np.sin(angle)
        draw.ellipse((px - petal, py - petal, px + petal, py + petal), fill=hue)
    draw.ellipse((x - size * 0.3, y - size * 0.3, x + size * 0.3, y + size * 0.3), fill=(244, 206, 80))


PAINTERS: dict[str, Painter] = {"полоска": _stripes, "клетка": _check, "горошек": _dots, "цветочный": _flowers}


def _camouflage(rnd: random.Random, unit: float, base: RGB) -> Image.Image:
    """Blots of four shades: the colour itself, a lighter, a darker and a nearly black one."""
    cells = max(6, int(SIDE / unit * 3.2))
    field = np.random.default_rng(rnd.randrange(2**32)).random((cells, cells)) * 255
    smooth = Image.fromarray(field.astype(np.uint8)).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    shades = [tuple(int(level * k + add) for level in base) for k, add in ((0.35, 8), (0.62, 6), (1.0, 0), (0.8, 60))]
    palette = [level for edge, shade in zip((80, 45, 65, 66), shades, strict=True) for level in shade * edge]
    smooth.putpalette(palette)
    return smooth.convert("RGB")


def _woven(cloth: Image.Image, details: Details, unit: float) -> Image.Image:
    weave = _weave(details.texture, round(unit / 8) * 8)
    return ImageChops.multiply(cloth, Image.merge("RGB", (weave, weave, weave)))


@lru_cache(maxsize=64)
def _weave(texture: str, unit: int) -> Image.Image:
    """How much light each pixel of a cloth gives back, 255 all of it."""
    y, x = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32) / max(unit, 8)
    noise = np.random.default_rng(len(texture)).standard_normal((SIDE, SIDE), dtype=np.float32)
    fields = {
        "knit": 0.9 + 0.08 * np.sin(x * 62) + 0.03 * np.sin(y * 90 + 2 * np.sin(x * 62)) + 0.03 * noise,
        "cable": 0.88 + 0.07 * np.sin(x * 40) + 0.09 * np.sin(x * 9 + 1.2 * np.sin(y * 9)) + 0.03 * noise,
        "denim": 0.9 + 0.04 * np.sin((x + y) * 80) + 0.07 * noise,
        "quilt": 0.72 + 0.27 * np.sqrt(np.abs(np.sin(y * 3.1 + 0.25 * np.sin(x * 3)))) + 0.02 * noise,
        "leather": 0.95 + 0.025 * noise,
        "fleece": 0.93 + 0.045 * noise,
    }
    field = fields.get(texture, 0.96 + 0.025 * noise)
    return Image.fromarray((field * 255).clip(0, 255).astype(np.uint8))
