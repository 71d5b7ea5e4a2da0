"""Everything worn on the upper body, from a strappy top to a snowsuit, as a sketch. One unit is half a chest width."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

from training.drawings import collars
from training.drawings.garments import Details
from training.drawings.outlines import Points, box, curve, flipped, joined, mirrored, points, ribbon
from training.drawings.sketch import LIGHT, Sketch

METAL = (176, 178, 182)
SLEEVE_LENGTHS = {"short": 0.72, "three_quarter": 1.5, "long": 2.15}


@dataclass(frozen=True, slots=True)
class Cut:
    """The points that all pieces of a top share."""

    neck: float
    shoulder: float
    shoulder_y: float
    chest: float
    waist: float
    hem: float
    length: float


def top(details: Details, pose: random.Random, hanging: bool) -> Sketch:
    """A sketch of a top, dress, jacket, bodysuit or overall."""
    cut = _cut(details)
    sketch = Sketch()
    if hanging:
        _hanger(sketch, cut)
    collars.behind(sketch, details.neck, cut.neck)
    if details.sleeve in SLEEVE_LENGTHS:
        for side in (1, -1):
            _sleeve(sketch, details, cut, side, _arm_angle(pose, hanging))
    _body(sketch, details, cut)
    _closure(sketch, details, cut)
    _pockets(sketch, details, cut)
    collars.front(sketch, details.neck, cut.neck, "second" if details.contrast else "main")
    return sketch


def _arm_angle(pose: random.Random, hanging: bool) -> float:
    """How far a sleeve stands off the body, radians from straight down."""
    return math.radians(pose.uniform(8, 14) if hanging else pose.uniform(14, 48))


def _cut(details: Details) -> Cut:
    bare = details.sleeve in ("none", "strap")
    fitted = 0.14 if details.item.bottom == "skirt" else 0.05
    return Cut(
        neck={"boat": 0.58, "lapel": 0.3, "turtle": 0.3}.get(details.neck, 0.38),
        shoulder=0.66 if bare else 0.97,
        shoulder_y=0.16 if bare else 0.26,
        chest=details.width,
        waist=details.width * (1 - fitted),
        hem=details.width * (1 + details.flare),
        length=details.length,
    )


def _side(cut: Cut, bottom: str) -> Points:
    """The right edge from the armpit down to the middle of the lower edge."""
    chest, length = cut.chest, cut.length
    if bottom == "crotch":
        return joined(
            curve((chest, 0.95), (cut.waist, 1.5), (chest * 0.97, length - 0.72)),
            curve((chest * 0.97, length - 0.72), (0.52, length - 0.45), (0.3, length - 0.02), (0, length)),
        )
    if bottom == "legs":
        return joined(
            curve((chest, 0.95), (cut.waist, 1.5), (chest, 2.3), (chest * 0.95, length)),
            curve((chest * 0.36, length + 0.03), (0.12, 2.75), (0.0, 2.62)),
        )
    if bottom == "skirt":
        return joined(
            curve(
                (chest, 0.95),
                (cut.waist * 0.93, 1.6),
                (cut.waist, 1.85),
                (cut.hem * 1.02, length * 0.8),
                (cut.hem, length),
            ),
            curve((cut.hem, length), (cut.hem * 0.5, length + 0.12), (0, length + 0.15)),
        )
    return joined(
        curve((chest, 0.95), (cut.waist, 1.6), (cut.hem, length)),
        curve((cut.hem, length), (cut.hem * 0.5, length + 0.04), (0, length + 0.05)),
    )


def _armhole(cut: Cut, sleeve: str) -> Points:
    """The right edge from the neck over the shoulder to the armpit."""
    if sleeve == "strap":
        return points((0.46, 0.0), (0.54, 0.0), (0.56, 0.55), (cut.chest * 0.8, 0.78), (cut.chest, 0.95))
    bend = cut.shoulder * (0.96 if sleeve == "none" else 0.94)
    return joined(points((cut.neck, 0.0)), curve((cut.shoulder, cut.shoulder_y), (bend, 0.6), (cut.chest, 0.95)))


def _body(sketch: Sketch, details: Details, cut: Cut) -> None:
    neckline = collars.neckline(details.neck, cut.neck, details.sleeve)
    half = joined(_armhole(cut, details.sleeve), _side(cut, details.item.bottom))
    sketch.part(joined(flipped(neckline)[::-1], neckline, half, flipped(half)[::-1]), lift=0.35)
    if details.sleeve in SLEEVE_LENGTHS:
        sketch.strokes(curve((cut.shoulder, cut.shoulder_y), (cut.shoulder * 0.94, 0.6), (cut.chest, 0.95)), 0.022)
    else:
        sketch.strokes(_armhole(cut, details.sleeve)[1:] * (0.95, 1.0), 0.016, alpha=70)
    _lower_edge(sketch, details, cut)


def _lower_edge(sketch: Sketch, details: Details, cut: Cut) -> None:
    if details.item.bottom == "skirt":
        sketch.stroke(points((-cut.waist * 0.93, 1.66), (0, 1.72), (cut.waist * 0.93, 1.66)), 0.025, alpha=110)
        for i in range(-3, 4):
            x = i / 3.5
            sketch.stroke(curve((x * cut.waist * 0.85, 1.75), (x * cut.hem * 0.9, cut.length - 0.1)), 0.03, alpha=26)
    elif details.item.bottom == "crotch":
        for x in (-0.17, 0.0, 0.17):
            sketch.dot(x, cut.length - 0.1, 0.035, METAL)
        edge = curve((cut.chest * 0.94, cut.length - 0.68), (0.5, cut.length - 0.42), (0.27, cut.length - 0.03))
        sketch.strokes(edge, 0.05, alpha=50)
    elif details.item.bottom == "legs":
        cuff = points((cut.chest * 0.95, cut.length), (cut.chest * 0.36, cut.length + 0.03))
        sketch.pair(ribbon(cuff, 0.24), "trim")
        sketch.stroke(points((0, 2.3), (0, 2.62)), 0.02)
    elif details.trim == "rib":
        _rib_band(sketch, cut)
    else:
        sketch.stitch(curve((-cut.hem, cut.length - 0.1), (0, cut.length - 0.05), (cut.hem, cut.length - 0.1)))


def _rib_band(sketch: Sketch, cut: Cut) -> None:
    """The elastic band along the hem: narrower than the body, with fine ribs."""
    top_y, low = cut.length - 0.02, cut.length + 0.26
    half = points((cut.hem * 0.97, top_y), (cut.hem * 0.9, low), (0, low + 0.05))
    sketch.part(mirrored(half), "trim", lift=0.2)
    for i in range(-12, 13):
        x = i / 13 * cut.hem * 0.92
        sketch.stroke(points((x, top_y + 0.03), (x * 0.96, low)), 0.02, alpha=45)


def _sleeve(sketch: Sketch, details: Details, cut: Cut, side: int, angle: float) -> None:
    length = SLEEVE_LENGTHS[details.sleeve]
    wide = {"short": 0.64, "three_quarter": 0.42, "long": 0.34}[details.sleeve] * details.width
    along, across = (math.sin(angle), math.cos(angle)), (math.cos(angle), -math.sin(angle))
    end = ((cut.shoulder + cut.chest) / 2 + along[0] * length, 0.55 + along[1] * length)
    outer = (end[0] + across[0] * wide / 2, end[1] + across[1] * wide / 2)
    inner = (end[0] - across[0] * wide / 2, end[1] - across[1] * wide / 2)
    elbow = ((cut.shoulder + outer[0]) / 2 + 0.06, (cut.shoulder_y + outer[1]) / 2 - 0.03)
    top_edge = curve(
        (cut.shoulder - 0.1, cut.shoulder_y - 0.03), (cut.shoulder + 0.03, cut.shoulder_y + 0.03), elbow, outer
    )
    low_edge = curve(inner, ((inner[0] + cut.chest) / 2, (inner[1] + 0.95) / 2), (cut.chest - 0.06, 0.98))
    outline = joined(top_edge, low_edge, points((cut.shoulder * 0.7, 0.8)))
    turn = -math.degrees(angle)
    mirror = (float(side), 1.0)
    sketch.part(outline * mirror, "main", turn=turn * side, lift=0.2)
    _cuff(sketch, details, points(outer, inner) * mirror, points(along) * mirror)


def _cuff(sketch: Sketch, details: Details, edge: Points, along: Points) -> None:
    """The end of a sleeve: a rib band, a buttoned cuff, or a hem stitch."""
    if details.trim == "rib" and details.sleeve == "long":
        sketch.part(
            joined(edge - along * 0.02, (edge[::-1] - edge.mean(axis=0)) * 0.85 + edge.mean(axis=0) + along * 0.24),
            "trim",
        )
    elif details.neck == "shirt" and details.sleeve == "long":
        sketch.part(ribbon(edge - along * 0.1, 0.24), "main", lift=0.15)
        at = edge.mean(axis=0) - along[0] * 0.1
        sketch.dot(float(at[0]), float(at[1]), 0.035)
    elif details.contrast:
        sketch.part(ribbon(edge - along * 0.04, 0.09), "trim", lift=0.1)
    else:
        sketch.stitch(edge - along * 0.09)


def _closure(sketch: Sketch, details: Details, cut: Cut) -> None:
    start = {"lapel": 1.25, "cardigan": 1.0, "v": 0.75}.get(details.neck, 0.2)
    low = 2.3 if details.item.bottom == "legs" else cut.length + (0.24 if details.trim == "rib" else 0.0)
    if details.closure == "zip":
        sketch.part(box(-0.05, start, 0.05, low), "trim", lift=0.1)
        sketch.stroke(points((0, start), (0, low)), 0.04, METAL, 255)
        sketch.stitch(points((0, start), (0, low)), (60, 60, 64), 220, 0.03)
        sketch.part(box(-0.045, start + 0.05, 0.045, start + 0.2), METAL)
    elif details.closure == "buttons":
        sketch.stroke(points((0.1, start), (0.1, low)), 0.02, alpha=110)
        sketch.stroke(points((-0.1, start), (-0.1, low)), 0.012, alpha=60)
        count = 2 if details.neck == "lapel" else 6
        reach = 0.55 if details.neck == "lapel" else low - start - 0.3
        for i in range(count):
            sketch.dot(0, start + 0.12 + reach * i / max(1, count - 1), 0.045, _button(details))


def _button(details: Details) -> tuple[int, int, int]:
    return METAL if details.texture == "denim" else (58, 50, 46) if details.neck in ("lapel", "cardigan") else LIGHT


def _pockets(sketch: Sketch, details: Details, cut: Cut) -> None:
    low = min(cut.length, 2.5)
    if details.pocket in ("chest", "chests"):
        pocket = joined(box(0.25, 0.85, 0.65, 1.2)[:3], points((0.45, 1.3), (0.25, 1.2)))
        (sketch.pair if details.pocket == "chests" else sketch.part)(pocket, "main", lift=0.25)
        sketch.stroke(points((0.25, 0.9), (0.65, 0.9)), 0.02)
    elif details.pocket == "kangaroo":
        half = points((0.42, low - 0.85), (0.7, low - 0.35), (0.7, low - 0.05), (0, low - 0.05))
        sketch.part(mirrored(half), "main", lift=0.35)
        sketch.strokes(half[:2], 0.03, alpha=130)
    elif details.pocket == "slant":
        sketch.strokes(points((0.5, low - 0.85), (0.66, low - 0.3)), 0.045, alpha=150)
        sketch.strokes(points((0.53, low - 0.85), (0.69, low - 0.3)), 0.015, LIGHT, 60)
    elif details.pocket in ("flaps", "patch"):
        if details.pocket == "patch":
            sketch.pair(box(0.25, low - 0.7, 0.75, low - 0.12), lift=0.2)
        sketch.pair(box(0.3, low - 0.75, 0.76, low - 0.57), lift=0.35)


def _hanger(sketch: Sketch, cut: Cut) -> None:
    """A coat hanger whose hook goes up out of the neck."""
    wood = (70, 62, 58)
    sketch.stroke(points((0, 0.0), (0, -0.42)), 0.03, METAL, 255)
    sketch.stroke(curve((0, -0.42), (0.12, -0.52), (0.06, -0.68), (-0.08, -0.62)), 0.03, METAL, 255)
    sketch.stroke(curve((-cut.shoulder * 0.9, 0.2), (0, -0.04), (cut.shoulder * 0.9, 0.2)), 0.09, wood, 255)
