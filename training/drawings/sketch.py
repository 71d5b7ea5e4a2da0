"""A drawing before it has pixels: parts, strokes and stamps in garment units, in painting order."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np
from PIL import Image

from training.drawings.garments import RGB, Details
from training.drawings.outlines import Points, ellipse, flip

DARK: RGB = (12, 12, 16)
LIGHT: RGB = (245, 245, 240)


@dataclass(frozen=True, slots=True)
class Appearance:
    """The appearance of a garment on one photo: its fixed details, and its pose."""

    details: Details
    pose: random.Random
    hanging: bool = False


@dataclass(frozen=True, slots=True)
class Part:
    """A closed outline filled with a swatch (by name) or a flat colour; `turn` rotates the swatch, degrees."""

    outline: Points
    fill: str | RGB
    turn: float = 0.0
    lift: float = 0.3
    roundness: float = 0.5


@dataclass(frozen=True, slots=True)
class Stroke:
    """A line; `width` in garment units, `alpha` in [0, 255]."""

    path: Points
    width: float
    rgb: RGB = DARK
    alpha: int = 90


@dataclass(frozen=True, slots=True)
class Stamp:
    """A picture with alpha laid over the cloth: its centre, its width in garment units, its turn in degrees."""

    image: Image.Image
    x: float
    y: float
    width: float
    turn: float = 0.0


@dataclass(slots=True)
class Sketch:
    """Everything that one garment consists of."""

    marks: list[Part | Stroke | Stamp] = field(default_factory=list)

    def part(self, outline: Points, fill: str | RGB = "main", **how: float) -> None:
        """Lay a piece of cloth over what is there."""
        self.marks.append(Part(outline, fill, **how))

    def pair(self, outline: Points, fill: str | RGB = "main", turn: float = 0.0, **how: float) -> None:
        """Lay a piece of cloth and its mirror image."""
        self.part(outline, fill, turn=turn, **how)
        self.part(flip(outline), fill, turn=-turn, **how)

    def stroke(self, path: Points, width: float = 0.02, rgb: RGB = DARK, alpha: int = 90) -> None:
        """Draw a line."""
        self.marks.append(Stroke(path, width, rgb, alpha))

    def strokes(self, path: Points, width: float = 0.02, rgb: RGB = DARK, alpha: int = 90) -> None:
        """Draw a line and its mirror image."""
        self.stroke(path, width, rgb, alpha)
        self.stroke(flip(path), width, rgb, alpha)

    def stitch(self, path: Points, rgb: RGB = DARK, alpha: int = 110, width: float = 0.014) -> None:
        """Draw a dashed line along the path."""
        for dash in cut_dashes(path, 0.05):
            self.stroke(dash, width, rgb, alpha)

    def dot(self, x: float, y: float, radius: float, rgb: RGB = LIGHT) -> None:
        """A button: a disc with a dark rim and two holes."""
        self.part(ellipse(x, y, radius, radius), rgb, roundness=0.4)
        self.stroke(ellipse(x, y, radius, radius), 0.015, alpha=120)
        self.stroke(ellipse(x, y, radius * 0.2, radius * 0.2), 0.02, alpha=150)

    def stamp(self, image: Image.Image, x: float, y: float, width: float, turn: float = 0.0) -> None:
        """Print an RGBA picture: centre (x, y) and width in garment units, rotation in degrees."""
        self.marks.append(Stamp(image, x, y, width, turn))

    def put(self, other: Sketch, scale: tuple[float, float], turn: float, shift: tuple[float, float]) -> None:
        """Add another sketch: scaled (a negative x mirrors it), turned by degrees, shifted."""
        cos, sin = np.cos(np.radians(turn)), np.sin(np.radians(turn))
        matrix = np.array([[cos, sin], [-sin, cos]]) * np.array(scale)[:, None]
        for mark in other.marks:
            if isinstance(mark, Part):
                self.marks.append(replace(mark, outline=mark.outline @ matrix + shift))
            elif isinstance(mark, Stroke):
                self.marks.append(replace(mark, path=mark.path @ matrix + shift))
            else:
                x, y = np.array([mark.x, mark.y]) @ matrix + shift
                self.marks.append(replace(mark, x=float(x), y=float(y)))

    def bounds(self) -> tuple[float, float, float, float]:
        """Left, top, right, bottom of all parts and strokes."""
        paths = [m.outline if isinstance(m, Part) else m.path for m in self.marks if not isinstance(m, Stamp)]
        every = np.concatenate(paths)
        (left, top), (right, bottom) = every.min(axis=0), every.max(axis=0)
        return float(left), float(top), float(right), float(bottom)


def cut_dashes(path: Points, length: float) -> Iterator[Points]:
    """Cut a path into pieces of about `length`, every second one left out."""
    along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(path, axis=0), axis=1))])
    stops = np.arange(0.0, along[-1], length)
    for start in stops[::2]:
        at = np.array([start, min(start + length, along[-1])])
        yield np.stack([np.interp(at, along, path[:, 0]), np.interp(at, along, path[:, 1])], axis=1)


def render_glow(rgb: RGB, alpha: int, tall: int = 1) -> Image.Image:
    """Render a soft RGBA spot, 64 px wide and `tall` times as high; `alpha` in [0, 255] in its middle."""
    y, x = np.meshgrid(np.linspace(-1, 1, 64 * tall), np.linspace(-1, 1, 64), indexing="ij")
    spot = Image.new("RGBA", (64, 64 * tall), (*rgb, 0))
    spot.putalpha(Image.fromarray((alpha * np.clip(1 - x**2 - y**2, 0, 1) ** 2).astype(np.uint8)))
    return spot
