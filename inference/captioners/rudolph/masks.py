"""Attention masks of ruDOLPH: causal everywhere, and sparse among the cells of the image.

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
    """Return the pattern of a layer: row, column, row, neighbourhood and so on; the last layer has its own.

    A last layer whose turn is the column keeps it, as in ai-forever/ru-dolph.
    """
    if layer % 4 == 1:
        return "column"
    if layer == layers - 1:
        return "last"
    return "neighbourhood" if layer % 4 == 3 else "row"


def build_mask(left: int, side: int, right: int, name: Pattern, kernel: int) -> Tensor:
    """Build a mask (length, length) bool, True where the position of the row attends to that of the column.

    left, right: tokens of the texts around the `side` × `side` cells of the image. kernel: edge in cells of the window
    in the patterns `neighbourhood` and `last`.
    """
    cells = side**2
    positions = torch.arange(left + cells + right)
    causal = positions[:, None] >= positions
    is_cell = (positions >= left) & (positions < left + cells)
    is_near = _PATTERNS[name](positions - left, side, kernel // 2)
    return causal & (is_near | ~(is_cell[:, None] & is_cell))


def _row(cell: Tensor, side: int, reach: int) -> Tensor:
    # Not the row of the image: the preceding `side` cells, whichever row they are in.
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
