"""Read facts from photos: item, colour, audience and the properties of the lexicon, each with its probability."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final, NamedTuple

import torch
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from inference.checkpoints.card import Card
from inference.clip.preprocessing import ImagePreprocessor
from inference.facts.efficientnet_lite import PIXEL_MEAN, PIXEL_STD, EfficientNetLite, EfficientNetLiteConfig

FAMILY: Final = "efficientnet-lite"
SOFTMAX_GROUPS: Final = ("item", "colour", "audience")  # exactly one value of each is right

_DROPOUT: Final = 0.2
_RGB_MAX: Final = 255
_REDUCING_GAP: Final = 3.0  # Pillow's own advice: close to the full filter, at a fraction of its time


@dataclass(frozen=True, slots=True)
class PhotoFacts:
    """Calibrated probabilities of one photo: group → value → probability in [0, 1].

    The values of each of `SOFTMAX_GROUPS` sum to 1; those of all other groups are independent of each other.
    """

    probabilities: Mapping[str, Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class PhotoClassifierConfig:
    """The contents of `config.json`.

    width, depth: multipliers of the trunk. image_size: pixels of the square that the trunk reads. labels: group →
    values in the order of the logits. temperatures: group → what its logits are divided by; 1 where nothing is said.
    """

    width: float
    depth: float
    image_size: int
    labels: Mapping[str, Sequence[str]]
    temperatures: Mapping[str, float]

    @property
    def properties(self) -> dict[str, Sequence[str]]:
        """Return the groups whose values are independent, in the order of the logits."""
        return {group: values for group, values in self.labels.items() if group not in SOFTMAX_GROUPS}


class Logits(NamedTuple):
    """Logits of a batch, each (batch, labels): of each of `SOFTMAX_GROUPS`, and of all properties side by side."""

    item: Tensor
    colour: Tensor
    audience: Tensor
    properties: Tensor


class PhotoClassifier(nn.Module):
    """EfficientNet-Lite with a linear head for each group of facts.

    The head of colours reads features pooled by attention, so that the garment counts and not the floor around it.
    """

    def __init__(self, config: PhotoClassifierConfig) -> None:
        super().__init__()
        self.config = config
        self.thresholds: Mapping[str, float] = {}  # `group.value` or `group` → probability from which it is said
        self.trunk = EfficientNetLite(EfficientNetLiteConfig(config.width, config.depth))
        size = self.trunk.hidden_size
        self.attention = nn.Linear(size, 1)
        nn.init.zeros_(self.attention.weight)  # begins as a plain average
        self.dropout = nn.Dropout(_DROPOUT)
        self.item, self.colour, self.audience = (nn.Linear(size, len(config.labels[group])) for group in SOFTMAX_GROUPS)
        self.properties = nn.Linear(size, sum(map(len, config.properties.values())))

    @classmethod
    def load(cls, card: Card) -> PhotoClassifier:
        """Load the classifier for inference, in float32, from `config.json` and `model.safetensors` of a checkpoint."""
        table: dict[str, Any] = json.loads((card.folder / "config.json").read_text("utf-8"))
        classifier = cls(PhotoClassifierConfig(**table))
        weights = load_file(card.folder / "model.safetensors")
        classifier.load_state_dict({name: weight.float() for name, weight in weights.items()})
        classifier.thresholds = dict(card.calibration)
        classifier.eval()
        _fuse_batch_norms(classifier.trunk)
        return classifier.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]

    def forward(self, pixels: Tensor) -> Logits:
        """Return the logits of a batch of pixels (batch, 3, height, width), as `EfficientNetLite` expects them."""
        features = self.trunk(pixels).flatten(2).transpose(1, 2)  # (batch, positions, channels)
        weights = self.attention(features).softmax(1)
        attended = self.dropout((features * weights).sum(1))
        averaged = self.dropout(features.mean(1))
        return Logits(self.item(averaged), self.colour(attended), self.audience(averaged), self.properties(averaged))

    @torch.inference_mode()
    def predict(self, images: Sequence[Image.Image]) -> list[PhotoFacts]:
        """Return the facts of each RGB image; all images are one batch."""
        if not images:
            return []
        return read_logits(self(self.preprocess(images)), self.config)

    def preprocess(self, images: Sequence[Image.Image]) -> Tensor:
        """Return the central squares of RGB images as pixels, (images, 3, image size, image size) float32."""
        mean, std = (PIXEL_MEAN / _RGB_MAX,) * 3, (PIXEL_STD / _RGB_MAX,) * 3
        bilinear = Image.Resampling.BILINEAR
        squares = ImagePreprocessor(
            self.config.image_size, "crop-resize", bilinear, mean, std, reducing_gap=_REDUCING_GAP
        )
        return squares.preprocess(images).contiguous(memory_format=torch.channels_last)


def read_logits(logits: Logits, config: PhotoClassifierConfig) -> list[PhotoFacts]:
    """Return the calibrated probabilities of each photo of a batch."""
    groups = dict(_split_by_group(logits, config))
    probabilities = {group: _normalize(group, values, config).tolist() for group, values in groups.items()}
    return [
        PhotoFacts(
            {group: dict(zip(config.labels[group], rows[number], strict=True)) for group, rows in probabilities.items()}
        )
        for number in range(len(logits.item))
    ]


def _split_by_group(logits: Logits, config: PhotoClassifierConfig) -> Iterator[tuple[str, Tensor]]:
    yield from zip(SOFTMAX_GROUPS, (logits.item, logits.colour, logits.audience), strict=True)
    sizes = [len(values) for values in config.properties.values()]
    yield from zip(config.properties, logits.properties.split(sizes, dim=1), strict=True)


def _normalize(group: str, logits: Tensor, config: PhotoClassifierConfig) -> Tensor:
    scaled = logits.float() / config.temperatures.get(group, 1.0)
    return scaled.softmax(1) if group in SOFTMAX_GROUPS else scaled.sigmoid()


def _fuse_batch_norms(trunk: nn.Module) -> None:
    """Multiply each batch norm into the convolution before it: the same function in half the passes over memory."""
    for module in trunk.modules():
        if isinstance(module, nn.Sequential):
            for index, (first, second) in enumerate(pairwise(module)):
                if isinstance(first, nn.Conv2d) and isinstance(second, nn.BatchNorm2d):
                    module[index], module[index + 1] = fuse_conv_bn_eval(first, second), nn.Identity()
