"""Necks of tops: what is seen behind the body, where the neckline runs, and the collar laid over it."""

from __future__ import annotations

from collections.abc import Callable

from training.drawings.outlines import Points, box, curve, flip, join, mirror, move, points, ribbon
from training.drawings.sketch import LIGHT, Sketch

Collar = Callable[[Sketch, float, str], None]
DEPTHS = {"round": 0.3, "boat": 0.16, "v": 0.85, "tank": 0.55, "strap": 0.62, "lapel": 1.25, "cardigan": 1.0,
          "shirt": 0.24, "polo": 0.34, "envelope": 0.28, "hood": 0.3, "stand": 0.16, "turtle": 0.1}  # fmt: skip


def opening(neck: str) -> float:
    """Return where a zip or a row of buttons starts, in units below the shoulder."""
    return DEPTHS[neck] if neck in ("v", "lapel", "cardigan") else 0.22


def neckline(neck: str, width: float) -> Points:
    """The right half of the front neckline, from the middle of the chest up to the shoulder or the strap."""
    depth = DEPTHS[neck]
    if neck == "strap":
        return curve((0, depth), (0.3, 0.57), (0.5, 0.48))
    if neck in ("v", "lapel", "cardigan"):
        return points((0, depth), (width * 0.55, depth * 0.42), (width, 0))
    return curve((0, depth), (width * 0.62, depth * 0.78), (width, 0))


def behind(sketch: Sketch, neck: str, width: float) -> None:
    """The back of the neck and whatever rises behind it."""
    if neck == "hood":
        _hood_back(sketch, width)
    elif neck == "strap":
        sketch.pair(ribbon(curve((0.53, 0.6), (0.5, 0.2), (0.44, 0.02)), 0.07), "inside")
        sketch.part(mirror(curve((0, 0.56), (0.4, 0.5), (0.5, 0.6), (0, 0.7))), "inside")
    elif neck == "turtle":
        sketch.part(mirror(points((0, -0.36), (0.3, -0.36), (0.36, 0.12), (0, 0.2))), "inside")
    else:
        back = 0.28 if neck == "tank" else 0.08
        rear = curve((0, back), (width * 0.6, back * 0.4), (width, 0))
        half = join(rear, move(neckline(neck, width)[::-1], 0, 0.05))
        sketch.part(mirror(half), "inside", roundness=0.9)
        sketch.part(box(-0.08, back + 0.03, 0.08, back + 0.1), LIGHT, lift=0.1)


def _hood_back(sketch: Sketch, width: float) -> None:
    half = curve((0, -1.02), (0.42, -0.92), (0.62, -0.5), (0.56, -0.05), (width, 0.25), (0, 0.3))
    sketch.part(mirror(half), roundness=0.8)
    inner = curve((0, -0.82), (0.3, -0.72), (0.4, -0.35), (0.32, 0.1), (0, 0.32))
    sketch.part(mirror(inner), "inside", roundness=1.0)


def front(sketch: Sketch, neck: str, width: float, fill: str) -> None:
    """The collar itself."""
    COLLARS[neck](sketch, width, fill)


def _band(neck: str) -> Collar:
    def draw(sketch: Sketch, width: float, _fill: str) -> None:
        half = neckline(neck, width)
        sketch.part(ribbon(join(flip(half)[::-1], half[1:]), 0.1), "trim", lift=0.15)

    return draw


def _straps(sketch: Sketch, _width: float, fill: str) -> None:
    sketch.pair(ribbon(points((0.53, 0.56), (0.45, 0.0)), 0.075), fill, lift=0.3)
    half = neckline("strap", 0.0)
    sketch.part(ribbon(join(flip(half)[::-1], half[1:]), 0.06), fill, lift=0.1)


