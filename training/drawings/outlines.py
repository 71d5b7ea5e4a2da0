"""Outlines as arrays of points: smooth curves, mirrored silhouettes, ribbons and ellipses, in garment units."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
Pair = tuple[float, float] | Points  # a point: (x, y), or an array of shape (2,)


def points(*pairs: Pair) -> Points:
    """An array of shape (n, 2) from (x, y) pairs; y grows downwards."""
    return np.array(pairs, dtype=np.float64)


def join(*pieces: Points) -> Points:
    """One path out of several, end to end."""
    return np.concatenate(pieces)


def curve(*pairs: Pair, steps: int = 7) -> Points:
    """A Catmull-Rom curve through all pairs, `steps` points a span, both ends included."""
    knots = points(pairs[0], *pairs, pairs[-1])
    t = np.linspace(0, 1, steps, endpoint=False)[:, None]
    spans = [_span(knots[i : i + 4], t) for i in range(len(knots) - 3)]
    return join(*spans, knots[-1:])


def _span(k: Points, t: Points) -> Points:
    """The part of a Catmull-Rom curve between the second and the third of four knots."""
    a, b, c, d = k
    span: Points = (
        b + (c - a) * t / 2 + (a - 2.5 * b + 2 * c - d / 2) * t**2 + (1.5 * b - a / 2 - 1.5 * c + d / 2) * t**3
    )
    return span


def flip(path: Points) -> Points:
    """The path seen in a mirror that stands on x = 0."""
    return path * (-1.0, 1.0)


def mirror(half: Points) -> Points:
    """A closed symmetric outline from its right half, given from the top to the bottom."""
    return join(half, flip(half)[::-1])


def move(path: Points, dx: float, dy: float) -> Points:
    """The path shifted."""
    return np.asarray(path + np.array([dx, dy]))


def ribbon(centre: Points, widths: Sequence[float] | float) -> Points:
    """A closed band along a path; `widths` are full widths, spread evenly along it."""
    ends = np.atleast_1d(np.asarray(widths, dtype=np.float64))
    wide = np.interp(np.linspace(0, 1, len(centre)), np.linspace(0, 1, len(ends)), ends)
    along = np.gradient(centre, axis=0)
    normal = np.stack([-along[:, 1], along[:, 0]], axis=1)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True) + 1e-9
    side = normal * wide[:, None] / 2
    return join(centre + side, (centre - side)[::-1])


def ellipse(x: float, y: float, rx: float, ry: float, start: float = 0, end: float = 360) -> Points:
    """An arc around (x, y); angles in degrees, clockwise on the screen from three o'clock."""
    angles = np.radians(np.linspace(start, end, max(8, int(abs(end - start) / 12))))
    return np.stack([x + rx * np.cos(angles), y + ry * np.sin(angles)], axis=1)


def box(left: float, top: float, right: float, bottom: float) -> Points:
    """A rectangle."""
    return points((left, top), (right, top), (right, bottom), (left, bottom))


def star(x: float, y: float, radius: float, inner: float = 0.4, rays: int = 5) -> Points:
    """A star; `inner` is the share of the radius where two rays meet."""
    turn = [math.pi * i / rays - math.pi / 2 for i in range(2 * rays)]
    reach = [radius * (inner if i % 2 else 1) for i in range(2 * rays)]
    return points(*((x + r * math.cos(a), y + r * math.sin(a)) for a, r in zip(turn, reach, strict=True)))
