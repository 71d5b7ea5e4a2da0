"""Render one photo: garments on a background, with shadow, perspective, uneven light, blur and noise."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from training.drawings import prints
from training.drawings.backgrounds import BACKGROUNDS
from training.drawings.fabrics import render_swatches
from training.drawings.figures import bottoms, hats, shoes, things, tops
from training.drawings.garments import COLORS, RGB, Details, Garment, get_details
from training.drawings.painting import Painting, folds
from training.drawings.sketch import Appearance, Sketch

Pixels = NDArray[np.float32]
Grid = list[list[list[float]]]  # rows of columns of (x, y)
Cell = tuple[float, float, float, float]  # centre x, centre y, width, height, px
Drawer = Callable[[Appearance], Sketch]

SHAPES: Mapping[str, Drawer] = {
    "top": tops.top, "legs": bottoms.legs, "skirt": bottoms.skirt, "sneakers": shoes.sneakers, "boots": shoes.boots,
    "tall": shoes.tall_boots, "pumps": shoes.pumps, "cap": hats.cap, "hat": hats.hat, "mug": things.mug,
    "book": things.book, "ball": things.ball, "lamp": things.lamp, "vase": things.vase, "chair": things.chair,
}  # fmt: skip
# Where a print sits on each shape: centre x, centre y, width, in garment units.
PRINT_PLACES: Mapping[str, tuple[float, float, float]] = {
    "top": (0.0, 1.2, 1.05), "legs": (0.62, 0.95, 0.4), "skirt": (0.4, 1.1, 0.5), "cap": (0.0, -0.2, 0.85),
    "hat": (0.0, 0.0, 0.6), "mug": (0.0, 0.1, 0.8), "vase": (0.0, 0.0, 0.6),
}  # fmt: skip
BESIDE_THE_CLOSURE = (0.48, 0.95, 0.42)
STIFF = frozenset({"sneakers", "boots", "tall", "pumps", "mug", "book", "ball", "lamp", "vase", "chair", "cap"})


def draw(garments: Sequence[Garment], seed: int, size: tuple[int, int] = (400, 533)) -> Image.Image:
    """Render an RGB photo of `size` (width, height) pixels with all garments side by side; more than six get small.

    Background, pose and camera depend on the seed; the garments look the same under every seed. Raises `KeyError` for
    an item or colour that cannot be drawn, `ValueError` for no garment.
    """
    rnd, rng = random.Random(seed), np.random.default_rng(seed)
    hanging = len(garments) == 1 and _can_hang(garments[0]) and rnd.random() < 0.22
    photo = _ground([COLORS[garment.color] for garment in garments], hanging, size, rnd, rng)
    for garment, cell in zip(garments, _cells(len(garments), size, rnd), strict=True):
        figure = _figure(garment, cell, hanging, rnd, rng)
        sway = 0.002 if get_details(garment).item.shape in STIFF else 0.012
        _lay(photo, _bent(figure, rnd.gauss(0, 1 if hanging else 4.5), sway, rnd), cell, rnd)
    return _develop(photo, rnd, rng)


def _can_hang(garment: Garment) -> bool:
    return SHAPES[get_details(garment).item.shape] is tops.top


def _ground(
    colors: Sequence[RGB], hanging: bool, size: tuple[int, int], rnd: random.Random, rng: np.random.Generator
) -> Pixels:
    """Return a background that contrasts with all garments, as float pixels (height, width, 3)."""
    names = ["wall"] if hanging else ["wood", "wood", "sheet", "sheet", "carpet", "carpet", "patterned", "tiles"]
    choices = [(name, rgb) for name in names for rgb in BACKGROUNDS[name][1]]
    clear = [choice for choice in choices if all(math.dist(choice[1], rgb) > 75 for rgb in colors)]
    name, rgb = rnd.choice(clear or choices)
    return BACKGROUNDS[name][0](size, rgb, rng)


def _cells(count: int, size: tuple[int, int], rnd: random.Random) -> list[Cell]:
    """A place for each garment: a grid that fits the frame."""
    columns = 1 if count == 1 else rnd.choice((1, 2)) if count == 2 else 2 if count <= 4 or size[0] <= size[1] else 3
    rows = math.ceil(count / columns)
    wide, high = size[0] / columns, size[1] / rows
    fill = rnd.uniform(0.86, 0.99) if count == 1 else rnd.uniform(0.86, 0.95)
    cells = []
    for i in range(count):
        row, column = divmod(i, columns)
        alone = columns > 1 and i == count - 1 and column == 0
        x = size[0] / 2 if alone else (column + 0.5) * wide
        slack = (1 - fill) / 2
        dx, dy = rnd.uniform(-slack, slack) * wide, rnd.uniform(-slack, slack) * high
        cells.append((x + dx, (row + 0.5) * high + dy, wide * fill, high * fill))
    return cells


def _figure(garment: Garment, cell: Cell, hanging: bool, rnd: random.Random, rng: np.random.Generator) -> Image.Image:
    """The garment painted to fit its cell, RGBA."""
    details = get_details(garment)
    shape = details.item.shape
    sketch = SHAPES[shape](Appearance(details, rnd, hanging))
    _print(sketch, garment, details)
    left, top, right, bottom = sketch.bounds()
    unit = min(cell[2] / (right - left), cell[3] / (bottom - top))
    painting = Painting(sketch, unit, render_swatches(garment, details))
    strength = 0.25 if shape in STIFF else rnd.uniform(0.7, 1.4)
    return painting.finish(folds(painting.size, rng, strength))


def _print(sketch: Sketch, garment: Garment, details: Details) -> None:
    """Print the garment's word or motif, unless it has none or it covers the whole cloth."""
    shape, wordy = details.item.shape, garment.pattern == "надпись"
    if shape not in PRINT_PLACES or not (wordy or (garment.pattern == "принт" and not details.is_all_over_print)):
        return
    x, y, width = BESIDE_THE_CLOSURE if shape == "top" and details.closure != "none" else PRINT_PLACES[shape]
    ink = COLORS[garment.second_color or ("чёрный" if sum(COLORS[garment.color]) > 380 else "белый")]
    image = prints.draw_words(details.words, ink) if wordy else prints.draw_motif(details.motif, ink)
    sketch.stamp(image, x, y, width if wordy else width * 0.85)


