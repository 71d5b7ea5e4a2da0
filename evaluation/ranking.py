"""How well two kinds of scores are told apart."""

from __future__ import annotations

import torch
from torch import Tensor


def roc_auc(right: Tensor, wrong: Tensor) -> float:
    """The chance that a right pair scores higher than a wrong one, (n,) and (m,); ties count half."""
    ordered = wrong.sort().values.contiguous()
    right = right.contiguous()
    below = torch.searchsorted(ordered, right) + torch.searchsorted(ordered, right, right=True)
    return float(below.double().mean() / 2 / len(ordered))
