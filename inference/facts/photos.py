"""Read facts from photos: item, colour, audience and the properties of the lexicon, each with its probability."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final, NamedTuple

import torch
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from inference.checkpoints.card import Card
from inference.checkpoints.weights import fill_model
from inference.clip.preprocessing import ImagePreprocessor
from inference.facts.efficientnet_lite import PIXEL_MEAN, PIXEL_STD, EfficientNetLite, EfficientNetLiteConfig

FAMILY: Final = "efficientnet-lite"
SOFTMAX_GROUPS: Final = ("item", "colour", "audience")  # exactly one value of each is right

# Probabilities of the likeliest item from which a thing is named for sure, and below which it is unclear.
SURE: Final = 0.8
UNCLEAR: Final = 0.45
# Key of the card: the probability of the likeliest item from which on the seller need not be asked what it is.
SURE_ITEM: Final = "sure_item"
# For a card without the key: rather asked too often than wrong unasked.
DEFAULT_SURE_ITEM: Final = 0.75

_DROPOUT: Final = 0.2
_RGB_MAX: Final = 255
_REDUCING_GAP: Final = 3.0  # Pillow's own advice: close to the full filter, at a fraction of its time


@dataclass(frozen=True, slots=True)
class PhotoFacts:
    """Calibrated probabilities of one photo: group → value → probability in [0, 1].

    The values of each of `SOFTMAX_GROUPS` sum to 1; those of all other groups are independent of each other.
    garment: probability that the photo shows a garment or shoes at all; the card's `garment` is the least that counts.
    """

    probabilities: Mapping[str, Mapping[str, float]]
    garment: float = 1.0


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
    """Logits of a batch, each (batch, labels): of each of `SOFTMAX_GROUPS`, and of all properties side by side.

    garment: (batch, 1), whether there is any garment.
    """

    item: Tensor
    colour: Tensor
    audience: Tensor
    properties: Tensor
    garment: Tensor


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
        self.garment = nn.Linear(size, 1)

    @classmethod
    def load(cls, card: Card) -> PhotoClassifier:
        """Load the classifier for inference, in float32, from `config.json` and `model.safetensors` of a checkpoint."""
        table: dict[str, Any] = json.loads((card.folder / "config.json").read_text("utf-8"))
        classifier = cls(PhotoClassifierConfig(**table))
        weights = load_file(card.folder / "model.safetensors")
        fill_model(classifier, {name: weight.float() for name, weight in weights.items()})
        classifier.thresholds = dict(card.calibration)
        classifier.eval()
        _fuse_batch_norms(classifier.trunk)
        return classifier.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]

    def forward(self, pixels: Tensor) -> Logits:
        """Return the logits of a batch of pixels (batch, 3, height, width), as `EfficientNetLite` expects them."""
        return self.classify(*self.encode(pixels))

    def encode(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Return the features of a batch, averaged and weighted by attention, (batch, channels) each."""
        features = self.trunk(pixels).flatten(2).transpose(1, 2)  # (batch, positions, channels)
        weights = self.attention(features).softmax(1)
        attended = self.dropout((features * weights).sum(1))
        return self.dropout(features.mean(1)), attended

    def classify(self, averaged: Tensor, attended: Tensor) -> Logits:
        """Return the logits of features as `encode` returns them."""
        return Logits(
            self.item(averaged),
            self.colour(attended),
            self.audience(averaged),
            self.properties(averaged),
            self.garment(averaged),
        )

    @property
    def sure_item(self) -> float:
        """The probability of the likeliest item below which the seller is asked what it is."""
        return self.thresholds.get(SURE_ITEM, DEFAULT_SURE_ITEM)

    def knows(self, facts: PhotoFacts, *, doubted: bool) -> bool:
        """Return True for a photo of clothes or shoes; doubted: another detector finds none.

        A thing that is named for sure is known whatever else is unsure, and a doubt needs an unclear thing beside it:
        either logit alone misses one true photo in fifty.
        """
        clearest = max(facts.probabilities["item"].values())
        is_garment = facts.garment >= self.thresholds.get("garment", 0.0) or clearest >= SURE
        return is_garment and not (doubted and clearest < UNCLEAR)

    @torch.inference_mode()
    def predict(self, images: Sequence[Image.Image]) -> list[PhotoFacts]:
        """Return the facts of each RGB image; all images are one batch."""
        if not images:
            return []
        logits = self(self.preprocess(images))
        groups = compute_probabilities(logits, self.config)
        labels, garment = self.config.labels, logits.garment[:, 0].sigmoid().tolist()
        rows = [
            {group: dict(zip(labels[group], row, strict=True)) for group, row in zip(groups, photo, strict=True)}
            for photo in zip(*(values.tolist() for values in groups.values()), strict=True)
        ]
        return [PhotoFacts(row, shown) for row, shown in zip(rows, garment, strict=True)]

    def preprocess(self, images: Sequence[Image.Image]) -> Tensor:
        """Return the central squares of RGB images as pixels, (images, 3, image size, image size) float32."""
        mean, std = (PIXEL_MEAN / _RGB_MAX,) * 3, (PIXEL_STD / _RGB_MAX,) * 3
        bilinear = Image.Resampling.BILINEAR
        squares = ImagePreprocessor(
            self.config.image_size, "crop-resize", bilinear, mean, std, reducing_gap=_REDUCING_GAP
        )
        return squares.preprocess(images).contiguous(memory_format=torch.channels_last)


def split_logits(logits: Logits, config: PhotoClassifierConfig) -> dict[str, Tensor]:
    """Return group → logits (batch, values)."""
    sizes = [len(values) for values in config.properties.values()]
    properties = zip(config.properties, logits.properties.split(sizes, dim=1), strict=True)
    return {"item": logits.item, "colour": logits.colour, "audience": logits.audience, **dict(properties)}


def compute_probabilities(logits: Logits, config: PhotoClassifierConfig) -> dict[str, Tensor]:
    """Return group → calibrated probabilities (batch, values) float32."""
    return {
        group: normalize(group, values.float() / config.temperatures.get(group, 1.0))
        for group, values in split_logits(logits, config).items()
    }


def normalize(group: str, logits: Tensor) -> Tensor:
    """Return the probabilities of a group's logits, both (batch, values)."""
    return logits.softmax(1) if group in SOFTMAX_GROUPS else logits.sigmoid()


def _fuse_batch_norms(trunk: nn.Module) -> None:
    """Multiply each batch norm into the convolution before it: the same function in half the passes over memory."""
    for module in trunk.modules():
        if isinstance(module, nn.Sequential):
            for index, (first, second) in enumerate(pairwise(module)):
                if isinstance(first, nn.Conv2d) and isinstance(second, nn.BatchNorm2d):
                    module[index], module[index + 1] = fuse_conv_bn_eval(first, second), nn.Identity()
