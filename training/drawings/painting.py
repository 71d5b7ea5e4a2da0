"""From a sketch to pixels: parts filled with cloth, rounded at their edges, shadowed where one lies over another."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from training.drawings.fabrics import SIDE, UNIT
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
        self.middle = ((left + right) / 2, (top + bottom) / 2)
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
        """The piece of cloth that fills the area; a turned part turns its cloth about its own middle."""
        size = (area[2] - area[0], area[3] - area[1])
        if isinstance(part.fill, tuple):
            return Image.new("RGB", size, part.fill)
        scale, angle = UNIT / self.unit, -math.radians(part.turn)
        cos, sin = scale * math.cos(angle), scale * math.sin(angle)
        x = ((area[0] + size[0] / 2) / self.unit + self.origin[0] - self.middle[0]) * UNIT + SIDE / 2
        y = ((area[1] + size[1] / 2) / self.unit + self.origin[1] - self.middle[1]) * UNIT + SIDE / 2
        across = (cos, -sin, x - cos * size[0] / 2 + sin * size[1] / 2)
        down = (sin, cos, y - sin * size[0] / 2 - cos * size[1] / 2)
        cloth = self.cloths[part.fill]
        return cloth.transform(size, Image.Transform.AFFINE, (*across, *down), Image.Resampling.BILINEAR)

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


def folds(size: tuple[int, int], rng: np.random.Generator, strength: float) -> Light:
    """Soft hills and creases, lit from the upper left, as a light field of shape (height, width), around 1."""
    small = (max(8, size[0] // 2), max(8, size[1] // 2))
    height = smooth_noise(small, rng, 4) * 2.2 + smooth_noise(small, rng, 9) * 0.8 + _creases(small, rng)
    slope: Light = np.diff(height, axis=0, prepend=height[:1]) + 0.6 * np.diff(height, axis=1, prepend=height[:, :1])
    steep = Image.fromarray(slope.clip(-0.45, 0.45).astype(np.float32)).resize(size, Image.Resampling.BILINEAR)
    shaded: Light = 1 + strength * (0.6 * np.asarray(steep) + 0.03 * smooth_noise(size, rng, 5)).astype(np.float32)
    return shaded


def smooth_noise(size: tuple[int, int], rng: np.random.Generator, cells: int) -> Light:
    """Noise with about `cells` hills along the longer side, deviation about 1, of shape (height, width)."""
    longer = max(size)
    grid = (max(2, cells * size[0] // longer + 1), max(2, cells * size[1] // longer + 1))
    field = rng.standard_normal((grid[1], grid[0])).astype(np.float32)
    return np.asarray(Image.fromarray(field).resize(size, Image.Resampling.BICUBIC))


def _creases(size: tuple[int, int], rng: np.random.Generator) -> Light:
    """Long soft ridges along two or three common directions, as heights of shape (height, width)."""
    relief = Image.new("L", size, 0)
    draw = ImageDraw.Draw(relief)
    ways = rng.uniform(0, np.pi, 3)
    for _ in range(int(rng.integers(14, 30))):
        start, angle, bend = rng.random(2) * size, rng.choice(ways) + rng.normal(0, 0.22), rng.normal(0, 0.5)
        turns = angle + bend * np.linspace(0, 1, 6)
        steps = np.stack([np.cos(turns), np.sin(turns)], axis=1) * rng.uniform(0.02, 0.09) * max(size)
        path = [(float(x), float(y)) for x, y in start + np.cumsum(steps, axis=0)]
        level = int(rng.integers(50, 200))
        for piece, share in ((path, 0.35), (path[1:5], 0.7), (path[2:4], 1.0)):
            draw.line(piece, fill=int(level * share), width=int(rng.integers(1, 4)), joint="curve")
    soft = relief.filter(ImageFilter.BoxBlur(2)).filter(ImageFilter.BoxBlur(2))
    return np.asarray(soft, dtype=np.float32) / np.float32(55)
