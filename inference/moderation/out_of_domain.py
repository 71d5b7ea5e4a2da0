"""Whether a photo shows clothes at all, whatever the text says.

A small trunk beside the dual encoder's own: the encoder has learned to tell clothes from clothes, and sees a bottle as
some garment or other. It reads pixels that the dual encoder's rule has prepared and knows no text and no threshold.
"""

from __future__ import annotations

from pathlib import Path
from typing import cast

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional
from transformers import ResNetConfig, ResNetModel

FILE = "foreign.safetensors"
SIZE = 128
WIDTHS, DEPTHS = (48, 96, 192, 384), (2, 2, 2, 1)


class OutOfDomainDetector(nn.Module):
    """A slim ResNet and one logit: positive where a photo shows no clothes."""

    def __init__(self) -> None:
        super().__init__()
        config = ResNetConfig(
            hidden_sizes=list(WIDTHS), depths=list(DEPTHS), embedding_size=WIDTHS[0], layer_type="basic"
        )
        self.trunk = ResNetModel(config)
        self.head = nn.Linear(WIDTHS[-1], 1)

    @classmethod
    def load(cls, folder: Path) -> OutOfDomainDetector | None:
        """The detector of a dual encoder's folder; None where it has none."""
        path = folder / FILE
        if not path.is_file():
            return None
        detector = cls()
        missing, unexpected = detector.load_state_dict({n: w.float() for n, w in load_file(path).items()}, strict=False)
        if unexpected or any(not name.endswith("num_batches_tracked") for name in missing):
            raise ValueError(f"{path}: weights do not fit: {missing + unexpected}")
        return detector.eval()

    def features(self, pixels: Tensor) -> Tensor:
        """(photos, 3, height, width) → (photos, WIDTHS[-1])."""
        return cast(Tensor, self.trunk(pixels).pooler_output).flatten(1)

    def forward(self, pixels: Tensor) -> Tensor:
        """(photos, 3, height, width) → logits (photos,)."""
        return cast(Tensor, self.head(self.features(pixels)))[:, 0]

    @torch.inference_mode()
    def judge(self, pixels: Tensor) -> Tensor:
        """The log-odds that each photo shows no clothes, (photos,); pixels as the dual encoder's rule makes them."""
        if not len(pixels):
            return torch.zeros(0)
        small = functional.interpolate(pixels, SIZE, mode="bilinear", antialias=True, align_corners=False)
        return cast(Tensor, self(small))
