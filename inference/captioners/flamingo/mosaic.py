"""MPT-1B, the base of OpenFlamingo-3B: an MPT with normalized queries and keys.

`transformers` reads MPT's setting `qk_ln` but does not apply it. Sources: "MosaicGPT" in mosaicml/examples at f037b514;
Henry et al., 2020, for the normalization.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

import torch
from torch import Tensor, nn
from transformers import MptConfig, MptForCausalLM
from transformers.models.mpt.modeling_mpt import MptBlock


class QKNormProjection(nn.Module):
    """Fused projection to queries, keys and values, the first two normalized over their whole width."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, 3 * width, bias=False)
        self.q_ln = nn.LayerNorm(width, bias=False)
        self.k_ln = nn.LayerNorm(width, bias=False)

    def forward(self, hidden: Tensor) -> Tensor:
        """(rows, length, width) → (rows, length, 3 × width)."""
        queries, keys, values = self.linear(hidden).chunk(3, -1)
        return torch.cat((self.q_ln(queries), self.k_ln(keys), values), -1)


class QKNormMptForCausalLM(MptForCausalLM):
    """An MPT with a `QKNormProjection` in each of its layers."""

    def __init__(self, config: MptConfig) -> None:
        super().__init__(config)
        for block in cast(Iterable[MptBlock], self.transformer.blocks):
            block.attn.add_module("Wqkv", QKNormProjection(config.hidden_size))
        self.post_init()  # type: ignore[no-untyped-call]
