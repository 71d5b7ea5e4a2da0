"""A few things that are no clothes: mug, book, ball, lamp, vase, chair, as sketches. One unit is about half a width."""

from __future__ import annotations

import math

from training.drawings.outlines import box, curve, ellipse, join, mirror, points, ribbon
from training.drawings.sketch import LIGHT, Appearance, Sketch, render_glow

PAPER = (236, 230, 214)
WARM = (252, 240, 206)
GLOSS = render_glow((255, 255, 255), 85)


def mug(appearance: Appearance) -> Sketch:
    """A mug with its handle on one side."""
    sketch, side = Sketch(), points((appearance.pose.choice((-1.0, 1.0)), 1.0))
    handle = curve((0.7, -0.5), (1.3, -0.55), (1.42, 0.1), (1.1, 0.5), (0.68, 0.55))
    sketch.part(ribbon(handle, 0.22) * side, roundness=0.8)
    sketch.part(
        mirror(curve((0, -0.95), (0.8, -0.95), (0.8, 0.0), (0.72, 0.95), (0.4, 1.08), (0, 1.12))), roundness=1.0
    )
    sketch.part(ellipse(0, -0.95, 0.8, 0.22), lift=0.0)
    sketch.part(ellipse(0, -0.93, 0.71, 0.17), "inside", lift=0.0)
    sketch.stamp(GLOSS, -0.4, -0.1, 0.7)
    return sketch


def book(_look: Appearance) -> Sketch:
    """A closed book lying on its back cover, its cover towards the viewer."""
    sketch = Sketch()
    sketch.part(points((-0.92, -1.25), (1.0, -1.25), (1.12, -1.15), (1.12, 1.4), (-0.8, 1.4)), PAPER)
    for i in range(4):
        sketch.stroke(points((1.0 + i * 0.03, -1.24 + i * 0.03), (1.0 + i * 0.03, 1.36)), 0.01, alpha=60)
    sketch.part(box(-1.0, -1.32, 0.98, 1.3), roundness=0.2)
    sketch.part(box(-1.0, -1.32, -0.82, 1.3), "second", lift=0.1)
    sketch.part(box(-0.55, -0.95, 0.7, -0.35), "second", lift=0.0)
    for y, wide in ((-0.78, 0.45), (-0.55, 0.3)):
        sketch.stroke(points((0.08 - wide, y), (0.08 + wide, y)), 0.07, alpha=190)
    sketch.part(ellipse(0.08, 0.4, 0.42, 0.42), "second", lift=0.0)
    sketch.stroke(points((-0.25, 1.08), (0.4, 1.08)), 0.05, LIGHT, 170)
    return sketch


def ball(appearance: Appearance) -> Sketch:
    """A ball of six segments in two colours, its pole turned towards the viewer."""
    sketch, turn = Sketch(), appearance.pose.uniform(0, 60)
    sketch.part(ellipse(0, 0, 1, 1), roundness=1.0)
    pole = (0.34 * math.cos(turn), 0.34 * math.sin(turn))
    for start in (0, 120, 240):
        rim = ellipse(0, 0, 1, 1, turn + start, turn + start + 60)
        lens = join(curve(pole, (rim[0, 0] * 0.62 + 0.06, rim[0, 1] * 0.62 - 0.06), tuple(rim[0])), rim)
        sketch.part(join(lens, points(pole)), "second", lift=0.0, roundness=0.15)
        sketch.stroke(lens, 0.02, alpha=110)
    sketch.part(ellipse(*pole, 0.12, 0.12), LIGHT, lift=0.1)
    sketch.stamp(GLOSS, -0.35, -0.45, 0.8)
    return sketch


def lamp(appearance: Appearance) -> Sketch:
    """A table lamp with a conic shade."""
    sketch, wide = Sketch(), appearance.details.width
    base = curve((-0.55, 1.75), (0, 1.62), (0.55, 1.75), (0.5, 1.9), (0, 1.96), (-0.5, 1.9), (-0.55, 1.75))
    sketch.part(base, "second")
    sketch.part(
        mirror(curve((0, 0.0), (0.07, 0.0), (0.08, 0.5), (0.26, 0.95), (0.2, 1.35), (0.07, 1.72))),
        "second",
        roundness=1.0,
    )
    shade = join(points((0, -1.1), (0.5, -1.1)), curve((wide, 0.15), (0.5, 0.27), (0, 0.3)))
    sketch.part(mirror(shade), roundness=0.6)
    sketch.part(ellipse(0, -1.1, 0.5, 0.1), WARM, lift=0.0)
    sketch.strokes(points((0.47, -1.02), (wide * 0.93, 0.15)), 0.03, alpha=60)
    sketch.stamp(render_glow(WARM, 110), 0, -0.3, 1.1)
    return sketch


def vase(appearance: Appearance) -> Sketch:
    """A vase; its belly follows the width of the thing."""
    sketch, belly = Sketch(), appearance.details.width - 0.2
    half = curve((0.42, -1.5), (0.26, -1.2), (0.3, -0.9), (belly, 0.0), (belly * 0.85, 0.7), (0.42, 1.3), (0, 1.36))
    sketch.part(mirror(half), roundness=1.0)
    sketch.part(ellipse(0, -1.5, 0.42, 0.11), lift=0.0)
    sketch.part(ellipse(0, -1.49, 0.33, 0.07), "inside", lift=0.0)
    sketch.stamp(GLOSS, -belly * 0.45, -0.15, 0.9)
    return sketch


def chair(_look: Appearance) -> Sketch:
    """A chair seen from the front and a little from above."""
    sketch = Sketch()
    for x in (-0.62, 0.62):
        sketch.part(box(x - 0.07, 0.1, x + 0.07, 1.35))
        sketch.part(box(x - 0.06, -1.7, x + 0.06, 0.1))
    for y in (-1.55, -1.1, -0.65):
        sketch.part(box(-0.66, y, 0.66, y + 0.26), lift=0.4)
    sketch.part(points((-0.68, -0.12), (0.68, -0.12), (0.86, 0.38), (-0.86, 0.38)), "second", lift=0.4)
    sketch.part(box(-0.86, 0.36, 0.86, 0.52))
    for x in (-0.78, 0.78):
        sketch.part(box(x - 0.08, 0.5, x + 0.08, 1.85), lift=0.5)
    sketch.part(box(-0.72, 1.0, 0.72, 1.1))
    return sketch
