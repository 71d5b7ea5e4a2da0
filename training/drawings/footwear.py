"""Pairs of shoes and headwear as sketches. One unit is about a third of a shoe's length, or half a hat's width."""

from __future__ import annotations

import random
from collections.abc import Callable

from training.drawings.garments import Details
from training.drawings.outlines import Points, curve, ellipse, joined, moved, points, ribbon
from training.drawings.sketch import LIGHT, Part, Sketch, Stroke

RUBBER = (36, 34, 34)


def pair_of(one: Callable[[Sketch, Details], None]) -> Callable[[Details, random.Random, bool], Sketch]:
    """A drawer of two such shoes, one behind the other or beside it."""

    def draw(details: Details, pose: random.Random, hanging: bool) -> Sketch:
        shoe, both = Sketch(), Sketch()
        one(shoe, details)
        left, top, right, bottom = shoe.bounds()
        facing = -1.0 if pose.random() < 0.4 else 1.0
        dx, dy = pose.uniform(0.15, 0.55) * (right - left), pose.uniform(-0.75, -0.5) * min(bottom - top, 1.9)
        _put(both, shoe, (1.0, 0.97), (dx, dy))
        _put(both, shoe, (facing if facing > 0 else 1.0, 1.0), (0.0, 0.0))
        return both

    return draw


def _put(both: Sketch, shoe: Sketch, scale: tuple[float, float], shift: tuple[float, float]) -> None:
    for mark in shoe.marks:
        if isinstance(mark, Part):
            both.part(
                moved(mark.outline * scale, *shift), mark.fill, turn=mark.turn, lift=mark.lift, roundness=mark.roundness
            )
        elif isinstance(mark, Stroke):
            both.stroke(moved(mark.path * scale, *shift), mark.width, mark.rgb, mark.alpha)


def sneaker(sketch: Sketch, details: Details) -> None:
    """A running shoe from its side: thick pale sole, laces, a stripe."""
    sketch.part(
        curve((0.1, 0.1), (0.35, -0.05), (0.9, 0.12), (1.05, 0.35), (0.5, 0.5), (0.12, 0.4), (0.1, 0.1)), "inside"
    )
    upper = joined(
        curve((0.0, 0.95), (-0.02, 0.5), (0.06, 0.05), (0.2, -0.02), (0.42, 0.28), (0.85, 0.25)),
        curve((1.0, 0.05), (1.4, 0.42), (2.1, 0.68), (2.75, 0.8), (3.0, 1.1)),
        points((3.0, 1.25), (0.0, 1.25)),
    )
    sketch.part(upper, "main", lift=0.2, roundness=0.8)
    sketch.part(curve((2.2, 0.73), (2.75, 0.8), (3.02, 1.15), (2.5, 1.2), (2.15, 1.2), (2.2, 0.73)), "second", lift=0.1)
    sketch.part(curve((0.0, 0.7), (0.3, 0.65), (0.5, 1.2), (0.0, 1.2), (0.0, 0.7)), "second", lift=0.1)
    sketch.part(points((1.0, 0.95), (1.25, 0.5), (1.42, 0.52), (1.25, 1.1), (0.95, 1.15)), "second", lift=0.1)
    sole = curve(
        (-0.06, 1.08),
        (0.8, 1.2),
        (1.5, 1.22),
        (2.4, 1.14),
        (3.1, 1.02),
        (3.12, 1.3),
        (2.8, 1.45),
        (0.1, 1.5),
        (-0.1, 1.35),
        (-0.06, 1.08),
    )
    sketch.part(sole, "sole", lift=0.3)
    sketch.stroke(curve((-0.06, 1.36), (1.5, 1.4), (3.08, 1.3)), 0.03, alpha=80)
    _laces(sketch, points((1.02, 0.1), (1.9, 0.66)), 5)


