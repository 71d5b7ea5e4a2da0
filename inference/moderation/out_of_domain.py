"""Detect photos that show no clothes at all, whatever the text says.

A small ResNet beside the dual encoder's own: the encoder has learned to tell clothes from clothes, and takes a bottle
for some garment or other. It gets pixels that the dual encoder's rule has prepared and knows no text and no threshold.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Final, cast

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional
from transformers import ResNetConfig, ResNetModel

from inference.checkpoints.weights import fill_model
from inference.facts.photos import PhotoFacts

FILE = "foreign.safetensors"
INPUT_SIZE = 128
WIDTHS, DEPTHS = (48, 96, 192, 384), (2, 2, 2, 1)
# Of photos of clothes: nats of doubt among the things that the classifier of photos knows, and its log-odds of clothes.
# The latter say much the same as those of this detector, so half of them counts.
TYPICAL_ENTROPY, TYPICAL_GARMENT_LOG_ODDS, GARMENT_WEIGHT = 1.0, 4.0, 0.5
_LEAST: Final = 1e-6  # a probability of 0 has no logarithm


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
        """Load the detector in a dual encoder's folder, None without one. Raises `UnfitWeights`."""
        path = folder / FILE
        if not path.is_file():
            return None
        detector = cls()
        fill_model(detector, {name: weight.float() for name, weight in load_file(path).items()})
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


def add_doubt(log_odds: Tensor, facts: Sequence[PhotoFacts]) -> Tensor:
    """Return log-odds (photos,) raised by the doubt of a classifier of clothes, which cannot decide what a lamp is."""
    return log_odds + torch.tensor([_measure_doubt(each) for each in facts])


def _measure_doubt(facts: PhotoFacts) -> float:
    """Return what a photo's facts add to its log-odds, about 0 for clothes."""
    entropy = -sum(value * math.log(max(value, _LEAST)) for value in facts.probabilities["item"].values())
    garment = math.log(max(facts.garment, _LEAST) / max(1 - facts.garment, _LEAST))
    return entropy - TYPICAL_ENTROPY + GARMENT_WEIGHT * (TYPICAL_GARMENT_LOG_ODDS - garment)
