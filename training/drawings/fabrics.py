"""Cloth as pixels: the colour, the pattern and the weave of a garment as square swatches of one fixed scale."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageDraw

from training.drawings.garments import COLORS, RGB, Details, Garment
from training.drawings.prints import draw_motif

UNIT = 112  # px of a swatch per garment unit
SIDE = 720  # px: from the top of a hood to the hem of a long dress
Field = NDArray[np.float32]
Painter = Callable[[Image.Image, random.Random, RGB], None]


def render_swatches(garment: Garment, details: Details) -> dict[str, Image.Image]:
    """The cloths of a garment by name: main, second, trim, inside, sole, turned; SIDE x SIDE px each."""
    rnd = random.Random(f"{garment}")
    base = jitter(COLORS[garment.color], rnd)
    other = jitter(COLORS[garment.second_color], rnd) if garment.second_color else _partner(base)
    plain, second = _weave_fabric(_plain(base), details.texture), _weave_fabric(_plain(other), details.texture)
    sole = rnd.choice(((232, 230, 224), (232, 230, 224), (44, 42, 42)))
    return {
        "main": _main(garment, details, rnd, base, other) or plain,
        "second": second,
        "trim": second if details.contrast else plain,
        "inside": plain.point(lambda level: int(level * 0.5 + 14)),
        "sole": _plain(sole),
        "turned": plain.point(lambda level: min(255, int(level * 0.7 + 70))),
    }


def jitter(rgb: RGB, rnd: random.Random, spread: int = 12) -> RGB:
    """A natural shade of a named colour: a little lighter or darker, a little greyer."""
    light = rnd.randint(-spread, spread)
    grey, dull = sum(rgb) / 3, rnd.uniform(0, 0.16)
    mixed = (level + (grey - level) * dull + light + rnd.randint(-5, 5) for level in rgb)
    red, green, blue = (int(min(246, max(10, level))) for level in mixed)
    return red, green, blue


def _plain(rgb: RGB) -> Image.Image:
    return Image.new("RGB", (SIDE, SIDE), rgb)


def _partner(rgb: RGB) -> RGB:
    """A quiet second colour for a garment that names none: the same one, a little lighter or darker."""
    step = -28 if sum(rgb) > 330 else 26
    red, green, blue = (min(250, max(8, level + step)) for level in rgb)
    return red, green, blue


def _main(garment: Garment, details: Details, rnd: random.Random, base: RGB, other: RGB) -> Image.Image | None:
    """The patterned cloth; None where the pattern leaves the cloth plain."""
    if garment.pattern == "камуфляж":
        return _weave_fabric(_camouflage(rnd, base), details.texture)
    image = _plain(base)
    if garment.pattern in PAINTERS:
        PAINTERS[garment.pattern](image, rnd, other)
    elif garment.pattern == "принт" and details.is_all_over_print:
        _scatter(image, rnd, draw_motif(details.motif, other))
    else:
        return None
    return _weave_fabric(image, details.texture)


def _stripes(image: Image.Image, rnd: random.Random, other: RGB) -> None:
    draw, period = ImageDraw.Draw(image), UNIT * rnd.choice((0.1, 0.14, 0.2, 0.3, 0.42))
    share, upright = rnd.choice((0.25, 0.35, 0.5)), rnd.random() < 0.2
    for at in np.arange(0.0, SIDE, period):
        band = (at, 0, at + period * share, SIDE) if upright else (0, at, SIDE, at + period * share)
        draw.rectangle(band, fill=other)


def _check(image: Image.Image, rnd: random.Random, other: RGB) -> None:
    draw, period = ImageDraw.Draw(image, "RGBA"), UNIT * rnd.choice((0.16, 0.28, 0.42))
    thin = rnd.choice(((250, 250, 245), (20, 20, 24), other))
    for at in np.arange(0.0, SIDE, period):
        for start, wide, fill in ((at, 0.45, (*other, 130)), (at + period * 0.7, 0.08, (*thin, 150))):
            draw.rectangle((start, 0, start + wide * period, SIDE), fill=fill)
            draw.rectangle((0, start, SIDE, start + wide * period), fill=fill)


def _dots(image: Image.Image, rnd: random.Random, other: RGB) -> None:
    draw, period = ImageDraw.Draw(image), UNIT * rnd.choice((0.16, 0.24, 0.36))
    radius = period * rnd.uniform(0.2, 0.3)
    for row in range(int(SIDE / period * 2) + 2):
        for column in range(int(SIDE / period) + 2):
            draw.circle(((column + row % 2 / 2) * period, row * period / 2), radius, fill=other)


def _flowers(image: Image.Image, rnd: random.Random, other: RGB) -> None:
    draw, size = ImageDraw.Draw(image), UNIT * rnd.choice((0.08, 0.11, 0.15))
    hues = [other, other, jitter(other, rnd, 40), jitter((226, 120, 150), rnd, 30)]
    for x, y in _places(rnd, size * rnd.uniform(2.4, 3.4)):
        _flower(draw, rnd.uniform(0, 6.3), (x, y), size * rnd.uniform(0.6, 1.1), rnd.choice(hues))


def _places(rnd: random.Random, step: float) -> Iterator[tuple[float, float]]:
    """Spots strewn over a swatch, about one in each square of `step` px."""
    for row in range(int(SIDE / step) + 1):
        for column in range(int(SIDE / step) + 1):
            yield (column + rnd.uniform(0.1, 0.9)) * step, (row + rnd.uniform(0.1, 0.9)) * step


def _flower(draw: ImageDraw.ImageDraw, turn: float, at: tuple[float, float], size: float, hue: RGB) -> None:
    x, y, petal = *at, size * 0.52
    leaf_x, leaf_y = x + size * 1.1 * math.cos(turn), y + size * 1.1 * math.sin(turn)
    draw.ellipse((leaf_x - petal, leaf_y - petal * 0.6, leaf_x + petal, leaf_y + petal * 0.6), fill=(62, 116, 68))
    for i in range(5):
        angle = turn + i * 1.2566
        draw.circle((x + size * 0.55 * math.cos(angle), y + size * 0.55 * math.sin(angle)), petal, fill=hue)
    draw.circle((x, y), size * 0.3, fill=(244, 206, 80))


PAINTERS: dict[str, Painter] = {"полоска": _stripes, "клетка": _check, "горошек": _dots, "цветочный": _flowers}


def _scatter(image: Image.Image, rnd: random.Random, motif: Image.Image) -> None:
    """Strew small copies of a picture over the cloth."""
    size = int(UNIT * rnd.choice((0.2, 0.28, 0.36)))
    small = motif.resize((size, size), Image.Resampling.BILINEAR)
    turned = [small.rotate(rnd.uniform(-40, 40), Image.Resampling.BILINEAR) for _ in range(4)]
    for x, y in _places(rnd, size * 1.7):
        copy = rnd.choice(turned)
        image.paste(copy, (int(x) - size // 2, int(y) - size // 2), copy)


def _camouflage(rnd: random.Random, base: RGB) -> Image.Image:
    """Blots of four shades: a nearly black one, a darker one, the colour itself, a lighter one."""
    cells = int(SIDE / UNIT * 3.2)
    field = np.random.default_rng(rnd.randrange(2**32)).random((cells, cells)) * 255
    smooth = Image.fromarray(field.astype(np.uint8)).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    shades = [
        tuple(min(255, int(level * k + add)) for level in base)
        for k, add in ((0.35, 8), (0.62, 6), (1.0, 0), (0.8, 60))
    ]
    palette = [level for count, shade in zip((80, 45, 65, 66), shades, strict=True) for level in shade * count]
    smooth.putpalette(palette)
    return smooth.convert("RGB")


def _weave_fabric(cloth: Image.Image, texture: str) -> Image.Image:
    return ImageChops.multiply(cloth, _weave(texture))


@lru_cache(maxsize=16)
def _weave(texture: str) -> Image.Image:
    """Return the reflectance of a cloth per pixel, 255 for all light, as an RGB image of three equal channels."""
    y, x = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32) / UNIT
    noise = np.random.default_rng(len(texture)).standard_normal((SIDE, SIDE), dtype=np.float32)
    fields = {
        "knit": 0.9 + 0.08 * np.sin(x * 62) + 0.03 * np.sin(y * 90 + 2 * np.sin(x * 62)) + 0.03 * noise,
        "cable": 0.88 + 0.07 * np.sin(x * 40) + 0.09 * np.sin(x * 9 + 1.2 * np.sin(y * 9)) + 0.03 * noise,
        "denim": 0.9 + 0.03 * np.sin((x + y) * 60) + 0.08 * noise,
        "quilt": _quilting(x, y) + 0.015 * noise,
        "leather": 0.96 + 0.02 * noise,
        "fleece": 0.93 + 0.05 * noise,
    }
    field = fields.get(texture, 0.96 + 0.025 * noise)
    grey = Image.fromarray((field * 255).clip(0, 255).astype(np.uint8))
    return Image.merge("RGB", (grey, grey, grey))


def _quilting(x: Field, y: Field) -> Field:
    """Puffed rows between horizontal seams: dark and puckered at the seams, lit above their middles."""
    row = (y / 0.4) % 1
    edge = np.abs(2 * row - 1)
    puckers = np.sin(x * 26 + 3 * np.sin(y * 5 + x)) * edge**2
    return np.asarray(1.0 - 0.4 * edge**4 - 0.16 * row + 0.07 * puckers, dtype=np.float32)