def _laces(sketch: Sketch, line: Points, count: int) -> None:
    for i in range(count):
        at = line[0] + (line[1] - line[0]) * i / (count - 1)
        sketch.stroke(
            curve((at[0] - 0.2, at[1] + 0.26), (at[0] - 0.06, at[1] + 0.06), (at[0] + 0.1, at[1] - 0.02)),
            0.07,
            LIGHT,
            245,
        )


def boot(sketch: Sketch, details: Details) -> None:
    """An ankle boot from its side."""
    sketch.part(ellipse(0.55, -0.75, 0.52, 0.14), "inside")
    upper = joined(
        curve((0.03, 1.3), (0.0, 0.4), (0.02, -0.72), (0.5, -0.64), (1.08, -0.78)),
        curve((1.12, 0.0), (1.4, 0.42), (2.1, 0.62), (2.62, 0.85), (2.72, 1.3)),
    )
    sketch.part(upper, "main", roundness=0.9)
    sketch.stroke(curve((0.02, 0.6), (0.6, 0.62), (1.1, 0.9), (1.3, 1.28)), 0.025, alpha=110)
    sketch.part(
        joined(
            curve((-0.04, 1.25), (1.4, 1.3), (2.78, 1.22)),
            points((2.78, 1.45), (1.0, 1.45), (0.95, 1.62), (-0.04, 1.62)),
        ),
        RUBBER,
    )
    if details.closure == "laces":
        _laces(sketch, points((1.06, -0.55), (1.55, 0.42)), 6)
    else:
        sketch.part(points((0.35, -0.6), (0.75, -0.6), (0.68, 0.3), (0.42, 0.3)), "inside", lift=0.1)


def tall_boot(sketch: Sketch, details: Details) -> None:
    """A high boot from its side, with a heel."""
    sketch.part(ellipse(0.6, -2.75, 0.66, 0.14), "inside")
    upper = joined(
        curve((0.05, 1.1), (0.1, 0.3), (-0.12, -1.2), (-0.06, -2.72), (0.6, -2.62), (1.26, -2.76)),
        curve((1.22, -1.4), (1.0, -0.1), (1.3, 0.5), (2.0, 0.8), (2.5, 1.05), (2.6, 1.32), (1.2, 1.3)),
    )
    sketch.part(upper, "main", roundness=1.0)
    sketch.part(points((0.02, 1.02), (0.75, 1.16), (0.66, 1.66), (0.1, 1.66)), RUBBER)
    sketch.part(ribbon(curve((0.7, 1.26), (1.4, 1.34), (2.62, 1.34)), 0.12), RUBBER)
    for y in (-0.2, 0.05, 0.3):
        sketch.stroke(curve((0.1, y), (0.5, y + 0.1), (1.05, y + 0.02)), 0.03, alpha=60)
    if details.closure == "zip":
        sketch.stroke(curve((0.75, -2.6), (0.62, -1.0), (0.6, 0.7)), 0.05, (176, 178, 182), 220)


def pump(sketch: Sketch, details: Details) -> None:
    """A court shoe from its side; the heel is high or low by the garment's length."""
    low = details.width > 1.0
    heel = 1.05 if low else 1.6
    sketch.part(curve((0.1, 0.05), (0.8, 0.35), (1.6, 0.75), (2.1, 0.72), (1.2, 0.5), (0.1, 0.05)), "inside")
    upper = joined(
        curve((0.02, 0.6), (0.0, 0.2), (0.08, -0.08), (0.5, 0.42), (1.1, 0.72), (1.7, 0.74)),
        curve((2.1, 0.72), (2.6, 0.92), (2.75, 1.06), (2.0, 1.12), (1.3, 0.98), (0.6, 0.72), (0.02, 0.6)),
    )
    sketch.part(upper, "main", roundness=1.0)
    wide = 0.55 if low else 0.22
    sketch.part(points((0.0, 0.5), (0.72, 0.74), (0.1 + wide, heel), (0.06, heel)), "main")
    sketch.part(ribbon(curve((0.6, 0.78), (1.3, 1.02), (2.0, 1.15), (2.75, 1.1)), 0.07), RUBBER)
    if details.contrast or details.motif == "сердце":
        sketch.part(
            joined(
                points((2.0, 0.78)),
                curve((1.75, 0.58), (1.75, 0.95)),
                points((2.0, 0.78)),
                curve((2.3, 0.62), (2.3, 1.0)),
            ),
            "second",
        )


