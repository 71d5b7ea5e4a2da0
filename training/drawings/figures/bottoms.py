"""Trousers, jeans, shorts, leggings and skirts as sketches. One unit is half a waist width."""

from __future__ import annotations

from training.drawings.garments import RGB, Details
from training.drawings.outlines import Points, box, curve, flip, join, mirror, move, points, ribbon
from training.drawings.sketch import DARK, LIGHT, Appearance, Sketch, render_glow

METAL = (176, 150, 110)
THREAD = (206, 140, 60)
FADE = render_glow((225, 232, 245), 95, tall=3)


def legs(appearance: Appearance) -> Sketch:
    """Anything with two legs, from shorts to jeans."""
    details, sketch = appearance.details, Sketch()
    spread = appearance.pose.uniform(0.0, 0.12 if appearance.hanging else 0.3)
    length, leg = details.length, 0.66 * details.width + details.flare
    sketch.part(box(-0.86, -0.06, 0.86, 0.3), "inside")
    for side in (1.0, -1.0):
        mirror = points((side, 1.0))
        edge = _leg_edge(length, leg, spread) * mirror
        sketch.part(_leg(length, leg, spread) * mirror, turn=-8 * spread * side, lift=0.4)
        if details.texture == "denim":
            _fade(sketch, edge, side)
        _leg_end(sketch, details, edge)
    _seams(sketch, _outer(length, leg, spread), length)
    _waist(sketch, details)
    _pockets(sketch, details)
    return sketch


def _seams(sketch: Sketch, outer: float, length: float) -> None:
    sketch.stroke(curve((0, 0.25), (0.02, 0.8), (0, 1.2)), 0.03, alpha=120)
    sketch.strokes(curve((0.95, 0.3), (1.03, 1.0), (outer - 0.06, length - 0.1)), 0.02, alpha=60)


def _fade(sketch: Sketch, edge: Points, side: float) -> None:
    """The worn, paler middle of a denim leg."""
    foot, low = edge.mean(axis=0)
    sketch.stamp(FADE, 0.25 * side + float(foot) * 0.5, 0.2 + float(low) * 0.42, 0.85)


def _outer(length: float, leg: float, spread: float) -> float:
    return 0.5 + leg / 2 + spread * length / 4


def _leg(length: float, leg: float, spread: float) -> Points:
    """The right leg with its half of the seat."""
    edge = _leg_edge(length, leg, spread)
    outer = curve((0.92, 0.1), (1.1, 0.8), (1.08, min(1.4, length * 0.7)), (float(edge[0, 0]), float(edge[0, 1])))
    inner = curve((float(edge[1, 0]), float(edge[1, 1])), (0.1 + spread * 0.2, 1.6), (0.0, 1.2))
    short = points(tuple(edge[1]), (0.0, 1.2))
    return join(points((0, 0.14)), outer, inner if length > 2.3 else short)


def _leg_edge(length: float, leg: float, spread: float) -> Points:
    """The lower edge of the right leg, from outside to inside."""
    if length < 2.3:
        return points((1.12 + leg * 0.2 + spread * 0.2, length), (0.08 + spread * 0.2, length + 0.08))
    outer = _outer(length, leg, spread)
    return points((outer, length), (outer - leg, length + 0.04))


def _leg_end(sketch: Sketch, details: Details, edge: Points) -> None:
    if details.trim == "rib":
        sketch.part(ribbon(move(edge, 0, 0.06), 0.26), "trim")
    elif details.texture == "denim" and details.length < 2.3:
        sketch.part(ribbon(move(edge, 0, -0.08), 0.22), "turned", lift=0.4)
    else:
        sketch.stitch(move(edge, 0, -0.08), _thread(details))


def _thread(details: Details) -> RGB:
    return THREAD if details.texture == "denim" else DARK


def _waist(sketch: Sketch, details: Details) -> None:
    band = mirror(join(curve((0, 0.06), (0.5, 0.03), (0.9, -0.02)), curve((0.94, 0.22), (0.5, 0.27), (0, 0.3))))
    sketch.part(band, "main", lift=0.3)
    if details.closure == "fly":
        sketch.dot(0, 0.18, 0.06, METAL)
        sketch.stitch(curve((0.16, 0.3), (0.17, 0.7), (0, 0.92)), _thread(details), 170)
        for x in (-0.6, 0.55):
            sketch.part(box(x, 0.02, x + 0.07, 0.3), "main", lift=0.3)
    elif details.closure == "elastic":
        for i in range(-13, 14):
            sketch.stroke(points((i * 0.066, 0.06), (i * 0.068, 0.28)), 0.022, alpha=60)
        sketch.strokes(curve((0.03, 0.2), (0.1, 0.45), (0.08, 0.75)), 0.04, (235, 235, 230), 230)


def _pockets(sketch: Sketch, details: Details) -> None:
    if details.pocket == "jeans":
        rim = curve((0.42, 0.3), (0.52, 0.58), (0.96, 0.66))
        sketch.strokes(rim, 0.03, alpha=130)
        for path in (move(rim, 0, 0.06), flip(move(rim, 0, 0.06))):
            sketch.stitch(path, _thread(details), 170)
    elif details.pocket == "slant":
        sketch.strokes(points((0.66, 0.3), (0.97, 0.95)), 0.03, alpha=120)


def skirt(appearance: Appearance) -> Sketch:
    """A skirt, straight or flared."""
    details, sketch = appearance.details, Sketch()
    hem, length = 1.05 + details.flare, details.length
    sketch.part(box(-0.74, -0.05, 0.74, 0.2), "inside")
    half = join(
        curve((0, 0.1), (0.4, 0.07), (0.8, 0.0)),
        curve((0.82, 0.15), (0.98 + details.flare * 0.3, 0.9), (hem, length)),
        curve((hem, length), (hem * 0.55, length + 0.1), (0, length + 0.13)),
    )
    sketch.part(mirror(half), lift=0.4)
    _skirt_folds(sketch, appearance, hem)
    upper = curve((0, 0.1), (0.4, 0.07), (0.8, 0.0))
    sketch.part(mirror(join(upper, curve((0.83, 0.2), (0.4, 0.27), (0, 0.3)))), "trim")
    _skirt_closure(sketch, details, length)
    _pockets(sketch, details)
    return sketch


def _skirt_folds(sketch: Sketch, appearance: Appearance, hem: float) -> None:
    pleated, length = appearance.details.texture == "pleats", appearance.details.length
    count, alpha = (10, 70) if pleated else (4, 28)
    for i in range(-count, count + 1):
        x = i / (count + 0.5) + appearance.pose.uniform(-0.02, 0.02)
        fold = curve((x * 0.82, 0.3), (x * hem, length + 0.06))
        sketch.stroke(fold, 0.04, alpha=alpha)
        sketch.stroke(move(fold, 0.045, 0), 0.035, LIGHT, alpha // 2)
    sketch.stitch(curve((-hem, length - 0.1), (0, length + 0.02), (hem, length - 0.1)))


def _skirt_closure(sketch: Sketch, details: Details, length: float) -> None:
    if details.closure == "buttons":
        sketch.stroke(points((0.12, 0.3), (0.12, length + 0.1)), 0.02, alpha=110)
        for i in range(5):
            sketch.dot(0, 0.2 + i * (length - 0.4) / 4.5, 0.05, METAL)
    elif details.closure == "zip":
        sketch.stroke(points((0, 0.1), (0, 0.85)), 0.05, (150, 150, 155), 255)
