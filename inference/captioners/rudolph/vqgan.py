"""The image's encoder of ruDALL-E and ruDOLPH: a photo becomes a grid of codes, one for every 8 × 8 pixels.

Source: the convolutional encoder of "Taming Transformers for High-Resolution Image Synthesis" (Esser et al., 2021) with
a Gumbel quantiser, SberVQGAN f8 of ai-forever/ru-dalle. The decoder is not needed to describe. The weights keep the
names that they were published with.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional

GROUPS = 32


@dataclass(frozen=True, slots=True)
class VqganConfig:
    """Sizes of the encoder.

    width: channels of the first level; multipliers: of each level, which halves the edge of the one before; blocks: of
    a level; attending: levels with attention; channels: of the encoder's result; codes: of the quantiser.
    """

    width: int = 128
    multipliers: tuple[int, ...] = (1, 1, 2, 4)
    blocks: int = 2
    attending: tuple[int, ...] = (3,)
    channels: int = 256
    codes: int = 8192

    @property
    def stride(self) -> int:
        """Edge of a cell in pixels."""
        return 1 << (len(self.multipliers) - 1)


class ResidualBlock(nn.Module):
    """Two convolutions behind group norms, added to what came in."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.norm1 = _norm(before)
        self.conv1 = nn.Conv2d(before, after, 3, padding=1)
        self.norm2 = _norm(after)
        self.conv2 = nn.Conv2d(after, after, 3, padding=1)
        if before != after:
            self.nin_shortcut = nn.Conv2d(before, after, 1)
        self.widens = before != after

    def forward(self, x: Tensor) -> Tensor:
        """(images, before, height, width) → (images, after, height, width)."""
        h = self.conv1(functional.silu(self.norm1(x)))
        h = self.conv2(functional.silu(self.norm2(h)))
        added: Tensor = h + (self.nin_shortcut(x) if self.widens else x)
        return added


class AttentionBlock(nn.Module):
    """Every cell looks at every other, with one head."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = _norm(width)
        self.q, self.k, self.v, self.proj_out = (nn.Conv2d(width, width, 1) for _ in range(4))

    def forward(self, x: Tensor) -> Tensor:
        """(images, width, height, width of the image) → the same."""
        normed = self.norm(x)
        query, key, value = (part(normed).flatten(2).transpose(1, 2) for part in (self.q, self.k, self.v))
        attended = functional.scaled_dot_product_attention(query, key, value)
        added: Tensor = x + self.proj_out(attended.transpose(1, 2).unflatten(2, x.shape[2:]))
        return added


class Downsample(nn.Module):
    """Half the edge; the image is padded below and on the right only."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        """(images, width, 2 · height, 2 · width of the image) → (images, width, height, width of the image)."""
        halved: Tensor = self.conv(functional.pad(x, (0, 1, 0, 1)))
        return halved


class Level(nn.Module):
    """The blocks of one size of the image."""

    def __init__(self, before: int, after: int, blocks: int, *, attends: bool, last: bool) -> None:
        super().__init__()
        self.block = nn.ModuleList(ResidualBlock(before if number == 0 else after, after) for number in range(blocks))
        self.attn = nn.ModuleList(AttentionBlock(after) for _ in range(blocks if attends else 0))
        self.downsample = nn.Identity() if last else Downsample(after)

    def forward(self, x: Tensor) -> Tensor:
        """(images, before, height, width) → (images, after, height, width), halved but in the last level."""
        for number, block in enumerate(self.block):
            x = block(x)
            if len(self.attn):
                x = self.attn[number](x)
        halved: Tensor = self.downsample(x)
        return halved


class Middle(nn.Module):
    """Block, attention, block."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.block_1, self.attn_1, self.block_2 = (
            ResidualBlock(width, width),
            AttentionBlock(width),
            ResidualBlock(width, width),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(images, width, height, width of the image) → the same."""
        mixed: Tensor = self.block_2(self.attn_1(self.block_1(x)))
        return mixed


class Encoder(nn.Module):
    """Pixels to features."""

    def __init__(self, config: VqganConfig) -> None:
        super().__init__()
        widths = [config.width, *(config.width * multiplier for multiplier in config.multipliers)]
        last = len(config.multipliers) - 1
        self.conv_in = nn.Conv2d(3, config.width, 3, padding=1)
        self.down = nn.ModuleList(
            Level(widths[n], widths[n + 1], config.blocks, attends=n in config.attending, last=n == last)
            for n in range(last + 1)
        )
        self.mid = Middle(widths[-1])
        self.norm_out = _norm(widths[-1])
        self.conv_out = nn.Conv2d(widths[-1], config.channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(images, 3, height, width) in [-1, 1] → (images, channels, height / stride, width / stride)."""
        x = self.conv_in(x)
        for level in self.down:
            x = level(x)
        features: Tensor = self.conv_out(functional.silu(self.norm_out(self.mid(x))))
        return features


class GumbelQuantizer(nn.Module):
    """Features to the scores of the codes."""

    def __init__(self, config: VqganConfig) -> None:
        super().__init__()
        self.proj = nn.Conv2d(config.channels, config.codes, 1)


class Vqgan(nn.Module):
    """Photos to codes."""

    def __init__(self, config: VqganConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder(config)
        self.quant_conv = nn.Conv2d(config.channels, config.channels, 1)
        self.quantize = GumbelQuantizer(config)

    def forward(self, pixels: Tensor) -> Tensor:
        """(images, 3, height, width) in [0, 1] → the likeliest code of each cell, row by row, (images, cells) ids."""
        scores = self.quantize.proj(self.quant_conv(self.encoder(2 * pixels - 1)))
        codes: Tensor = scores.argmax(1).flatten(1)
        return codes


def infer_config(shapes: Mapping[str, Sequence[int]]) -> VqganConfig:
    """The sizes of an encoder from the shapes of its published weights. Raises `KeyError` when one is missing."""
    width = shapes["encoder.conv_in.weight"][0]
    levels = 1 + max(int(name.split(".")[2]) for name in shapes if name.startswith("encoder.down."))
    blocks = sum(name.startswith("encoder.down.0.block.") and name.endswith("conv1.weight") for name in shapes)
    return VqganConfig(
        width,
        tuple(shapes[f"encoder.down.{level}.block.0.conv1.weight"][0] // width for level in range(levels)),
        blocks,
        tuple(level for level in range(levels) if f"encoder.down.{level}.attn.0.q.weight" in shapes),
        shapes["encoder.conv_out.weight"][0],
        shapes["quantize.proj.weight"][0],
    )


def preprocess(images: Sequence[Image.Image], edge: int) -> Tensor:
    """RGB images → (images, 3, edge, edge) in [0, 1]: the square in the middle, scaled bilinearly."""
    squares = np.stack([np.asarray(_crop_square(image.convert("RGB"), edge)) for image in images])
    return torch.from_numpy(squares).permute(0, 3, 1, 2).contiguous().float() / 255


def _crop_square(image: Image.Image, edge: int) -> Image.Image:
    short = min(image.size)
    left, top = (image.width - short) // 2, (image.height - short) // 2
    square = image.crop((left, top, left + short, top + short))
    return square.resize((edge, edge), Image.Resampling.BILINEAR)


def _norm(width: int) -> nn.GroupNorm:
    return nn.GroupNorm(GROUPS, width, eps=1e-6)
