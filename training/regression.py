"""Logistic regression on sparse features by full-batch L-BFGS: deterministic, without a learning rate."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Sparse:
    """A sparse matrix of `shape`: values at (row, column), ordered by row."""

    rows: Tensor
    columns: Tensor
    values: Tensor
    shape: tuple[int, int]

    def bind_matvec(self) -> Callable[[Tensor], Tensor]:
        """Return a function that multiplies the matrix with a vector (shape[1],) → (shape[0],)."""
        starts = torch.searchsorted(self.rows.contiguous(), torch.arange(self.shape[0] + 1))
        with warnings.catch_warnings():  # PyTorch warns on first use of sparse CSR
            warnings.filterwarnings("ignore", "Sparse CSR tensor support is in beta")
            matrix = torch.sparse_csr_tensor(starts, self.columns, self.values, self.shape, check_invariants=True)
        return lambda vector: matrix @ vector

    def transpose(self) -> Sparse:
        """Return the transposed matrix."""
        order = self.columns.argsort(stable=True)
        shape = (self.shape[1], self.shape[0])
        return Sparse(self.columns[order], self.rows[order], self.values[order], shape)


def fit(features: Sparse, truth: Tensor, importance: Tensor, freedom: float, steps: int) -> tuple[Tensor, Tensor]:
    """Fit a weighted logistic regression and return its weights (columns,) and bias (1,), float32.

    Minimises `freedom` times the sum of the losses, each times its importance, plus half the squared norm of the
    weights.
    truth: (rows,) in {0, 1}; importance: (rows,).
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
