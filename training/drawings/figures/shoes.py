"""Pairs of shoes as sketches, from their side or from above. One unit is about a third of a shoe's length."""

from __future__ import annotations

from collections.abc import Callable

from training.drawings.garments import RGB, Details
from training.drawings.outlines import Points, box, curve, ellipse, join, move, points, ribbon
from training.drawings.sketch import DARK, LIGHT, Appearance, Sketch, render_glow

Shoe = Callable[[Sketch, Details], None]
RUBBER: RGB = (36, 34, 34)
INSOLE: RGB = (196, 172, 140)
GLOSS = render_glow((255, 255, 255), 45)


def sneakers(appearance: Appearance) -> Sketch:
    """A pair of running shoes."""
    return _pair(appearance, _sneaker, _sneaker_above)


def boots(appearance: Appearance) -> Sketch:
    """A pair of ankle boots."""
    return _pair(appearance, _boot, _boot_above)


def tall_boots(appearance: Appearance) -> Sketch:
    """A pair of high boots; they hardly ever are photographed from above."""
    return _beside(appearance, _tall_boot)


def pumps(appearance: Appearance) -> Sketch:
    """A pair of court shoes."""
    return _pair(appearance, _pump, _pump_above)


def _pair(appearance: Appearance, side: Shoe, above: Shoe) -> Sketch:
    return _beside(appearance, side) if appearance.pose.random() < 0.55 else _from_above(appearance, above)


def _beside(appearance: Appearance, side: Shoe) -> Sketch:
    """Two shoes from their side, one a little behind the other, both facing one way."""
    shoe, both, pose = Sketch(), Sketch(), appearance.pose
    side(shoe, appearance.details)
    left, top, right, bottom = shoe.bounds()
    flip = pose.choice((-1.0, 1.0))
    dx, dy = pose.uniform(0.1, 0.45) * (right - left), -pose.uniform(0.5, 0.8) * min(bottom - top, 1.7)
    both.put(shoe, (flip * 0.97, 0.97), 0.0, (dx * flip, dy))
    both.put(shoe, (flip, 1.0), pose.uniform(-6, 6), (0.0, 0.0))
    return both


def _from_above(appearance: Appearance, above: Shoe) -> Sketch:
    """Two shoes from above, toes towards the viewer or away."""
    shoe, both, pose = Sketch(), Sketch(), appearance.pose
    above(shoe, appearance.details)
    splay, away, gap = pose.uniform(-4, 14), pose.choice((1.0, 1.0, -1.0)), pose.uniform(0.64, 0.8)
    both.put(shoe, (1.0, away), -splay * away, (gap, pose.uniform(-0.15, 0.15)))
    both.put(shoe, (-1.0, away), splay * away, (-gap, 0.0))
    return both


def _laces(sketch: Sketch, start: tuple[float, float], end: tuple[float, float], count: int) -> None:
    line = points(start, end)
    for i in range(count):
        x, y = line[0] + (line[1] - line[0]) * i / (count - 1)
        sketch.stroke(curve((x - 0.2, y + 0.28), (x - 0.06, y + 0.1), (x + 0.1, y)), 0.09, DARK, 70)
        sketch.stroke(curve((x - 0.2, y + 0.26), (x - 0.06, y + 0.07), (x + 0.1, y - 0.02)), 0.065, LIGHT, 250)


def _sneaker(sketch: Sketch, _details: Details) -> None:
    sketch.part(
        curve((0.1, 0.1), (0.35, -0.05), (0.9, 0.12), (1.05, 0.35), (0.5, 0.5), (0.12, 0.4), (0.1, 0.1)), "inside"
    )
    back = curve((0.0, 0.95), (-0.02, 0.5), (0.06, 0.05), (0.2, -0.02), (0.42, 0.28), (0.85, 0.25))
    vamp = curve((1.0, 0.05), (1.4, 0.42), (2.1, 0.68), (2.75, 0.8), (3.0, 1.1))
    sketch.part(join(back, vamp, points((3.0, 1.25), (0.0, 1.25))), lift=0.2, roundness=0.8)
    sketch.part(
        curve((2.2, 0.73), (2.75, 0.8), (3.02, 1.15), (2.5, 1.2), (2.15, 1.2), (2.2, 0.73)), "second", lift=0.15
    )
    sketch.part(curve((0.0, 0.7), (0.3, 0.65), (0.5, 1.2), (0.0, 1.2), (0.0, 0.7)), "second", lift=0.15)
    sketch.part(points((1.0, 0.95), (1.25, 0.5), (1.42, 0.52), (1.25, 1.1), (0.95, 1.15)), "second", lift=0.15)
    upper = curve((-0.06, 1.08), (0.8, 1.2), (1.5, 1.22), (2.4, 1.14), (3.1, 1.02), (3.14, 1.25))
    sketch.part(join(upper, curve((2.85, 1.46), (0.1, 1.52), (-0.12, 1.35), (-0.06, 1.08))), "sole", lift=0.3)
    sketch.stroke(curve((-0.06, 1.36), (1.5, 1.4), (3.08, 1.3)), 0.03, alpha=80)
    _laces(sketch, (1.02, 0.1), (1.9, 0.66), 5)


