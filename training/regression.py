"""Logistic regression on sparse features, all at once: no steps, no chance, the same weights every time."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Sparse:
    """The values at (row, column) of a matrix of `shape`, in the order of rows."""

    rows: Tensor
    columns: Tensor
    values: Tensor
    shape: tuple[int, int]

    def bind_matvec(self) -> Callable[[Tensor], Tensor]:
        """The product with a vector of `shape[1]` numbers."""
        starts = torch.searchsorted(self.rows.contiguous(), torch.arange(self.shape[0] + 1))
        with warnings.catch_warnings():  # said once by PyTorch, whatever is done with them
            warnings.filterwarnings("ignore", "Sparse CSR tensor support is in beta")
            matrix = torch.sparse_csr_tensor(starts, self.columns, self.values, self.shape, check_invariants=True)
        return lambda vector: matrix @ vector

    def transpose(self) -> Sparse:
        """Rows as columns and columns as rows."""
        order = self.columns.argsort(stable=True)
        shape = (self.shape[1], self.shape[0])
        return Sparse(self.columns[order], self.rows[order], self.values[order], shape)


def fit(features: Sparse, truth: Tensor, importance: Tensor, freedom: float, steps: int) -> tuple[Tensor, Tensor]:
    """Weights (columns,) and constant () that tell rows of `truth` 1 from 0.

    They minimise `freedom` times the sum of the losses, each times its importance, plus half the squared weights.
    """
    times, back = features.bind_matvec(), features.transpose().bind_matvec()
    weights, constant = torch.zeros(features.shape[1]), torch.zeros(1)
    optimizer = torch.optim.LBFGS(
        (weights, constant), max_iter=steps, history_size=10, line_search_fn="strong_wolfe", tolerance_change=1e-7
    )

    def loss() -> Tensor:
        logits = times(weights) + constant
        wrong = freedom * importance * (logits.sigmoid() - truth)
        weights.grad, constant.grad = back(wrong) + weights, wrong.sum()[None]
        losses = torch.nn.functional.binary_cross_entropy_with_logits(logits, truth, reduction="none")
        return freedom * (importance * losses).sum() + weights.square().sum() / 2

    optimizer.step(loss)
    return weights, constant[0]
