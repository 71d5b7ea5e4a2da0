"""Rank statistics of two sets of scores."""

from __future__ import annotations

import torch
from torch import Tensor


def roc_auc(right: Tensor, wrong: Tensor) -> float:
    """Return the probability that a right pair scores higher than a wrong one; ties count half. Inputs: (n,) and
    (m,).
    """
    ordered = wrong.sort().values.contiguous()
    right = right.contiguous()
    below = torch.searchsorted(ordered, right) + torch.searchsorted(ordered, right, right=True)
    return float(below.double().mean() / 2 / len(ordered))
