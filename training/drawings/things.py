"""A few things that are no clothes: mug, book, ball, lamp, vase, chair, as sketches. One unit is about half a width."""

from __future__ import annotations

import random

from training.drawings.garments import Details
from training.drawings.outlines import box, curve, ellipse, joined, mirrored, points, ribbon
from training.drawings.sketch import LIGHT, Sketch

PAPER = (236, 230, 214)
WARM = (252, 240, 206)


def mug(details: Details, pose: random.Random, hanging: bool) -> Sketch:
    """A mug with its handle on the right."""
    sketch = Sketch()
    handle = curve((0.7, -0.5), (1.3, -0.55), (1.42, 0.1), (1.1, 0.5), (0.68, 0.55))
    sketch.part(ribbon(handle, 0.22), "main", roundness=0.8)
    sketch.part(mirrored(curve((0.8, -0.95), (0.8, 0.0), (0.72, 0.95), (0.4, 1.08), (0, 1.12))), roundness=1.0)
    sketch.part(ellipse(0, -0.95, 0.8, 0.22), "main", lift=0.0)
    sketch.part(ellipse(0, -0.93, 0.71, 0.17), "inside", lift=0.0)
    sketch.stroke(curve((-0.55, -0.6), (-0.57, 0.1), (-0.5, 0.7)), 0.1, LIGHT, 90)
    return sketch


def book(details: Details, pose: random.Random, hanging: bool) -> Sketch:
    """A closed book lying on its back cover, its cover towards the viewer."""
    sketch = Sketch()
    sketch.part(points((-0.92, -1.25), (1.0, -1.25), (1.12, -1.15), (1.12, 1.4), (-0.8, 1.4)), PAPER)
    for i in range(4):
        sketch.stroke(points((1.0 + i * 0.03, -1.24 + i * 0.03), (1.0 + i * 0.03, 1.36)), 0.01, alpha=60)
    sketch.part(box(-1.0, -1.32, 0.98, 1.3), "main", roundness=0.2)
    sketch.part(box(-1.0, -1.32, -0.82, 1.3), "second", lift=0.1)
    sketch.part(box(-0.55, -0.95, 0.7, -0.35), "second", lift=0.0)
    for y, wide in ((-0.78, 0.45), (-0.55, 0.3)):
        sketch.stroke(points((0.08 - wide, y), (0.08 + wide, y)), 0.07, alpha=190)
    sketch.part(ellipse(0.08, 0.4, 0.42, 0.42), "second", lift=0.0)
    sketch.stroke(points((-0.25, 1.08), (0.4, 1.08)), 0.05, LIGHT, 170)
    return sketch


def ball(details: Details, pose: random.Random, hanging: bool) -> Sketch:
    """A ball with coloured panels."""
    sketch = Sketch()
    sketch.part(ellipse(0, 0, 1, 1), roundness=1.0)
    turn = pose.uniform(-0.3, 0.3)
    lens = joined(
        curve((-0.25, -0.95), (-0.62 + turn, 0), (-0.25, 0.95)), curve((0.25, 0.95), (0.3 + turn, 0), (0.25, -0.95))
    )
    sketch.part(lens, "second", lift=0.0, roundness=0.1)
    for x in (-0.82, 0.75):
        sketch.stroke(curve((x * 0.6, -0.78), (x + turn * 0.4, 0), (x * 0.6, 0.78)), 0.03, alpha=140)
    sketch.stroke(curve((-0.99, 0.05), (0, 0.25), (0.99, 0.05)), 0.03, alpha=140)
    sketch.part(ellipse(-0.36, -0.42, 0.2, 0.14), LIGHT, lift=0.0, roundness=1.0)
    return sketch


def lamp(details: Details, pose: random.Random, hanging: bool) -> Sketch:
    """A table lamp with a conic shade."""
    sketch = Sketch()
    sketch.part(
        curve((-0.55, 1.75), (0, 1.62), (0.55, 1.75), (0.5, 1.9), (0, 1.96), (-0.5, 1.9), (-0.55, 1.75)), "second"
    )
    stem = curve((0.07, 0.0), (0.08, 0.5), (0.26, 0.95), (0.2, 1.35), (0.07, 1.72))
    sketch.part(mirrored(stem), "second", roundness=1.0)
    sketch.part(
        mirrored(joined(points((0.5, -1.1), (1.0, 0.15)), curve((1.0, 0.15), (0.5, 0.27), (0, 0.3)))), roundness=0.6
    )
    sketch.part(ellipse(0, -1.1, 0.5, 0.1), WARM, lift=0.0)
    sketch.strokes(points((0.47, -1.02), (0.93, 0.15)), 0.03, alpha=60)
    return sketch


def vase(details: Details, pose: random.Random, hanging: bool) -> Sketch:
    """A vase; its belly follows the garment's width."""
    sketch = Sketch()
    belly = 0.75 + (details.width - 0.9)
    half = curve((0.42, -1.5), (0.26, -1.2), (0.3, -0.9), (belly, 0.0), (belly * 0.85, 0.7), (0.42, 1.3), (0, 1.36))
    sketch.part(mirrored(half), roundness=1.0)
    sketch.part(ellipse(0, -1.5, 0.42, 0.11), "main", lift=0.0)
    sketch.part(ellipse(0, -1.49, 0.33, 0.07), "inside", lift=0.0)
    sketch.stroke(curve((-0.22, -0.8), (-belly * 0.62, 0.0), (-belly * 0.5, 0.6)), 0.1, LIGHT, 80)
    return sketch


def chair(details: Details, pose: random.Random, hanging: bool) -> Sketch:
    """A chair seen from the front and a little from above."""
    sketch = Sketch()
    for x in (-0.62, 0.62):
        sketch.part(box(x - 0.07, 0.1, x + 0.07, 1.35), "main")
        sketch.part(box(x - 0.06, -1.7, x + 0.06, 0.1), "main")
    for y in (-1.55, -1.1, -0.65):
        sketch.part(box(-0.66, y, 0.66, y + 0.26), "main", lift=0.4)
    sketch.part(points((-0.68, -0.12), (0.68, -0.12), (0.86, 0.38), (-0.86, 0.38)), "second", lift=0.4)
    sketch.part(box(-0.86, 0.36, 0.86, 0.52), "main")
    for x in (-0.78, 0.78):
        sketch.part(box(x - 0.08, 0.5, x + 0.08, 1.85), "main", lift=0.5)
    sketch.part(box(-0.72, 1.0, 0.72, 1.1), "main")
    return sketch
