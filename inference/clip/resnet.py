"""The residual networks of OpenAI's CLIP, which `transformers` lacks: RN50, RN101, RN50x4, RN50x16, RN50x64.

A ResNet with a stem of three convolutions, average pooling before strided convolutions, and attention pooling at the
end. Source: "Learning transferable visual models from natural language supervision" (Radford et al., 2021), section
2.4; openai/CLIP at d05afc4, whose weight names are kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import PretrainedConfig
from transformers.modeling_outputs import BaseModelOutputWithPooling

GROWTH: Final = 4  # output channels of a block per inner channel
REDUCTION: Final = 32  # pixels along an edge per cell of the last stage


class Bottleneck(nn.Module):
    """1 × 1, 3 × 3 and 1 × 1 convolutions with a residual connection."""

    def __init__(self, channels: int, inner: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, inner, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(inner)
        self.conv2 = nn.Conv2d(inner, inner, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(inner)
        self.conv3 = nn.Conv2d(inner, GROWTH * inner, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(GROWTH * inner)
        self.shrink = nn.AvgPool2d(stride) if stride > 1 else nn.Identity()
        self.downsample: nn.Sequential | None = None
        if stride > 1 or channels != GROWTH * inner:
            self.downsample = nn.Sequential(
                nn.Conv2d(channels, GROWTH * inner, 1, bias=False), nn.BatchNorm2d(GROWTH * inner)
            )

    def forward(self, x: Tensor) -> Tensor:
        """(photos, channels, edge, edge) → (photos, GROWTH · inner, edge / stride, edge / stride)."""
        around = x if self.downsample is None else self.downsample(self.shrink(x))
        x = functional.relu(self.bn1(self.conv1(x)))
        x = functional.relu(self.bn2(self.conv2(x)))
        return functional.relu(self.bn3(self.conv3(self.shrink(x))) + around)


class AttentionPool2d(nn.Module):
    """Attention from the mean of all cells to the cells and itself."""

    def __init__(self, cells: int, width: int, heads: int, dim: int) -> None:
        super().__init__()
        self.heads = heads
        self.positional_embedding = nn.Parameter(torch.randn(cells + 1, width) / width**0.5)
        self.q_proj = nn.Linear(width, width)
        self.k_proj = nn.Linear(width, width)
        self.v_proj = nn.Linear(width, width)
        self.c_proj = nn.Linear(width, dim)

    def forward(self, x: Tensor) -> Tensor:
        """(photos, width, edge, edge) → (photos, dim)."""
        cells = x.flatten(2).transpose(1, 2)
        cells = torch.cat((cells.mean(1, keepdim=True), cells), 1) + self.positional_embedding
        query, key, value = (
            self._split(part) for part in (self.q_proj(cells[:, :1]), self.k_proj(cells), self.v_proj(cells))
        )
        attended = functional.scaled_dot_product_attention(query, key, value)
        pooled: Tensor = self.c_proj(attended.flatten(1))
        return pooled

    def _split(self, x: Tensor) -> Tensor:
        """(photos, cells, width) → (photos, heads, cells, width / heads)."""
        split: Tensor = x.unflatten(-1, (self.heads, -1)).transpose(1, 2)
        return split


class ModifiedResNet(nn.Module):
    """Residual trunk with attention pooling."""

    def __init__(self, stages: Sequence[int], config: PretrainedConfig) -> None:
        super().__init__()
        width = config.hidden_size // (8 * GROWTH)
        self.conv1 = nn.Conv2d(3, width // 2, 3, stride=2, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width // 2)
        self.conv2 = nn.Conv2d(width // 2, width // 2, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width // 2)
        self.conv3 = nn.Conv2d(width // 2, width, 3, padding=1, bias=False)
        self.bn3 = nn.BatchNorm2d(width)
        channels = width
        for number, blocks in enumerate(stages):
            inner, stride = width << number, 2 if number else 1
            later = (Bottleneck(GROWTH * inner, inner, 1) for _ in range(1, blocks))
            self.add_module(f"layer{number + 1}", nn.Sequential(Bottleneck(channels, inner, stride), *later))
            channels = GROWTH * inner
        cells = (config.image_size // REDUCTION) ** 2
        self.attnpool = AttentionPool2d(cells, channels, config.num_attention_heads, config.projection_dim)

    def forward(self, pixel_values: Tensor, **_: object) -> BaseModelOutputWithPooling:
        """Encode pixels, (photos, 3, size, size).

        Returns `last_hidden_state`, (photos, width, edge, edge), and `pooler_output`, (photos, dim), comparable with
        texts.
        """
        x = functional.relu(self.bn1(self.conv1(pixel_values)))
        x = functional.relu(self.bn2(self.conv2(x)))
        x = functional.avg_pool2d(functional.relu(self.bn3(self.conv3(x))), 2)
        for number in range(1, 5):
            x = self.get_submodule(f"layer{number}")(x)
        return BaseModelOutputWithPooling(last_hidden_state=x, pooler_output=self.attnpool(x))
