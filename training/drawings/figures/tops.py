"""Everything worn on the upper body, from a strappy top to a snowsuit, as a sketch. One unit is half a chest width."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

import numpy as np

from training.drawings.figures import collars
from training.drawings.garments import RGB, Details
from training.drawings.outlines import Points, box, curve, flip, join, mirror, move, points, ribbon
from training.drawings.sketch import LIGHT, Appearance, Sketch

METAL = (176, 178, 182)
SLEEVE_LENGTHS = {"short": 0.8, "three_quarter": 1.55, "long": 2.3}
SLEEVE_WIDTHS = {"short": 0.72, "three_quarter": 0.5, "long": 0.42}
RIB = 0.26


@dataclass(frozen=True, slots=True)
class Cut:
    """The measures that all pieces of a top share."""

    neck: float
    shoulder: float
    shoulder_y: float
    chest: float
    waist: float
    hem: float
    length: float
    armpit: float = 1.0


def top(appearance: Appearance) -> Sketch:
    """A sketch of a top, dress, jacket, bodysuit or overall."""
    details, cut, sketch = appearance.details, _cut(appearance.details), Sketch()
    if appearance.hanging:
        _hanger(sketch, cut)
    collars.behind(sketch, details.neck, cut.neck)
    if details.sleeve in SLEEVE_LENGTHS:
        for side in (1.0, -1.0):
            _sleeve(sketch, details, cut, _arm(appearance.pose, appearance.hanging), side)
    _body(sketch, details, cut)
    _lower_edge(sketch, details, cut)
    _closure(sketch, details, cut)
    POCKETS.get(details.pocket, _no_pocket)(sketch, min(cut.length, 2.7))
    collars.front(sketch, details.neck, cut.neck, "second" if details.contrast else "main")
    return sketch


def _arm(pose: random.Random, hanging: bool) -> tuple[float, float]:
    """Return the angles of upper arm and forearm from straight down, in radians."""
    upper = math.radians(pose.uniform(7, 12) if hanging else pose.uniform(10, 38))
    return upper, upper + (0.0 if hanging else pose.gauss(-0.05, 0.16))


def _cut(details: Details) -> Cut:
    width = details.width
    bare = details.sleeve in ("none", "strap")
    fitted = 0.14 if details.item.bottom == "skirt" else 0.05
    return Cut(
        neck={"boat": 0.58, "lapel": 0.3, "turtle": 0.3}.get(details.neck, 0.38),
        shoulder=0.7 * width if bare else 0.96 * width,
        shoulder_y=0.15 if bare else 0.27,
        chest=width,
        waist=width * (1 - fitted),
        hem=width * (1 + details.flare),
        length=details.length,
    )


def _side(cut: Cut, bottom: str) -> Points:
    """The right edge from the armpit down to the middle of the lower edge."""
    chest, waist, hem, length = cut.chest, cut.waist, cut.hem, cut.length
    pit = (chest, cut.armpit)
    if bottom == "crotch":
        low = (chest * 0.97, length - 0.75)
        return join(curve(pit, (waist, 1.6), low), curve(low, (0.52, length - 0.45), (0.3, length), (0, length + 0.02)))
    if bottom == "legs":
        leg = curve(pit, (waist, 1.6), (chest, 2.4), (chest * 0.95, length))
        return join(leg, curve((chest * 0.34, length + 0.03), (0.12, 2.85), (0.0, 2.72)))
    if bottom == "skirt":
        skirt = curve(pit, (waist * 0.93, 1.65), (waist, 1.9), (hem * 0.97, length * 0.85), (hem, length))
        return join(skirt, curve((hem, length), (hem * 0.5, length + 0.12), (0, length + 0.15)))
    return join(
        curve(pit, (waist, 1.7), (hem, length)), curve((hem, length), (hem * 0.5, length + 0.04), (0, length + 0.05))
    )


def _armhole(cut: Cut, sleeve: str) -> Points:
    """The right edge from the shoulder, or from the top of the strap, to the armpit."""
    if sleeve == "strap":
        return curve((0.56, 0.52), (0.62, 0.7), (cut.chest * 0.85, 0.9), (cut.chest, cut.armpit))
    bend = cut.shoulder * (0.98 if sleeve == "none" else 0.94)
    return curve((cut.shoulder, cut.shoulder_y), (bend, 0.62), (cut.chest, cut.armpit))


def _body(sketch: Sketch, details: Details, cut: Cut) -> None:
    armhole = _armhole(cut, details.sleeve)
    neckline = collars.neckline(details.neck, cut.neck)
    half = join(neckline, armhole, _side(cut, details.item.bottom))
    sketch.part(join(half, flip(half)[::-1]), lift=0.35)
    if details.sleeve in SLEEVE_LENGTHS:
        sketch.strokes(armhole, 0.022)
    else:
        sketch.strokes(armhole * (0.955, 1.0), 0.016, alpha=80)


def _lower_edge(sketch: Sketch, details: Details, cut: Cut) -> None:
    if details.item.bottom in EDGES:
        EDGES[details.item.bottom](sketch, cut)
    elif details.trim == "rib":
        _rib_band(sketch, cut)
    else:
        sketch.stitch(curve((-cut.hem, cut.length - 0.1), (0, cut.length - 0.05), (cut.hem, cut.length - 0.1)))


def _skirt_edge(sketch: Sketch, cut: Cut) -> None:
    """The waist seam of a dress, and folds that fall from it."""
    waist = curve((-cut.waist * 0.94, 1.7), (0, 1.77), (cut.waist * 0.94, 1.7))
    sketch.stroke(waist, 0.03, alpha=120)
    sketch.stroke(move(waist, 0, 0.03), 0.015, LIGHT, 50)
    for i in range(-5, 6):
        x = i / 5.6
        fold = curve(
            (x * cut.waist * 0.85, 1.8), (x * cut.hem * 0.8, cut.length * 0.75), (x * cut.hem * 0.95, cut.length)
        )
        sketch.stroke(fold, 0.05, alpha=18)
        sketch.stroke(move(fold, 0.05, 0), 0.04, LIGHT, 16)
    sketch.stitch(
        curve((-cut.hem * 0.98, cut.length - 0.1), (0, cut.length + 0.04), (cut.hem * 0.98, cut.length - 0.1))
    )


def _crotch_edge(sketch: Sketch, cut: Cut) -> None:
    """The bound leg holes of a bodysuit and its press studs."""
    edge = curve((cut.chest * 0.95, cut.length - 0.72), (0.5, cut.length - 0.43), (0.28, cut.length - 0.02))
    sketch.pair(ribbon(edge, 0.07), "trim", lift=0.1)
    for x in (-0.17, 0.0, 0.17):
        sketch.dot(x, cut.length - 0.08, 0.035, METAL)


def _leg_edge(sketch: Sketch, cut: Cut) -> None:
    """The cuffs of an overall."""
    cuff = points((cut.chest * 0.95, cut.length), (cut.chest * 0.34, cut.length + 0.03))
    sketch.pair(ribbon(cuff, 0.24), "trim")
    sketch.stroke(points((0, 2.4), (0, 2.72)), 0.025)
    sketch.stroke(curve((-cut.waist, 1.75), (0, 1.82), (cut.waist, 1.75)), 0.025, alpha=110)


EDGES = {"skirt": _skirt_edge, "crotch": _crotch_edge, "legs": _leg_edge}


def _rib_band(sketch: Sketch, cut: Cut) -> None:
    """The elastic band along the hem: narrower than the body, with fine ribs."""
    high, low = cut.length - 0.02, cut.length + RIB
    sketch.part(
        mirror(points((0, high), (cut.hem * 0.97, high), (cut.hem * 0.9, low), (0, low + 0.05))), "trim", lift=0.2
    )
    for i in range(-14, 15):
        x = i / 15 * cut.hem * 0.92
        sketch.stroke(points((x, high + 0.03), (x * 0.96, low)), 0.02, alpha=45)


def _heading(angle: float) -> Points:
    """The direction that stands `angle` radians off straight down, to the right."""
    return np.array([math.sin(angle), math.cos(angle)])


def _sleeve(sketch: Sketch, details: Details, cut: Cut, arm: tuple[float, float], side: float) -> None:
    """A sleeve in two halves that may bend at the elbow; `side` is 1 for the right one, -1 for the left one."""
    half, wide = SLEEVE_LENGTHS[details.sleeve] / 2, SLEEVE_WIDTHS[details.sleeve] * details.width / 2
    shoulder = np.array([cut.shoulder, cut.shoulder_y])
    elbow = np.array([(cut.shoulder + cut.chest) / 2, 0.62]) + _heading(arm[0]) * half
    wrist = elbow + _heading(arm[1]) * half
    at_elbow = _heading(arm[0] + math.pi / 2) * (wide + 0.31 * details.width) / 2
    at_wrist = _heading(arm[1] + math.pi / 2) * wide
    bulge = shoulder + (elbow + at_elbow - shoulder) * 0.2
    outer = curve(shoulder - (0.2, 0.09), shoulder, bulge, elbow + at_elbow, wrist + at_wrist)
    inner = curve(wrist - at_wrist, elbow - at_elbow, (cut.chest - 0.04, cut.armpit), (cut.chest - 0.3, 0.8))
    mirror = np.array([side, 1.0])
    sketch.part(join(outer, inner) * mirror, turn=-math.degrees(sum(arm) / 2) * side, lift=0.2)
    _cuff(sketch, details, join(outer[-1:], inner[:1]) * mirror, _heading(arm[1]) * mirror)


def _cuff(sketch: Sketch, details: Details, edge: Points, along: Points) -> None:
    """The end of a sleeve: a rib band, a buttoned cuff, a contrasting edge, or a hem stitch."""
    middle = edge.mean(axis=0)
    if details.trim == "rib" and details.sleeve == "long":
        sketch.part(join(edge - along * 0.02, (edge[::-1] - middle) * 0.8 + middle + along * RIB), "trim")
    elif details.neck == "shirt" and details.sleeve == "long":
        sketch.part(ribbon(edge - along * 0.1, 0.24), lift=0.15)
        sketch.dot(float(middle[0] - along[0] * 0.1), float(middle[1] - along[1] * 0.1), 0.035)
    elif details.contrast:
        sketch.part(ribbon(edge - along * 0.04, 0.1), "trim", lift=0.1)
    else:
        sketch.stitch(edge - along * 0.1)


def _closure(sketch: Sketch, details: Details, cut: Cut) -> None:
    start = collars.opening(details.neck)
    low = 2.4 if details.item.bottom == "legs" else cut.length + (RIB if details.trim == "rib" else 0.04)
    if details.closure == "zip":
        _zip(sketch, start, low)
    elif details.closure == "buttons":
        sketch.part(box(-0.1, start, 0.1, low), lift=0.2, roundness=0.2)
        _buttons(sketch, details, start, low)


def _zip(sketch: Sketch, start: float, low: float) -> None:
    sketch.part(box(-0.055, start, 0.055, low), "trim", lift=0.15)
    sketch.stroke(points((0, start), (0, low)), 0.04, METAL, 255)
    sketch.stitch(points((0, start), (0, low)), (60, 60, 64), 220, 0.03)
    sketch.part(box(-0.04, start + 0.05, 0.04, start + 0.22), METAL)


def _buttons(sketch: Sketch, details: Details, start: float, low: float) -> None:
    few = details.neck == "lapel"
    count = 2 if few else 6
    reach = 0.5 if few else low - start - 0.32
    for i in range(count):
        sketch.dot(0, start + 0.14 + reach * i / (count - 1), 0.06 if few else 0.045, _button(details))


def _button(details: Details) -> RGB:
    if details.texture == "denim":
        return METAL
    return (58, 50, 46) if details.neck in ("lapel", "cardigan") else LIGHT


def _no_pocket(sketch: Sketch, low: float) -> None:
    """Nothing: most tops have no pocket."""


def _chest_pocket(sketch: Sketch, low: float) -> None:
    sketch.part(CHEST_POCKET, lift=0.3)
    sketch.stroke(move(CHEST_POCKET[:2], 0, 0.06), 0.02)


def _chest_pockets(sketch: Sketch, low: float) -> None:
    sketch.pair(CHEST_POCKET, lift=0.3)
    sketch.strokes(move(CHEST_POCKET[:2], 0, 0.1), 0.02)


def _kangaroo(sketch: Sketch, low: float) -> None:
    half = points((0, low - 0.85), (0.42, low - 0.85), (0.7, low - 0.35), (0.7, low - 0.02), (0, low - 0.02))
    sketch.part(mirror(half), lift=0.4)
    sketch.strokes(half[1:3], 0.035, alpha=140)


def _slant(sketch: Sketch, low: float) -> None:
    sketch.strokes(points((0.52, low - 0.95), (0.68, low - 0.4)), 0.045, alpha=150)
    sketch.strokes(points((0.55, low - 0.95), (0.71, low - 0.4)), 0.015, LIGHT, 60)


def _flaps(sketch: Sketch, low: float) -> None:
    sketch.pair(box(0.28, low - 0.8, 0.76, low - 0.62), lift=0.45)


def _patches(sketch: Sketch, low: float) -> None:
    sketch.pair(box(0.25, low - 0.8, 0.75, low - 0.2), lift=0.3)
    sketch.strokes(points((0.25, low - 0.72), (0.75, low - 0.72)), 0.02)


CHEST_POCKET = points((0.25, 0.9), (0.65, 0.9), (0.65, 1.25), (0.45, 1.35), (0.25, 1.25))
POCKETS = {"chest": _chest_pocket, "chests": _chest_pockets, "kangaroo": _kangaroo, "slant": _slant, "flaps": _flaps,
           "patch": _patches}  # fmt: skip


def _hanger(sketch: Sketch, cut: Cut) -> None:
    """A coat hanger whose hook goes up out of the neck."""
    sketch.stroke(points((0, 0.0), (0, -0.42)), 0.03, METAL, 255)
    sketch.stroke(curve((0, -0.42), (0.12, -0.52), (0.06, -0.68), (-0.08, -0.62)), 0.03, METAL, 255)
    sketch.stroke(curve((-cut.shoulder * 0.9, 0.22), (0, -0.06), (cut.shoulder * 0.9, 0.22)), 0.09, (70, 62, 58), 255)
