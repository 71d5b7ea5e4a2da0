"""Prints on clothes, a word or one of a few motifs, as images with alpha."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from PIL import Image, ImageDraw, ImageFont

from training.drawings.garments import RGB
from training.drawings.outlines import Points, box, curve, ellipse, join, mirror, points, star

Shapes = list[tuple[Points, RGB]]
BLACK: RGB = (24, 24, 26)
WHITE: RGB = (246, 246, 242)
SIDE = 220


def draw_words(words: str, ink: RGB) -> Image.Image:
    """Render the words in one or two lines of block letters: RGBA, as large as the text needs, in pixels."""
    text = words.replace(" ", "\n")
    font = ImageFont.load_default(90)
    scratch = ImageDraw.Draw(Image.new("L", (1, 1)))
    left, top, right, bottom = scratch.multiline_textbbox((0, 0), text, font=font, align="center", stroke_width=4)
    image = Image.new("RGBA", (int(right - left) + 8, int(bottom - top) + 8), (*ink, 0))
    place = (4 - left, 4 - top)
    ImageDraw.Draw(image).multiline_text(place, text, ink, font, align="center", stroke_width=4, stroke_fill=ink)
    return image


def draw_motif(motif: str, ink: RGB) -> Image.Image:
    """Render a flat picture of the motif, mostly in the ink's colour: a square RGBA image, in pixels."""
    image = Image.new("RGBA", (SIDE, SIDE), (*ink, 0))
    draw = ImageDraw.Draw(image)
    for outline, rgb in MOTIFS[motif](ink):
        draw.polygon([(float(x), float(y)) for x, y in (outline + 1.05) * (SIDE / 2.1)], fill=rgb)
    return image


def _heart(ink: RGB) -> Shapes:
    half = curve((0, -0.45), (0.3, -0.85), (0.8, -0.75), (0.95, -0.25), (0.6, 0.35), (0, 0.95))
    return [(mirror(half), ink)]


def _star(ink: RGB) -> Shapes:
    return [(star(0, 0.05, 1.0), ink)]


def _face(ink: RGB) -> Shapes:
    eyes = [(ellipse(x, 0.05, 0.1, 0.14), BLACK if sum(ink) > 250 else WHITE) for x in (-0.32, 0.32)]
    return [(ellipse(0, 0.2, 0.78, 0.68), ink), *eyes, (ellipse(0, 0.4, 0.1, 0.07), (230, 130, 140))]


def _cat(ink: RGB) -> Shapes:
    ear = points((0.2, -0.35), (0.72, -0.95), (0.75, 0.1))
    whiskers = [(box(x, y, x + 0.5, y + 0.03), BLACK) for x in (-1.0, 0.5) for y in (0.3, 0.42)]
    return [(ear, ink), (ear * (-1.0, 1.0), ink), *_face(ink), *whiskers]


def _bear(ink: RGB) -> Shapes:
    ears = [(ellipse(x, -0.4, 0.3, 0.3), ink) for x in (-0.6, 0.6)]
    return [*ears, *_face(ink), (ellipse(0, 0.52, 0.3, 0.22), (240, 214, 180)), (ellipse(0, 0.44, 0.1, 0.07), BLACK)]


def _sun(ink: RGB) -> Shapes:
    return [(star(0, 0, 1.0, 0.62, 12), ink), (ellipse(0, 0, 0.52, 0.52), (250, 214, 70))]


def _car(ink: RGB) -> Shapes:
    cabin = curve((-0.5, -0.1), (-0.32, -0.5), (0.3, -0.5), (0.55, -0.1))
    wheels = [(ellipse(x, 0.4, r, r), rgb) for x in (-0.5, 0.5) for r, rgb in ((0.24, BLACK), (0.1, WHITE))]
    windows = [(box(-0.3, -0.38, -0.02, -0.12), WHITE), (box(0.06, -0.38, 0.34, -0.12), WHITE)]
    return [(cabin, ink), (box(-0.95, -0.12, 0.95, 0.38), ink), *windows, *wheels]


def _flower(ink: RGB) -> Shapes:
    spots = star(0, -0.3, 0.42, 1.0, 3)
    petals = [(ellipse(float(x), float(y), 0.32, 0.32), ink) for x, y in spots]
    stem = [(box(-0.05, 0.0, 0.05, 1.0), (60, 130, 66)), (ellipse(0.3, 0.6, 0.28, 0.13), (60, 130, 66))]
    return [*stem, *petals, (ellipse(0, -0.3, 0.22, 0.22), (246, 210, 80))]


def _boat(ink: RGB) -> Shapes:
    hull = join(points((-0.95, 0.35), (0.95, 0.35)), curve((0.6, 0.8), (0, 0.86), (-0.6, 0.8)))
    return [
        (hull, ink),
        (points((0.05, -0.95), (0.05, 0.25), (0.85, 0.25)), WHITE),
        (points((-0.05, -0.7), (-0.05, 0.25), (-0.6, 0.25)), (214, 60, 60)),
    ]


MOTIFS: Mapping[str, Callable[[RGB], Shapes]] = {
    "сердце": _heart, "звезда": _star, "кот": _cat, "мишка": _bear,
    "солнце": _sun, "машинка": _car, "цветок": _flower, "кораблик": _boat,
}  # fmt: skip