def cap(details: Details, pose: random.Random, hanging: bool) -> Sketch:
    """A baseball cap from the front and above: dome, seams, button, peak."""
    sketch = Sketch()
    dome = curve(
        (-1.0, 0.62),
        (-1.02, 0.0),
        (-0.72, -0.78),
        (0, -1.05),
        (0.72, -0.78),
        (1.02, 0.0),
        (1.0, 0.62),
        (0, 0.42),
        (-1.0, 0.62),
    )
    sketch.part(dome, "main", roundness=1.0)
    for x in (-0.62, 0.62):
        sketch.stroke(curve((0, -1.04), (x * 0.8, -0.5), (x, 0.5)), 0.022, alpha=120)
    sketch.part(ellipse(0, -1.05, 0.1, 0.06), "trim")
    for x in (-0.5, 0.5):
        sketch.stroke(ellipse(x, -0.55, 0.03, 0.03), 0.03, alpha=160)
    peak = curve(
        (-0.98, 0.58),
        (-0.5, 0.4),
        (0, 0.36),
        (0.5, 0.4),
        (0.98, 0.58),
        (0.95, 1.0),
        (0.5, 1.32),
        (0, 1.4),
        (-0.5, 1.32),
        (-0.95, 1.0),
        (-0.98, 0.58),
    )
    sketch.part(peak, "trim", lift=0.7, roundness=0.8)
    for k in (0.78, 0.9):
        sketch.stroke(
            curve(
                (-0.9 * k, 0.42 + 0.6 * k),
                (-0.45 * k, 0.4 + 0.92 * k),
                (0, 0.42 + 0.96 * k),
                (0.45 * k, 0.4 + 0.92 * k),
                (0.9 * k, 0.42 + 0.6 * k),
            ),
            0.015,
            alpha=80,
        )
    return sketch


def hat(details: Details, pose: random.Random, hanging: bool) -> Sketch:
    """A knitted hat: a ribbed dome with a turned-up edge, a pompom or two ears."""
    sketch = Sketch()
    if details.trim == "ears":
        sketch.pair(ellipse(0.68, -0.72, 0.27, 0.27), "trim")
    sketch.part(
        curve(
            (-0.95, 0.75),
            (-0.98, 0.1),
            (-0.7, -0.72),
            (0, -1.0),
            (0.7, -0.72),
            (0.98, 0.1),
            (0.95, 0.75),
            (0, 0.85),
            (-0.95, 0.75),
        ),
        roundness=1.0,
    )
    for i in range(-6, 7):
        x = i / 6.6
        sketch.stroke(curve((x * 0.25, -0.96), (x * 0.85, -0.35), (x * 0.97, 0.75)), 0.03, alpha=50)
    sketch.part(
        curve((-1.0, 0.42), (0, 0.52), (1.0, 0.42), (1.0, 0.92), (0, 1.02), (-1.0, 0.92), (-1.0, 0.42)),
        "trim",
        lift=0.5,
    )
    for i in range(-13, 14):
        sketch.stroke(points((i / 13.6, 0.5), (i / 13.6, 0.97)), 0.025, alpha=60)
    if details.trim == "pompom":
        sketch.part(_fluff(0, -1.15, 0.36), "second", roundness=1.0)
    return sketch


def _fluff(x: float, y: float, radius: float) -> Points:
    """A ball with a ragged edge."""
    ball = ellipse(x, y, radius, radius, 0, 1080)
    wobble = [1.0 if i % 2 else 0.84 for i in range(len(ball))]
    return (ball - (x, y)) * points(*((w, w) for w in wobble)) + (x, y)
