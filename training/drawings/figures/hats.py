"""Headwear as sketches. One unit is half a hat's width."""

from __future__ import annotations

from training.drawings.outlines import Points, curve, ellipse, mirror, points
from training.drawings.sketch import Appearance, Sketch


def cap(appearance: Appearance) -> Sketch:
    """A baseball cap from the front and above: dome, seams, button, peak."""
    sketch, tall = Sketch(), 1.05 * appearance.details.width
    sketch.part(mirror(curve((0, -tall), (0.72, -tall * 0.75), (1.02, 0.0), (1.0, 0.62), (0, 0.5))), roundness=1.0)
    for x in (-0.62, 0.62):
        sketch.stroke(curve((0, -tall), (x * 0.8, -0.5), (x, 0.5)), 0.022, alpha=120)
        sketch.stitch(curve((0.04, -tall), (x * 0.8 + 0.05, -0.5), (x + 0.05, 0.5)))
        sketch.stroke(ellipse(x * 0.85, -0.45, 0.03, 0.03), 0.03, alpha=160)
    sketch.part(ellipse(0, -tall, 0.1, 0.06), "trim")
    long = 1.25 + appearance.pose.uniform(0, 0.25)
    low = curve((1.02, 0.56), (1.02, 0.9), (0.62, long - 0.06), (0, long))
    rim = curve((0, 0.34), (0.55, 0.4), (1.02, 0.56))
    peak = mirror(points(*map(tuple, rim), *map(tuple, low)))
    sketch.part(peak, "trim", lift=0.8, roundness=0.7)
    for share in (0.25, 0.5, 0.75):
        half = rim[::-1] * (1 - share) + low[:: max(1, len(low) // len(rim))][: len(rim)] * share
        sketch.stitch(points(*map(tuple, half), *map(tuple, (half * (-1.0, 1.0))[::-1])))
    return sketch


def hat(appearance: Appearance) -> Sketch:
    """A knitted hat: a ribbed dome with a turned-up edge, a pompom or two ears."""
    sketch, trim = Sketch(), appearance.details.trim
    if trim == "ears":
        sketch.pair(ellipse(0.68, -0.72, 0.27, 0.27), "trim")
    sketch.part(mirror(curve((0, -1.0), (0.7, -0.72), (0.98, 0.1), (0.95, 0.75), (0, 0.85))), roundness=1.0)
    for i in range(-7, 8):
        x = i / 7.6
        sketch.stroke(curve((x * 0.25, -0.96), (x * 0.85, -0.35), (x * 0.97, 0.75)), 0.03, alpha=50)
    sketch.part(mirror(curve((0, 0.5), (0.6, 0.47), (1.0, 0.4), (1.0, 0.92), (0.6, 0.99), (0, 1.02))), "trim", lift=0.6)
    for i in range(-13, 14):
        sketch.stroke(points((i / 13.6, 0.5), (i / 13.6, 0.97)), 0.025, alpha=60)
    if trim == "pompom":
        sketch.part(_fluff(0, -1.2, 0.36), "second", roundness=1.0)
    return sketch


def _fluff(x: float, y: float, radius: float) -> Points:
    """A ball with a ragged edge."""
    ball = ellipse(0, 0, radius, radius, 0, 352)
    ball[::2] *= 0.84
    return ball + points((x, y))
