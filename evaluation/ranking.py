"""Rank statistics of two sets of scores."""

from __future__ import annotations

import torch
from torch import Tensor


def roc_auc(right: Tensor, wrong: Tensor) -> float:
    """Return the ROC AUC in [0, 1] of scores (n,) of right and (m,) of wrong pairs; ties count half."""
    # `searchsorted` warns of tensors that are not contiguous.
    ordered = wrong.sort().values.contiguous()
    right = right.contiguous()
    below = torch.searchsorted(ordered, right) + torch.searchsorted(ordered, right, right=True)
    return float(below.double().mean() / 2 / len(ordered))
