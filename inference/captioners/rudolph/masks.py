"""Which earlier places each place of ruDOLPH's sequence sees: all of them, but for image cells among themselves.

Source: "Generating Long Sequences with Sparse Transformers" (Child et al., 2019) and the layer plan of DALL-E (Ramesh
et al., 2021), as ai-forever/ru-dolph uses them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

import torch
from torch import Tensor

Pattern = Literal["row", "column", "neighbourhood", "last"]


def choose_pattern(layer: int, layers: int) -> Pattern:
    """The pattern of a layer: row, column, row, neighbourhood and again; the last layer has one of its own.

    A last layer whose turn is the column keeps it, as in the original.
    """
    if layer % 4 == 1:
        return "column"
    if layer == layers - 1:
        return "last"
    return "neighbourhood" if layer % 4 == 3 else "row"


def build_mask(left: int, side: int, right: int, name: Pattern, kernel: int) -> Tensor:
    """(length, length) bool: whether the place of a row sees the place of a column.

    left, right: tokens of the texts on both sides of the `side` × `side` cells of the image. kernel: the edge of the
    square that a cell sees in the patterns `neighbourhood` and `last`.
    """
    cells = side**2
    places = torch.arange(left + cells + right)
    causal = places[:, None] >= places
    is_cell = (places >= left) & (places < left + cells)
    seen = _PATTERNS[name](places - left, side, kernel // 2)
    return causal & (seen | ~(is_cell[:, None] & is_cell))


def _row(cell: Tensor, side: int, reach: int) -> Tensor:
    """As many cells back as a row is long."""
    return cell[:, None] - cell <= side


def _column(cell: Tensor, side: int, reach: int) -> Tensor:
    return (cell[:, None] - cell) % side == 0


def _neighbourhood(cell: Tensor, side: int, reach: int) -> Tensor:
    row, column = cell // side, cell % side
    return ((row[:, None] - row).abs() <= reach) & ((column[:, None] - column).abs() <= reach)


_PATTERNS: Mapping[Pattern, Callable[[Tensor, int, int], Tensor]] = {
    "row": _row,
    "column": _column,
    "neighbourhood": _neighbourhood,
    "last": _neighbourhood,
}
