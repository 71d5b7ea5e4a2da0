"""Backgrounds for the things to lie on or hang against: boards, carpets, sheets, walls, tiles, patterned cloth."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from training.drawings.painting import folds, smooth_noise

RGB = tuple[int, int, int]
Size = tuple[int, int]
Pixels = NDArray[np.float32]

WOODS: tuple[RGB, ...] = (
    (150, 96, 56), (186, 138, 88), (206, 172, 126), (104, 62, 38), (150, 146, 140), (172, 104, 62),
)  # fmt: skip
SHEETS: tuple[RGB, ...] = (
    (236, 234, 230), (214, 222, 232), (128, 22, 58), (200, 32, 38), (30, 34, 62), (222, 206, 184), (26, 26, 28),
    (40, 160, 170), (226, 200, 208), (120, 130, 120),
)  # fmt: skip
CARPETS: tuple[RGB, ...] = (
    (200, 190, 176), (150, 130, 108), (110, 80, 60), (168, 168, 170), (96, 30, 34), (74, 84, 106),
)  # fmt: skip
WALLS: tuple[RGB, ...] = ((208, 206, 202), (226, 222, 212), (180, 180, 182), (214, 200, 180), (160, 172, 180))
TILES: tuple[RGB, ...] = ((212, 204, 190), (196, 182, 160), (200, 200, 202), (150, 132, 116))


def wood(size: Size, rgb: RGB, rng: np.random.Generator) -> Pixels:
    """Boards with grain; they run along or across the photo."""
    upright = rng.random() < 0.5
    wide, high = size if upright else size[::-1]
    board = int(wide / rng.uniform(3.5, 8))
    tone = np.ones((high, wide), dtype=np.float32)
    for left in range(0, wide, board):
        cut = int(rng.integers(0, high))
        tone[:cut, left : left + board] *= rng.uniform(0.84, 1.12)
        tone[cut:, left : left + board] *= rng.uniform(0.84, 1.12)
        tone[:, left : left + 2] *= 0.62
        tone[cut : cut + 2, left : left + board] *= 0.7
    grain = _stretch(wide, high, rng)
    tone *= 1 + 0.09 * grain
    return _tint(tone if upright else tone.T, rgb)


def _stretch(wide: int, high: int, rng: np.random.Generator) -> Pixels:
    """Noise drawn out along the vertical: the grain of wood."""
    field = rng.standard_normal((max(2, high // 40), wide // 2)).astype(np.float32)
    return np.asarray(Image.fromarray(field).resize((wide, high), Image.Resampling.BICUBIC))


def carpet(size: Size, rgb: RGB, rng: np.random.Generator) -> Pixels:
    """A pile with tufts, sometimes with an ornament."""
    wide, high = size
    tufts = rng.standard_normal((high // 2 + 1, wide // 2 + 1)).astype(np.float32)
    pile = np.asarray(Image.fromarray(tufts).resize(size, Image.Resampling.BICUBIC))
    tone = 1 + rng.uniform(0.05, 0.14) * pile + 0.04 * smooth_noise(size, rng, 14)
    image = _tint(tone, rgb)
    if rng.random() < 0.45:
        image *= _ornament(size, rng)[..., None]
    return image


def _ornament(size: Size, rng: np.random.Generator) -> Pixels:
    """Curls and rhombs, lighter and darker than the pile."""
    image = Image.new("L", size, 128)
    draw = ImageDraw.Draw(image)
    for _ in range(int(rng.integers(14, 30))):
        x, y = rng.random(2) * size
        r = rng.uniform(0.04, 0.14) * size[0]
        level, start = int(rng.choice((70, 100, 175))), float(rng.uniform(0, 360))
        if rng.random() < 0.6:
            draw.arc((x - r, y - r, x + r, y + r), start, start + 230, fill=level, width=max(3, int(r / 3)))
        else:
            draw.polygon([(x, y - r), (x + r * 0.6, y), (x, y + r), (x - r * 0.6, y)], fill=level)
    return np.asarray(image.filter(ImageFilter.BoxBlur(2)), dtype=np.float32) / np.float32(128)


def sheet(size: Size, rgb: RGB, rng: np.random.Generator) -> Pixels:
    """A plain cloth with large folds."""
    tone = folds(size, rng, rng.uniform(0.6, 1.5)) + 0.02 * rng.standard_normal(size[::-1], dtype=np.float32)
    return _tint(tone, rgb)


def draw_pattern(size: Size, rgb: RGB, rng: np.random.Generator) -> Pixels:
    """A bedspread with large flowers, stripes or checks."""
    image = Image.new("RGB", size, rgb)
    draw = ImageDraw.Draw(image, "RGBA")
    other = tuple(int(level) for level in rng.integers(40, 235, 3))
    kind, step = int(rng.integers(3)), int(rng.uniform(24, 80))
    if kind < 2:
        for at in range(0, max(size), step):
            draw.rectangle((0, at, size[0], at + step // 2), fill=(*other, 120))
            if kind:
                draw.rectangle((at, 0, at + step // 2, size[1]), fill=(*other, 120))
    else:
        for _ in range(26):
            x, y, r = *(rng.random(2) * size), rng.uniform(8, 34)
            for angle in np.arange(0, 6.28, 1.05) + rng.random():
                px, py = x + r * np.cos(angle) * 0.7, y + r * np.sin(angle) * 0.7
                draw.ellipse((px - r / 2, py - r / 2, px + r / 2, py + r / 2), fill=(*other, 170))
    soft = np.asarray(image.filter(ImageFilter.BoxBlur(1)), dtype=np.float32)
    return soft * folds(size, rng, 1.2)[..., None]


def wall(size: Size, rgb: RGB, rng: np.random.Generator) -> Pixels:
    """A plain wall or door; sometimes with a door's edge or a skirting."""
    tone = 1 + 0.015 * smooth_noise(size, rng, 4) + 0.01 * rng.standard_normal(size[::-1], dtype=np.float32)
    if rng.random() < 0.4:
        edge = int(rng.uniform(0.05, 0.95) * size[0])
        tone[:, edge : edge + 3] *= 0.7
        tone[:, edge:] *= rng.uniform(0.86, 1.1)
    return _tint(tone, rgb)


def tiles(size: Size, rgb: RGB, rng: np.random.Generator) -> Pixels:
    """Floor tiles with joints."""
    tone = 1 + 0.015 * smooth_noise(size, rng, 60) + 0.012 * smooth_noise(size, rng, 8)
    step, start = int(size[0] / rng.uniform(1.6, 3.5)), int(rng.integers(0, 60))
    for at in range(start, max(size), step):
        tone[at : at + 3] *= 0.75
        tone[:, at : at + 3] *= 0.75
    return _tint(tone, rgb)


def _tint(tone: Pixels, rgb: RGB) -> Pixels:
    tinted: Pixels = tone[..., None].astype(np.float32) * np.array(rgb, dtype=np.float32)
    return tinted


Ground = Callable[[Size, RGB, np.random.Generator], Pixels]
BACKGROUNDS: Mapping[str, tuple[Ground, tuple[RGB, ...]]] = {
    "wood": (wood, WOODS),
    "sheet": (sheet, SHEETS),
    "carpet": (carpet, CARPETS),
    "patterned": (draw_pattern, SHEETS),
    "tiles": (tiles, TILES),
    "wall": (wall, WALLS),
}