def _boot(sketch: Sketch, details: Details) -> None:
    sketch.part(ellipse(0.55, -0.75, 0.52, 0.14), "inside")
    shaft = curve((0.03, 1.3), (0.0, 0.4), (0.02, -0.72), (0.5, -0.64), (1.08, -0.78))
    vamp = curve((1.12, 0.0), (1.4, 0.42), (2.1, 0.62), (2.62, 0.85), (2.72, 1.3))
    sketch.part(join(shaft, vamp), roundness=0.9)
    sketch.stamp(GLOSS, 2.1, 0.85, 0.9)
    sketch.stroke(curve((0.02, 0.6), (0.6, 0.62), (1.1, 0.9), (1.3, 1.28)), 0.025, alpha=110)
    sketch.stroke(curve((1.7, 0.52), (1.85, 0.85), (1.8, 1.25)), 0.025, alpha=110)
    tread = points((2.8, 1.46), (1.0, 1.46), (0.95, 1.64), (-0.04, 1.64))
    sketch.part(join(curve((-0.04, 1.25), (1.4, 1.3), (2.8, 1.22)), tread), RUBBER)
    if details.closure == "laces":
        _laces(sketch, (1.06, -0.55), (1.55, 0.42), 6)
    else:
        sketch.part(points((0.35, -0.6), (0.75, -0.6), (0.68, 0.3), (0.42, 0.3)), "inside", lift=0.1)


def _tall_boot(sketch: Sketch, details: Details) -> None:
    sketch.part(ellipse(0.6, -2.75, 0.66, 0.14), "inside")
    shaft = curve((0.05, 1.1), (0.1, 0.3), (-0.12, -1.2), (-0.06, -2.72), (0.6, -2.62), (1.26, -2.76))
    foot = curve((1.22, -1.4), (1.02, -0.1), (1.3, 0.5), (2.0, 0.8), (2.5, 1.05), (2.6, 1.32), (1.2, 1.3))
    sketch.part(join(shaft, foot), roundness=1.0)
    sketch.stamp(GLOSS, 0.8, -1.3, 0.8)
    high = 1.66 if details.width > 1.0 else 2.0
    sketch.part(points((0.02, 1.02), (0.75, 1.16), (0.6, high), (0.14, high)), RUBBER)
    sketch.part(ribbon(curve((0.7, 1.26), (1.4, 1.34), (2.62, 1.34)), 0.12), RUBBER)
    for y in (-0.2, 0.05, 0.3):
        sketch.stroke(curve((0.1, y), (0.5, y + 0.1), (1.05, y + 0.02)), 0.03, alpha=60)
    if details.closure == "zip":
        sketch.stroke(curve((0.75, -2.6), (0.62, -1.0), (0.6, 0.7)), 0.05, (176, 178, 182), 220)


def _pump(sketch: Sketch, details: Details) -> None:
    """The heel is high or low by the width of the garment."""
    drop = 0.0 if details.width > 1.0 else 0.45
    rim = curve((0.05, -0.1), (0.35, 0.12), (0.95, 0.52), (1.5, 0.82 + drop / 2), (2.0, 0.86 + drop))
    far = curve((0.05, -0.1), (0.45, -0.06), (1.1, 0.3), (1.7, 0.62 + drop), (2.0, 0.86 + drop))
    sketch.part(join(rim, far[::-1]), "inside", lift=0.1)
    toe = curve((2.0, 0.86 + drop), (2.5, 1.0 + drop), (2.9, 1.24 + drop), (2.6, 1.32 + drop), (2.0, 1.32 + drop))
    arch = curve((1.4, 1.16 + drop * 0.8), (0.8, 0.8 + drop * 0.2), (0.12, 0.66), (-0.03, 0.3), (0.05, -0.1))
    sketch.part(join(rim, toe, arch), roundness=1.0)
    thin = 0.2 + (0.25 if drop == 0 else 0.0)
    sketch.part(points((0.05, 0.5), (0.62, 0.72), (0.14 + thin, 1.36 + drop), (0.1, 1.36 + drop)))
    sole = curve((0.7, 0.8 + drop * 0.15), (1.4, 1.18 + drop * 0.8), (2.0, 1.34 + drop), (2.85, 1.29 + drop))
    sketch.part(ribbon(sole, 0.06), RUBBER)
    sketch.stamp(GLOSS, 2.35, 1.1 + drop, 0.6)


