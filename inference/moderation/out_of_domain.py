"""Detect photos that show no clothes at all, whatever the text says.

A small ResNet beside the dual encoder's own: the encoder has learned to tell clothes from clothes, and takes a bottle
for some garment or other. It gets pixels that the dual encoder's rule has prepared and knows no text and no threshold.
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
INPUT_SIZE = 128
WIDTHS, DEPTHS = (48, 96, 192, 384), (2, 2, 2, 1)


class OutOfDomainDetector(nn.Module):
    """A narrow ResNet with one logit, positive where a photo shows no clothes."""

    def __init__(self) -> None:
        super().__init__()
        config = ResNetConfig(
            hidden_sizes=list(WIDTHS), depths=list(DEPTHS), embedding_size=WIDTHS[0], layer_type="basic"
        )
        self.trunk = ResNetModel(config)
        self.head = nn.Linear(WIDTHS[-1], 1)

    @classmethod
    def load(cls, folder: Path) -> OutOfDomainDetector | None:
        """Load the detector in a dual encoder's folder, None without one. Raises `ValueError` for unfit weights."""
        path = folder / FILE
        if not path.is_file():
            return None
        detector = cls()
        missing, unexpected = detector.load_state_dict({n: w.float() for n, w in load_file(path).items()}, strict=False)
        if unexpected or any(not name.endswith("num_batches_tracked") for name in missing):
            raise ValueError(f"{path}: weights do not fit: {missing + unexpected}")
        return detector.eval()

    def extract_features(self, pixels: Tensor) -> Tensor:
        """Return features (photos, WIDTHS[-1]) of pixels (photos, 3, height, width) float32."""
        return cast(Tensor, self.trunk(pixels).pooler_output).flatten(1)

    def forward(self, pixels: Tensor) -> Tensor:
        """Return logits (photos,) of pixels (photos, 3, height, width) float32."""
        return cast(Tensor, self.head(self.extract_features(pixels)))[:, 0]

    @torch.inference_mode()
    def predict(self, pixels: Tensor) -> Tensor:
        """Return the log-odds (photos,) that each photo shows no clothes.

        pixels: (photos, 3, height, width) float32, normalized as for the dual encoder; resized to `INPUT_SIZE` here.
        """
        if not len(pixels):
            return torch.zeros(0)
        resized = functional.interpolate(pixels, INPUT_SIZE, mode="bilinear", antialias=True, align_corners=False)
        return cast(Tensor, self(resized))
