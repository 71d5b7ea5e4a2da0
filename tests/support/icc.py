"""ICC profiles of version 2, built from their numbers."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import numpy as np

Chromaticity = tuple[float, float]

D50 = np.array([0.9642, 1.0, 0.8249])
D65_WHITE: Chromaticity = (0.3127, 0.329)
D50_WHITE: Chromaticity = (0.3457, 0.3585)
BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])

# Red, green, blue and white in CIE xy, and gamma.
SPACES: dict[str, tuple[Chromaticity, Chromaticity, Chromaticity, Chromaticity, float]] = {
    "srgb": ((0.64, 0.33), (0.3, 0.6), (0.15, 0.06), D65_WHITE, 2.2),
    "p3": ((0.68, 0.32), (0.265, 0.69), (0.15, 0.06), D65_WHITE, 2.2),
    "adobe": ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06), D65_WHITE, 2.199),
    "prophoto": ((0.7347, 0.2653), (0.1596, 0.8404), (0.0366, 0.0001), D50_WHITE, 1.8),
    "rec2020": ((0.708, 0.292), (0.17, 0.797), (0.131, 0.046), D65_WHITE, 2.4),
    "linear": ((0.64, 0.33), (0.3, 0.6), (0.15, 0.06), D65_WHITE, 1.0),
}


def make_rgb_profile(space: str) -> bytes:
    """Return the matrix profile of one of `SPACES`."""
    *primaries, white, gamma = SPACES[space]
    to_xyz = np.array([_to_xyz(primary) for primary in primaries]).T
    to_xyz = to_xyz * np.linalg.solve(to_xyz, _to_xyz(white))
    cones = BRADFORD @ np.array([D50, _to_xyz(white)]).T
    adapt = np.linalg.inv(BRADFORD) @ np.diag(cones[:, 0] / cones[:, 1]) @ BRADFORD
    columns = (adapt @ to_xyz).T
    tags = {b"wtpt": _make_xyz(D50)}
    for name, column in zip((b"r", b"g", b"b"), columns, strict=True):
        tags |= {name + b"XYZ": _make_xyz(column), name + b"TRC": _make_curve(gamma)}
    return _make_profile(b"RGB ", b"XYZ ", b"mntr", tags)


def make_grey_profile(gamma: float) -> bytes:
    """Return a profile of grey levels."""
    return _make_profile(b"GRAY", b"XYZ ", b"mntr", {b"wtpt": _make_xyz(D50), b"kTRC": _make_curve(gamma)})


def make_cmyk_profile(inks: Sequence[tuple[float, float, float]]) -> bytes:
    """Return a profile of four inks from the Lab colours of cyan, magenta, yellow and black on white paper.

    Inks on top of each other mix as filters do.
    """
    paper = np.array([100.0, 0.0, 0.0])
    nodes = []
    for index in range(16):
        used = [ink for bit, ink in zip((8, 4, 2, 1), inks, strict=True) if index & bit]
        light = np.prod([ink[0] / 100 for ink in used]) * 100 if used else paper[0]
        tint = np.sum([ink[1:] for ink in used], axis=0) * light / 100 if used else paper[1:]
        nodes += [round(light * 2.55), *(int(np.clip(round(value + 128), 0, 255)) for value in tint)]
    identity = bytes(range(256))
    header = b"mft1" + bytes(4) + bytes((4, 3, 2, 0)) + struct.pack(">9i", 65536, 0, 0, 0, 65536, 0, 0, 0, 65536)
    table = header + identity * 4 + bytes(nodes) + identity * 3
    return _make_profile(b"CMYK", b"Lab ", b"prtr", {b"wtpt": _make_xyz(D50), b"A2B0": table, b"A2B1": table})


def _to_xyz(chromaticity: Chromaticity) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    x, y = chromaticity
    return np.array([x / y, 1.0, (1 - x - y) / y])


def _make_xyz(values: Sequence[float] | np.ndarray[tuple[int], np.dtype[np.float64]]) -> bytes:
    return b"XYZ " + bytes(4) + struct.pack(">3i", *(round(float(value) * 65536) for value in values))


def _make_curve(gamma: float) -> bytes:
    return b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256)) + bytes(2)


def _make_profile(space: bytes, connection: bytes, device: bytes, tags: dict[bytes, bytes]) -> bytes:
    tags = {b"desc": b"desc" + bytes(4) + struct.pack(">I", 5) + b"test\0" + bytes(78), **tags}
    table, body, start = b"", b"", 128 + 4 + 12 * len(tags)
    for name, value in tags.items():
        table += name + struct.pack(">II", start + len(body), len(value))
        body += value + bytes(-len(value) % 4)
    size = start + len(body)
    header = struct.pack(">I4sI", size, b"lcms", 0x02400000) + device + space + connection
    header += struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp" + bytes(28)
    header += struct.pack(">3i", *(round(value * 65536) for value in D50)) + bytes(48)
    return header[:128] + struct.pack(">I", len(tags)) + table + body