FOOT = curve(
    (0, -1.5), (0.38, -1.36), (0.45, -0.9), (0.42, -0.2), (0.6, 0.6), (0.5, 1.22), (0.1, 1.52), (-0.3, 1.38),
    (-0.5, 0.8), (-0.44, 0.0), (-0.42, -0.9), (-0.36, -1.36), (0, -1.5),
)  # fmt: skip


def _sneaker_above(sketch: Sketch, _details: Details) -> None:
    sketch.part(FOOT * (1.14, 1.06), "sole")
    sketch.part(FOOT, roundness=0.9, lift=0.2)
    sketch.part(join(curve((-0.5, 0.9), (0.02, 0.72), (0.56, 0.86)), _toe()), "second", lift=0.15)
    sketch.part(
        curve(
            (0, -1.4), (0.3, -1.2), (0.32, -0.7), (0.2, -0.35), (-0.2, -0.35), (-0.32, -0.7), (-0.3, -1.2), (0, -1.4)
        ),
        "inside",
    )
    sketch.part(ellipse(0, -1.0, 0.22, 0.28), (92, 90, 90), lift=0.0)
    sketch.part(
        curve((-0.2, -0.62), (0, -0.72), (0.2, -0.62), (0.17, 0.55), (-0.15, 0.55), (-0.2, -0.62)), "second", lift=0.3
    )
    _cross_laces(sketch, -0.42, 0.5)


def _toe() -> Points:
    return curve((0.5, 1.22), (0.1, 1.5), (-0.3, 1.36), (-0.48, 0.95))


def _cross_laces(sketch: Sketch, top: float, bottom: float) -> None:
    for i in range(5):
        y = top + (bottom - top) * i / 4
        sketch.stroke(curve((-0.28, y + 0.05), (0, y + 0.1), (0.28, y + 0.05)), 0.1, DARK, 80)
        sketch.stroke(curve((-0.28, y), (0, y + 0.06), (0.28, y)), 0.075, LIGHT, 250)
    sketch.stroke(curve((0, top), (-0.3, top - 0.12), (-0.35, top + 0.12), (0, top)), 0.05, LIGHT, 250)
    sketch.stroke(curve((0, top), (0.3, top - 0.1), (0.36, top + 0.14), (0, top)), 0.05, LIGHT, 250)


def _boot_above(sketch: Sketch, details: Details) -> None:
    sketch.part(FOOT * (1.1, 1.05), RUBBER)
    sketch.part(FOOT, roundness=1.0, lift=0.2)
    sketch.part(move(ellipse(0, 0, 0.44, 0.5), 0, -0.95), roundness=0.9, lift=0.6)
    sketch.part(move(ellipse(0, 0, 0.32, 0.37), 0, -1.0), "inside")
    sketch.stamp(GLOSS, 0.05, 1.0, 0.6)
    if details.closure == "laces":
        sketch.part(box(-0.18, -0.6, 0.18, 0.45), "inside", lift=0.3)
        _cross_laces(sketch, -0.5, 0.4)
    else:
        sketch.strokes(curve((0.44, -0.7), (0.3, 0.0), (0, 0.25)), 0.03, alpha=140)


def _pump_above(sketch: Sketch, details: Details) -> None:
    tip = 1.75 if details.width > 1.02 else 1.55
    foot = curve(
        (0, -1.42), (0.33, -1.3), (0.4, -0.8), (0.38, -0.1), (0.52, 0.55), (0.36, 1.15), (0.04, tip), (-0.3, 1.15),
        (-0.46, 0.6), (-0.4, -0.1), (-0.38, -0.8), (-0.32, -1.3), (0, -1.42),
    )  # fmt: skip
    sketch.part(foot * (1.05, 1.02), RUBBER)
    sketch.part(foot, roundness=1.0)
    opening = curve(
        (0, -1.3),
        (0.26, -1.2),
        (0.3, -0.6),
        (0.33, 0.2),
        (0.02, 0.62),
        (-0.3, 0.2),
        (-0.3, -0.6),
        (-0.25, -1.2),
        (0, -1.3),
    )
    sketch.part(opening, "inside", lift=0.0)
    sketch.part(opening * (0.82, 0.9) - points((0, 0.06)), INSOLE, lift=0.0, roundness=0.9)
    if details.contrast or details.motif in ("сердце", "цветок"):
        sketch.pair(move(points((0, 0), (0.24, -0.13), (0.24, 0.13)), 0.02, 0.76), "second")
        sketch.part(ellipse(0.02, 0.76, 0.06, 0.06), "second")
    sketch.stamp(GLOSS, 0.05, 1.05, 0.5)
