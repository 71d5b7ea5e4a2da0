"""From a sketch to pixels: parts filled with cloth, rounded at their edges, shadowed where one lies over another."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from training.drawings.outlines import Points
from training.drawings.sketch import Part, Sketch, Stamp, Stroke

FINE = 2  # supersampling: everything with an edge is drawn at twice the size
Box = tuple[int, int, int, int]
Light = NDArray[np.float32]


class Painting:
    """The canvas of one sketch: colour and cover at twice the final size, shade at the final size."""

    def __init__(self, sketch: Sketch, unit: float, cloths: Mapping[str, Image.Image]) -> None:
        left, top, right, bottom = sketch.bounds()
        self.unit = unit * FINE
        self.origin = (left - 0.12, top - 0.12)
        self.size = (int((right - left + 0.24) * unit) + 2, int((bottom - top + 0.24) * unit) + 2)
        large = (self.size[0] * FINE, self.size[1] * FINE)
        self.cloths = cloths
        self.colour = Image.new("RGB", large, (128, 128, 128))
        self.cover = Image.new("L", large, 0)
        self.shade = Image.new("L", self.size, 255)
        self.pen = ImageDraw.Draw(self.colour, "RGBA")
        self.cover_pen = ImageDraw.Draw(self.cover)
        for mark in sketch.marks:
            self._add(mark)

    def _add(self, mark: Part | Stroke | Stamp) -> None:
        if isinstance(mark, Part):
            self._part(mark)
        elif isinstance(mark, Stroke):
            self._stroke(mark)
        else:
            self._stamp(mark)

    def _pixels(self, path: Points) -> list[tuple[float, float]]:
        return [(float(x), float(y)) for x, y in (path - self.origin) * self.unit]

    def _part(self, part: Part) -> None:
        pixels = self._pixels(part.outline)
        area = self._area(pixels)
        mask = Image.new("L", (area[2] - area[0], area[3] - area[1]), 0)
        ImageDraw.Draw(mask).polygon([(x - area[0], y - area[1]) for x, y in pixels], fill=255)
        self.colour.paste(self._cloth(part, area), area, mask)
        self.cover.paste(255, area, mask)
        self._shade(part, area, mask.reduce(FINE))

    def _area(self, pixels: list[tuple[float, float]]) -> Box:
        """The part's bounding box with a margin for its shadow, on even pixels, inside the canvas."""
        xs, ys = [x for x, _ in pixels], [y for _, y in pixels]
        margin = 12
        left, top = max(0, int(min(xs)) - margin) // 2 * 2, max(0, int(min(ys)) - margin) // 2 * 2
        right = min(self.colour.width, (int(max(xs)) + margin) // 2 * 2)
        bottom = min(self.colour.height, (int(max(ys)) + margin) // 2 * 2)
        return left, top, max(right, left + 2), max(bottom, top + 2)

    def _cloth(self, part: Part, area: Box) -> Image.Image:
        wide, high = area[2] - area[0], area[3] - area[1]
        if isinstance(part.fill, tuple):
            return Image.new("RGB", (wide, high), part.fill)
        cloth = self.cloths[part.fill]
        if abs(part.turn) > 4:
            return _turned(cloth, part.turn, wide, high)
        left = (cloth.width - self.colour.width) // 2 + area[0]
        top = (cloth.height - self.colour.height) // 2 + area[1]
        return cloth.crop(_inside(cloth, left, top, wide, high)).resize((wide, high), Image.Resampling.NEAREST)

    def _shade(self, part: Part, area: Box, mask: Image.Image) -> None:
        """Darken the part towards its edge, and what lies beneath it around that edge."""
        small = (area[0] // FINE, area[1] // FINE, area[0] // FINE + mask.width, area[1] // FINE + mask.height)
        soft = mask.filter(ImageFilter.BoxBlur(max(1.0, self.unit * 0.03)))
        wide = mask.filter(ImageFilter.BoxBlur(max(2.0, self.unit * (0.03 + 0.07 * part.roundness))))
        below = ImageChops.offset(soft, 1, 2).point(lambda level: 255 - int(level * part.lift))
        dimmed = ImageChops.multiply(self.shade.crop(small), below)
        depth = 0.42 * part.roundness + 0.14
        rounded = ImageChops.offset(wide, 1, 1).point(lambda level: 255 - int((255 - level) * depth))
        dimmed.paste(rounded, (0, 0), mask)
        self.shade.paste(dimmed, small)

    def _stroke(self, stroke: Stroke) -> None:
        pixels, wide = self._pixels(stroke.path), max(1, round(stroke.width * self.unit))
        self.pen.line(pixels, fill=(*stroke.rgb, stroke.alpha), width=wide, joint="curve")
        if stroke.alpha > 200:
            self.cover_pen.line(pixels, fill=255, width=wide, joint="curve")

    def _stamp(self, stamp: Stamp) -> None:
        wide = max(4, int(stamp.width * self.unit))
        image = stamp.image.resize((wide, max(4, wide * stamp.image.height // stamp.image.width)), reducing_gap=2.0)
        if stamp.turn:
            image = image.rotate(stamp.turn, Image.Resampling.BILINEAR, expand=True)
        x, y = ((np.array([stamp.x, stamp.y]) - self.origin) * self.unit).astype(int)
        self.colour.paste(image, (int(x) - image.width // 2, int(y) - image.height // 2), image)

    def finish(self, light: Light) -> Image.Image:
        """The painting with its folds: an RGBA image of the final size. `light` is a factor a pixel, around 1."""
        colour = np.asarray(self.colour.reduce(FINE), dtype=np.float32)
        shade = np.asarray(self.shade, dtype=np.float32) / 245 * light
        # On dark cloth a fold is seen by its gloss, not by a darker dark.
        lit = colour * shade[..., None] + (np.maximum(light - 1, 0) * 70)[..., None]
        image = Image.fromarray(lit.clip(0, 255).astype(np.uint8))
        image.putalpha(self.cover.reduce(FINE))
        return image


def _inside(cloth: Image.Image, left: int, top: int, wide: int, high: int) -> Box:
    """A box of the wanted size, shifted (or cut) to lie within the cloth."""
    left, top = min(max(left, 0), max(0, cloth.width - wide)), min(max(top, 0), max(0, cloth.height - high))
    return left, top, min(cloth.width, left + wide), min(cloth.height, top + high)


def _turned(cloth: Image.Image, degrees: float, wide: int, high: int) -> Image.Image:
    """A piece of the cloth from its middle, rotated."""
    angle = np.radians(degrees)
    cos, sin, cx, cy = float(np.cos(angle)), float(np.sin(angle)), cloth.width / 2, cloth.height / 2
    matrix = (cos, -sin, cx - cos * wide / 2 + sin * high / 2, sin, cos, cy - sin * wide / 2 - cos * high / 2)
    return cloth.transform((wide, high), Image.Transform.AFFINE, matrix, Image.Resampling.NEAREST)


def folds(size: tuple[int, int], rng: np.random.Generator, strength: float) -> Light:
    """Soft hills and a few creases as a light field of shape (height, width), around 1."""
    hills = smooth_noise(size, rng, 5) * 0.05 + smooth_noise(size, rng, 12) * 0.035
    return (1 + strength * (hills + _creases(size, rng))).astype(np.float32)


def smooth_noise(size: tuple[int, int], rng: np.random.Generator, cells: int) -> Light:
    """Noise with about `cells` hills along the longer side, deviation about 1, of shape (height, width)."""
    longer = max(size)
    grid = (max(2, cells * size[0] // longer + 1), max(2, cells * size[1] // longer + 1))
    field = rng.standard_normal((grid[1], grid[0])).astype(np.float32)
    return np.asarray(Image.fromarray(field).resize(size, Image.Resampling.BICUBIC))


def _creases(size: tuple[int, int], rng: np.random.Generator) -> Light:
    small = (max(8, size[0] // 2), max(8, size[1] // 2))
    relief = Image.new("L", small, 128)
    draw = ImageDraw.Draw(relief)
    for _ in range(int(rng.integers(9, 18))):
        start = rng.random(2) * small
        angle, length = rng.normal(np.pi / 2, 0.8), rng.uniform(0.08, 0.4) * small[1]
        bend = start + np.array([np.cos(angle), np.sin(angle)]) * length / 2
        end = bend + np.array([np.cos(angle + 0.4), np.sin(angle + 0.4)]) * length / 2
        path = [(float(x), float(y)) for x, y in (start, bend, end)]
        draw.line([(x + 2, y + 1) for x, y in path], fill=70, width=3)
        draw.line(path, fill=180, width=3)
    soft = (
        relief.filter(ImageFilter.BoxBlur(2)).filter(ImageFilter.BoxBlur(1.5)).resize(size, Image.Resampling.BILINEAR)
    )
    return (np.asarray(soft, dtype=np.float32) - 128) / 260