def _flaps(sketch: Sketch, width: float, fill: str) -> None:
    """A turned-down shirt collar."""
    flap = join(curve((0.02, 0.26), (0.2, 0.1), (width - 0.04, -0.1)), points((width + 0.12, 0.02), (0.36, 0.5)))
    sketch.part(mirror(curve((0, -0.12), (width - 0.06, -0.1), (0.2, 0.0), (0, 0.02))), fill, lift=0.1)
    sketch.pair(flap, fill, turn=-35, lift=0.6)
    sketch.strokes(points((0.05, 0.27), (0.345, 0.45), (width + 0.08, 0.03)), 0.012, alpha=70)


def _polo(sketch: Sketch, width: float, fill: str) -> None:
    sketch.part(box(-0.1, 0.3, 0.1, 0.98), lift=0.35)
    sketch.dot(0, 0.6, 0.04)
    sketch.dot(0, 0.85, 0.04)
    _flaps(sketch, width, fill)


def _stand(sketch: Sketch, _width: float, fill: str) -> None:
    sketch.part(mirror(curve((0, -0.24), (0.2, -0.27), (0.36, -0.28), (0.3, -0.1), (0, 0.0))), "inside")
    half = curve((0, -0.14), (0.26, -0.2), (0.37, -0.28), (0.43, 0.05), (0.26, 0.2), (0, 0.26))
    sketch.part(mirror(half), fill, lift=0.5)
    sketch.stroke(points((0, -0.14), (0, 0.26)), 0.03, alpha=150)


def _turtle(sketch: Sketch, _width: float, fill: str) -> None:
    sketch.part(mirror(curve((0, -0.3), (0.3, -0.38), (0.36, -0.05), (0.42, 0.12), (0, 0.24))), fill, lift=0.5)
    for i in range(-6, 7):
        sketch.stroke(points((i * 0.048, -0.3), (i * 0.06, 0.17)), 0.018, alpha=50)


def _hood(sketch: Sketch, _width: float, _fill: str) -> None:
    edge = curve((0.0, 0.42), (0.26, 0.3), (0.42, 0.02), (0.46, -0.4))
    sketch.pair(ribbon(edge, (0.05, 0.16, 0.2, 0.08)), lift=0.4)
    sketch.strokes(curve((0.14, 0.36), (0.17, 0.7), (0.15, 1.0)), 0.035, LIGHT, 230)


def _lapel(sketch: Sketch, width: float, fill: str) -> None:
    lower = points((0.02, 1.27), (0.26, 0.5), (0.42, 0.34), (0.64, 0.52), (0.6, 0.66))
    upper = points((0.3, 0.46), (width * 0.95, -0.1), (width + 0.14, 0.02), (0.62, 0.3), (0.44, 0.4))
    sketch.pair(lower, fill, turn=-20, lift=0.7)
    sketch.part(mirror(curve((0, -0.06), (width, -0.1), (width * 0.7, 0.06), (0, 0.08))), fill, lift=0.2)
    sketch.pair(upper, fill, turn=-40, lift=0.6)


def _cardigan(sketch: Sketch, width: float, fill: str) -> None:
    sketch.pair(ribbon(neckline("cardigan", width), 0.14), fill, lift=0.3)


def _envelope(sketch: Sketch, width: float, fill: str) -> None:
    """The overlapping shoulders of a baby's bodysuit."""
    _band("envelope")(sketch, width, fill)
    sketch.strokes(curve((width, 0.02), (0.68, 0.3), (0.92, 0.55)), 0.03, alpha=120)
    sketch.strokes(move(curve((width, 0.02), (0.68, 0.3), (0.92, 0.55)), 0, 0.04), 0.015, LIGHT, 60)


COLLARS: dict[str, Collar] = {
    "round": _band("round"), "boat": _band("boat"), "v": _band("v"), "tank": _band("tank"), "strap": _straps,
    "shirt": _flaps, "polo": _polo, "stand": _stand, "turtle": _turtle, "hood": _hood, "lapel": _lapel,
    "cardigan": _cardigan, "envelope": _envelope,
}  # fmt: skip
