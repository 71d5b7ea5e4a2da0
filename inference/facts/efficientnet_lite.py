"""EfficientNet-Lite, the variant of EfficientNet without squeeze-and-excitation that is fast on a CPU.

The layers and names of the weights follow Google's `efficientnet/lite` (EfficientNet, Tan & Le, 2019) as far as the
public ImageNet weights need them: ReLU6, "same" padding as TensorFlow counts it, stem and head of fixed width.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from torch import Tensor, nn

PIXEL_MEAN: Final = 127.0
PIXEL_STD: Final = 128.0

_BN_EPS: Final = 1e-3
_BN_MOMENTUM: Final = 0.01
_STEM: Final = 32
_HEAD: Final = 1280
# repeats, kernel size, stride, expansion, output channels
_STAGES: Final = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)


@dataclass(frozen=True, slots=True)
class EfficientNetLiteConfig:
    """Multipliers of width and depth: (1.0, 1.0) is Lite0, (1.0, 1.1) Lite1, (1.1, 1.2) Lite2."""

    width: float = 1.0
    depth: float = 1.0


class EfficientNetLite(nn.Module):
    """The trunk without its classifier: pixels (batch, 3, height, width) → features (batch, 1280, height/32, width/32).

    Pixels are (value - `PIXEL_MEAN`) / `PIXEL_STD` of RGB values in [0, 255].
    """

    hidden_size: Final = _HEAD

    def __init__(self, config: EfficientNetLiteConfig) -> None:
        super().__init__()
        self.stem = _conv(3, _STEM, 3, 2)
        self.blocks = nn.Sequential(*_build_blocks(config))
        self.head = _conv(_round_channels(320, config.width), _HEAD, 1, 1)

    def forward(self, pixels: Tensor) -> Tensor:
        """Return features (batch, 1280, height/32, width/32) float32 of pixels (batch, 3, height, width)."""
        features: Tensor = self.head(self.blocks(self.stem(pixels)))
        return features


class _Block(nn.Module):
    """Inverted residual: expand, filter each channel, project; the input is added where shapes allow."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        width = inputs * expansion
        self.expand = _conv(inputs, width, 1, 1) if expansion > 1 else nn.Identity()
        self.depthwise = _conv(width, width, kernel, stride, groups=width)
        self.project = nn.Sequential(
            nn.Conv2d(width, outputs, 1, bias=False), nn.BatchNorm2d(outputs, _BN_EPS, _BN_MOMENTUM)
        )
        self.is_residual = stride == 1 and inputs == outputs

    def forward(self, inputs: Tensor) -> Tensor:
        """Map features (batch, channels, height, width) to those of the next block; a stride halves both sides."""
        outputs: Tensor = self.project(self.depthwise(self.expand(inputs)))
        return inputs + outputs if self.is_residual else outputs


class _SamePad(nn.Module):
    """Pad as TensorFlow's "same" does: with stride 2 the odd pixel goes to the right and the bottom."""

    def __init__(self, kernel: int, stride: int) -> None:
        super().__init__()
        self.kernel, self.stride = kernel, stride

    def forward(self, inputs: Tensor) -> Tensor:
        """Pad the last two dimensions of (batch, channels, height, width) with zeros, the odd one behind."""
        pads = [self._pad(size) for size in reversed(inputs.shape[-2:])]
        return nn.functional.pad(inputs, [side for pad in pads for side in (pad // 2, pad - pad // 2)])

    def _pad(self, size: int) -> int:
        return max(0, (math.ceil(size / self.stride) - 1) * self.stride + self.kernel - size)


def _conv(inputs: int, outputs: int, kernel: int, stride: int, groups: int = 1) -> nn.Sequential:
    pad = _SamePad(kernel, stride) if stride > 1 else nn.Identity()
    padding = 0 if stride > 1 else kernel // 2
    conv = nn.Conv2d(inputs, outputs, kernel, stride, padding, groups=groups, bias=False)
    return nn.Sequential(pad, conv, nn.BatchNorm2d(outputs, _BN_EPS, _BN_MOMENTUM), nn.ReLU6(inplace=True))


def _build_blocks(config: EfficientNetLiteConfig) -> list[nn.Module]:
    blocks: list[nn.Module] = []
    inputs = _STEM
    for number, (repeats, kernel, stride, expansion, channels) in enumerate(_STAGES):
        is_fixed = number in (0, len(_STAGES) - 1)  # Lite keeps the depth of the first and the last stage
        outputs = _round_channels(channels, config.width)
        for repeat in range(repeats if is_fixed else math.ceil(repeats * config.depth)):
            blocks.append(_Block(inputs, outputs, kernel, stride if repeat == 0 else 1, expansion))
            inputs = outputs
    return blocks


def _round_channels(channels: int, width: float) -> int:
    """Scale channels to a multiple of 8, never by more than 10 % downwards."""
    scaled = channels * width
    rounded = max(8, int(scaled + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * scaled else rounded


def convert_state_dict(published: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the weights of `efficientnet_lite_pytorch` under the names of `EfficientNetLite`.

    published: the package's state dict of float32 tensors; its classifier `_fc` is left out.
    """
    parts = {
        "_expand_conv": "expand.1",
        "_bn0": "expand.2",
        "_depthwise_conv": "depthwise.1",
        "_bn1": "depthwise.2",
        "_project_conv": "project.0",
        "_bn2": "project.1",
    }
    heads = {"_conv_stem": "stem.1", "_bn0": "stem.2", "_conv_head": "head.1", "_bn1": "head.2"}
    converted: dict[str, Tensor] = {}
    for name, tensor in published.items():
        first, _, rest = name.partition(".")
        if first == "_blocks":
            block, part, leaf = rest.split(".", 2)
            converted[f"blocks.{block}.{parts[part]}.{leaf}"] = tensor
        elif first in heads:
            converted[f"{heads[first]}.{rest}"] = tensor
    return converted