def _lay(photo: Pixels, bent: Image.Image, cell: Cell, rnd: random.Random) -> None:
    """Put the figure on the photo in the middle of its cell, with its shadow."""
    high, wide = photo.shape[:2]
    left, top = int(cell[0] - bent.width / 2), int(cell[1] - bent.height / 2)
    frame = (max(0, left), max(0, top), min(wide, left + bent.width), min(high, top + bent.height))
    piece = bent.crop((frame[0] - left, frame[1] - top, frame[2] - left, frame[3] - top))
    area = photo[frame[1] : frame[3], frame[0] : frame[2]]
    cover = piece.getchannel("A")
    area *= _shadow(cover, rnd)[..., None]
    alpha = np.asarray(cover, dtype=np.float32)[..., None] / 255
    area += (np.asarray(piece.convert("RGB"), dtype=np.float32) - area) * alpha


def _shadow(cover: Image.Image, rnd: random.Random) -> Pixels:
    """Return the light that remains around a thing: in [0, 1]: a tight dark rim and a wide faint shade."""
    dx, dy, deep = rnd.choice((-3, 3)), rnd.randint(2, 5), rnd.uniform(0.3, 0.5)
    tight = np.asarray(cover.filter(ImageFilter.BoxBlur(2)), dtype=np.float32)
    wide = np.asarray(cover.filter(ImageFilter.BoxBlur(8)), dtype=np.float32)
    dark = np.roll(tight, (dy // 2, dx // 2), (0, 1)) + np.roll(wide, (dy, dx), (0, 1))
    return 1 - dark * np.float32(deep / 510)


def _bent(figure: Image.Image, degrees: float, sway: float, rnd: random.Random) -> Image.Image:
    """Rotate the figure, view it slightly from below or above, and distort it by `sway` of its size."""
    angle, keystone, phase = math.radians(degrees), rnd.uniform(-0.06, 0.06), rnd.uniform(0, 6.28)
    margin = int(14 + abs(math.sin(angle)) * max(figure.size) / 2)
    wide, high = figure.width + 2 * margin, figure.height + 2 * margin
    # Whole pixels: the source corners belong to exactly these target corners.
    xs, ys = np.meshgrid(np.linspace(0, wide, 6).astype(int), np.linspace(0, high, 8).astype(int))
    dx, dy = xs - wide / 2, ys - high / 2
    stretch = 1.02 + keystone * dy / high + abs(math.sin(angle)) * 0.25
    sx = (dx * math.cos(angle) - dy * math.sin(angle)) * stretch + figure.width / 2
    sy = (dx * math.sin(angle) + dy * math.cos(angle)) * stretch + figure.height / 2
    sx, sy = sx + sway * wide * np.sin(sy / high * 7 + phase), sy + sway * high * np.sin(sx / wide * 6 + phase)
    mesh = _mesh(np.stack([xs, ys], axis=2).tolist(), np.stack([sx, sy], axis=2).tolist())
    return figure.transform((wide, high), Image.Transform.MESH, mesh, Image.Resampling.BILINEAR)


def _mesh(target: Grid, source: Grid) -> list[tuple[tuple[float, ...], tuple[float, ...]]]:
    """For each cell of the target grid: its box, and the corners that fill it, anticlockwise from top left."""
    cells = [(row, column) for row in range(len(target) - 1) for column in range(len(target[0]) - 1)]
    return [
        (
            (*target[y][x], *target[y + 1][x + 1]),
            (*source[y][x], *source[y + 1][x], *source[y + 1][x + 1], *source[y][x + 1]),
        )
        for y, x in cells
    ]


def _develop(photo: Pixels, rnd: random.Random, rng: np.random.Generator) -> Image.Image:
    """Apply the camera: uneven light, a colour cast, a little blur and noise."""
    high, wide = photo.shape[:2]
    angle, fall = rnd.uniform(0, 6.28), rnd.uniform(0.03, 0.2)
    x, y = np.linspace(-1, 1, wide, dtype=np.float32), np.linspace(-1, 1, high, dtype=np.float32)
    light = 1 + fall * (x * math.cos(angle) + (y * math.sin(angle))[:, None]) / 1.4
    cast = np.array([1 + rnd.uniform(-0.03, 0.05), 1.0, 1 + rnd.uniform(-0.06, 0.04)], dtype=np.float32)
    photo *= light[..., None] * (cast * np.float32(rnd.uniform(0.86, 1.08)))
    photo += rng.standard_normal((high, wide, 1), dtype=np.float32) * rnd.uniform(1.0, 3.0)
    image = Image.fromarray(photo.clip(0, 255).astype(np.uint8))
    return image.filter(ImageFilter.GaussianBlur(rnd.uniform(0.0, 0.9)))
