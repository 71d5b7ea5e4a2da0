"""Necks of tops: what is seen behind the body, where the neckline runs, and the collar laid over it."""

from __future__ import annotations

from collections.abc import Callable

from training.drawings.outlines import Points, box, curve, flipped, joined, mirrored, points, ribbon
from training.drawings.sketch import LIGHT, Sketch

DEPTHS = {"round": 0.3, "boat": 0.16, "v": 0.85, "tank": 0.55, "strap": 0.62, "lapel": 1.25, "cardigan": 1.0,
          "shirt": 0.24, "polo": 0.34, "envelope": 0.28, "hood": 0.3, "stand": 0.16, "turtle": 0.1}  # fmt: skip


def neckline(neck: str, width: float, sleeve: str) -> Points:
    """The right half of the front neckline, from the middle of the chest up to the shoulder."""
    depth = DEPTHS[neck]
    if sleeve == "strap":
        return curve((0, 0.6), (0.3, 0.56), (0.46, 0.5), (0.46, 0.0))
    if neck in ("v", "lapel", "cardigan"):
        return points((0, depth), (width * 0.55, depth * 0.42), (width, 0))
    return curve((0, depth), (width * 0.62, depth * 0.78), (width, 0))


def behind(sketch: Sketch, neck: str, width: float) -> None:
    """The back of the neck and whatever rises behind it."""
    if neck == "hood":
        half = curve((0, -1.02), (0.42, -0.92), (0.62, -0.5), (0.56, -0.05), (width, 0.25), (0, 0.3))
        sketch.part(mirrored(half), "main", roundness=0.8)
        inner = curve((0, -0.82), (0.3, -0.72), (0.4, -0.35), (0.32, 0.1), (0, 0.32))
        sketch.part(mirrored(inner), "inside", roundness=1.0)
    elif neck == "turtle":
        sketch.part(mirrored(joined(points((0.3, -0.36), (0.36, 0.12)), points((0, 0.2)))), "inside")
    elif neck not in ("tank", "strap"):
        back = joined(curve((width, 0), (width * 0.6, 0.02), (0, 0.08)), points((0, DEPTHS[neck] + 0.06)))
        front = joined(points((0, DEPTHS[neck] + 0.05)), points((width, 0.02)))
        sketch.part(joined(flipped(back[::-1]), back, front, flipped(front)[::-1]), "inside", roundness=0.9)
        sketch.part(box(-0.08, 0.1, 0.08, 0.17), LIGHT, lift=0.1)
    else:
        sketch.part(mirrored(joined(curve((width, 0.02), (0, 0.3)), points((0, 0.6), (width, 0.5)))), "inside")


def front(sketch: Sketch, neck: str, width: float, fill: str) -> None:
    """The collar itself."""
    COLLARS[neck](sketch, width, fill)


def _band(neck: str) -> Callable[[Sketch, float, str], None]:
    def draw(sketch: Sketch, width: float, fill: str) -> None:
        half = neckline(neck, width, "short")
        sketch.part(ribbon(joined(flipped(half)[::-1], half), 0.1), fill, lift=0.15)

    return draw


def _edge(neck: str) -> Callable[[Sketch, float, str], None]:
    def draw(sketch: Sketch, width: float, fill: str) -> None:
        half = neckline(neck, width, "strap" if neck == "strap" else "none")
        sketch.strokes(half + (0.0, 0.05), 0.018, alpha=90)

    return draw


def _flaps(sketch: Sketch, width: float, fill: str) -> None:
    """A turned-down shirt collar."""
    flap = joined(curve((0.02, 0.26), (0.2, 0.1), (width - 0.04, -0.1)), points((width + 0.12, 0.02), (0.36, 0.5)))
    sketch.part(mirrored(curve((width - 0.06, -0.1), (0, -0.12), (0, -0.04))), fill, lift=0.1)
    sketch.pair(flap, fill, turn=-35, lift=0.5)
    sketch.strokes(points((0.05, 0.27), (0.345, 0.45), (width + 0.08, 0.03)), 0.012, alpha=70)


def _polo(sketch: Sketch, width: float, fill: str) -> None:
    sketch.part(box(-0.1, 0.3, 0.1, 0.98), "main", lift=0.3)
    sketch.dot(0, 0.55, 0.04)
    sketch.dot(0, 0.82, 0.04)
    _flaps(sketch, width, fill)


def _stand(sketch: Sketch, width: float, fill: str) -> None:
    half = curve((0.0, -0.16), (0.26, -0.22), (0.35, -0.28), (0.42, 0.05), (0.26, 0.2), (0.0, 0.26))
    sketch.part(mirrored(joined(points((0, -0.2)), curve((0.2, -0.26), (0.34, -0.28)), points((0, -0.1)))), "inside")
    sketch.part(mirrored(half), fill, lift=0.4)
    sketch.stroke(points((0, -0.16), (0, 0.26)), 0.03, alpha=150)


def _turtle(sketch: Sketch, width: float, fill: str) -> None:
    half = curve((0, -0.3), (0.3, -0.38), (0.36, -0.05), (0.4, 0.12), (0, 0.24))
    sketch.part(mirrored(half), fill, lift=0.4)
    for i in range(-5, 6):
        sketch.stroke(points((i * 0.055, -0.3), (i * 0.066, 0.18)), 0.018, alpha=45)


def _hood(sketch: Sketch, width: float, fill: str) -> None:
    edge = curve((0.0, 0.42), (0.26, 0.3), (0.42, 0.02), (0.46, -0.4))
    sketch.pair(ribbon(edge, (0.05, 0.16, 0.2, 0.08)), "main", lift=0.4)
    sketch.strokes(curve((0.14, 0.36), (0.17, 0.7), (0.15, 1.0)), 0.035, LIGHT, 230)


def _lapel(sketch: Sketch, width: float, fill: str) -> None:
    flap = points(
        (0.02, 1.27), (width * 0.75, 0.25), (width, -0.06), (0.52, 0.12), (0.66, 0.44), (0.5, 0.5), (0.6, 0.66)
    )
    sketch.pair(flap, fill, turn=-20, lift=0.6)
    sketch.strokes(points((0.5, 0.5), (0.3, 0.36)), 0.02, alpha=130)


def _cardigan(sketch: Sketch, width: float, fill: str) -> None:
    half = neckline("cardigan", width, "long")
    sketch.pair(ribbon(half, 0.13), fill, lift=0.3)
    sketch.part(box(-0.09, 0.98, 0.09, 2.7), fill, lift=0.2)


def _envelope(sketch: Sketch, width: float, fill: str) -> None:
    """The overlapping shoulders of a baby's bodysuit."""
    _band("round")(sketch, width, fill)
    sketch.strokes(curve((width, 0.02), (0.7, 0.3), (0.95, 0.55)), 0.03, alpha=110)


COLLARS: dict[str, Callable[[Sketch, float, str], None]] = {
    "round": _band("round"), "boat": _band("boat"), "v": _band("v"), "tank": _band("tank"), "strap": _edge("strap"),
    "shirt": _flaps, "polo": _polo, "stand": _stand, "turtle": _turtle, "hood": _hood, "lapel": _lapel,
    "cardigan": _cardigan, "envelope": _envelope,
}  # fmt: skip
