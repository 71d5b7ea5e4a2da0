"""Tests that the logistic regression finds its minimum."""

from __future__ import annotations

import torch

from training.regression import Sparse, fit


def drawn() -> tuple[Sparse, torch.Tensor, torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    dense = torch.randn(200, 8) * (torch.rand(200, 8) < 0.5)
    truth = (dense @ torch.randn(8) + 0.7 * torch.randn(200) > 0.3).float()
    rows, columns = dense.nonzero().T
    return Sparse(rows, columns, dense[rows, columns], (200, 8)), dense, truth, torch.rand(200)


def test_the_slope_at_the_answer_is_flat() -> None:
    features, dense, truth, importance = drawn()
    weights, constant = fit(features, truth, importance, freedom=5.0, steps=200)
    wrong = 5.0 * importance * ((dense @ weights + constant).sigmoid() - truth)
    torch.testing.assert_close(dense.T @ wrong + weights, torch.zeros(8), atol=0.02, rtol=0)
    assert abs(float(wrong.sum())) < 0.02


def test_more_freedom_means_larger_weights() -> None:
    features, _, truth, importance = drawn()
    sizes = [float(fit(features, truth, importance, freedom, 100)[0].norm()) for freedom in (0.01, 1.0, 100.0)]
    assert sizes == sorted(sizes)
    assert sizes[0] < 0.5 * sizes[2]


def test_a_turned_matrix_is_the_transposed_one() -> None:
    features, dense, _, _ = drawn()
    torch.testing.assert_close(features.bind_matvec()(torch.arange(8.0)), dense @ torch.arange(8.0))
    weights = torch.linspace(0, 1, 200)
    torch.testing.assert_close(features.transpose().bind_matvec()(weights), dense.T @ weights)
