"""The image encoder of ruDALL-E and ruDOLPH: a photo becomes a grid of codes, one for every 8 × 8 pixels.

Source: the convolutional encoder of "Taming Transformers for High-Resolution Image Synthesis" (Esser et al., 2021) with
a Gumbel quantiser, SberVQGAN f8 of ai-forever/ru-dalle. Captioning does not need its decoder. Parameters keep their
published names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional

GROUPS = 32  # of every norm in taming-transformers; shapes do not show it


@dataclass(frozen=True, slots=True)
class VqganConfig:
    """Sizes of the encoder, named as in `config.json`.

    width: channels of the first level; multipliers: of the width, one per level, each with half the resolution of the
    one before; blocks: per level; attending: levels with attention; channels: of the output; codes: codebook size.
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
    """A residual block: two convolutions, each behind group norm and SiLU."""

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
        """Return (images, after, height, width) of `x` (images, before, height, width)."""
        h = self.conv1(functional.silu(self.norm1(x)))
        h = self.conv2(functional.silu(self.norm2(h)))
        output: Tensor = h + (self.nin_shortcut(x) if self.widens else x)
        return output


class AttentionBlock(nn.Module):
    """Self-attention over all cells with one head."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = _norm(width)
        self.q, self.k, self.v, self.proj_out = (nn.Conv2d(width, width, 1) for _ in range(4))

    def forward(self, x: Tensor) -> Tensor:
        """Return (images, channels, height, width) of `x` of the same shape."""
        normed = self.norm(x)
        query, key, value = (part(normed).flatten(2).transpose(1, 2) for part in (self.q, self.k, self.v))
        attended = functional.scaled_dot_product_attention(query, key, value)
        added: Tensor = x + self.proj_out(attended.transpose(1, 2).unflatten(2, x.shape[2:]))
        return added


class Downsample(nn.Module):
    """A convolution of stride 2, padded below and on the right only, as in taming-transformers."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        """Return (images, channels, height / 2, width / 2) of `x` (images, channels, height, width)."""
        halved: Tensor = self.conv(functional.pad(x, (0, 1, 0, 1)))
        return halved


class Level(nn.Module):
    """The blocks of one resolution."""

    def __init__(self, before: int, after: int, blocks: int, *, attends: bool, last: bool) -> None:
        super().__init__()
        self.block = nn.ModuleList(ResidualBlock(before if number == 0 else after, after) for number in range(blocks))
        self.attn = nn.ModuleList(AttentionBlock(after) for _ in range(blocks if attends else 0))
        self.downsample = nn.Identity() if last else Downsample(after)

    def forward(self, x: Tensor) -> Tensor:
        """Return float features (images, after, height / 2, width / 2) of `x`, or full resolution in the last level."""
        for number, block in enumerate(self.block):
            x = block(x)
            if len(self.attn):
                x = self.attn[number](x)
        halved: Tensor = self.downsample(x)
        return halved


class Middle(nn.Module):
    """Residual block, attention, residual block."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.block_1 = ResidualBlock(width, width)
        self.attn_1 = AttentionBlock(width)
        self.block_2 = ResidualBlock(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Return (images, channels, height, width) of `x` of the same shape."""
        mixed: Tensor = self.block_2(self.attn_1(self.block_1(x)))
        return mixed


class Encoder(nn.Module):
    """The convolutional encoder."""

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
        """Return features (images, channels, height / stride, width / stride) of pixels in [-1, 1]."""
        x = self.conv_in(x)
        for level in self.down:
            x = level(x)
        features: Tensor = self.conv_out(functional.silu(self.norm_out(self.mid(x))))
        return features


class GumbelQuantizer(nn.Module):
    """The projection of features to codebook logits."""

    def __init__(self, config: VqganConfig) -> None:
        super().__init__()
        self.proj = nn.Conv2d(config.channels, config.codes, 1)


class Vqgan(nn.Module):
    """Pixels to codes."""

    def __init__(self, config: VqganConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder(config)
        self.quant_conv = nn.Conv2d(config.channels, config.channels, 1)
        self.quantize = GumbelQuantizer(config)

    def forward(self, pixels: Tensor) -> Tensor:
        """Return the likeliest codes (images, cells), row by row, of pixels (images, 3, height, width) in [0, 1]."""
        logits = self.quantize.proj(self.quant_conv(self.encoder(2 * pixels - 1)))
        codes: Tensor = logits.argmax(1).flatten(1)
        return codes


def infer_config(shapes: Mapping[str, Sequence[int]]) -> VqganConfig:
    """Infer the sizes of an encoder from the shapes of its published weights. Raises `KeyError` for a missing one."""
    width = shapes["encoder.conv_in.weight"][0]
    levels = 1 + max(int(name.split(".")[2]) for name in shapes if name.startswith("encoder.down."))
    blocks = sum(name.startswith("encoder.down.0.block.") and name.endswith("conv1.weight") for name in shapes)
    return VqganConfig(
        width=width,
        multipliers=tuple(shapes[f"encoder.down.{level}.block.0.conv1.weight"][0] // width for level in range(levels)),
        blocks=blocks,
        attending=tuple(level for level in range(levels) if f"encoder.down.{level}.attn.0.q.weight" in shapes),
        channels=shapes["encoder.conv_out.weight"][0],
        codes=shapes["quantize.proj.weight"][0],
    )


def preprocess(images: Sequence[Image.Image], edge: int) -> Tensor:
    """Return pixels (images, 3, edge, edge) float32 in [0, 1] of the central square of each image."""
    squares = np.stack([np.asarray(_crop_square(image.convert("RGB"), edge)) for image in images])
    return torch.from_numpy(squares).permute(0, 3, 1, 2).contiguous().float() / 255


def _crop_square(image: Image.Image, edge: int) -> Image.Image:
    short = min(image.size)
    left, top = (image.width - short) // 2, (image.height - short) // 2
    square = image.crop((left, top, left + short, top + short))
    return square.resize((edge, edge), Image.Resampling.BILINEAR)


def _norm(width: int) -> nn.GroupNorm:
    return nn.GroupNorm(GROUPS, width, eps=1e-6)
