"""Convert photos to the pixels that a vision encoder was trained on."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from PIL import Image
from torch import Tensor

# Resize without keeping proportions; crop the central square, then resize (ruCLIP); resize, then crop (CLIP).
Fit = Literal["squeeze", "crop-resize", "resize-crop"]


@dataclass(frozen=True, slots=True)
class ImagePreprocessor:
    """Image preprocessing of a `preprocessor_config.json`.

    size: pixels of the square's edge. fit, resample: how a photo becomes that square. mean, std: per channel, of values
    in [0, 1]. edge: pixels to which the shorter side is resized before a center crop. reducing_gap: shrinks larger
    photos in two steps, the first of them coarse and quick (`PIL.Image.Image.resize`); None resizes in one step as
    published.
    """

    size: int
    fit: Fit
    resample: Image.Resampling
    mean: tuple[float, ...]
    std: tuple[float, ...]
    edge: int = 0
    reducing_gap: float | None = None

    @classmethod
    def from_file(cls, path: Path) -> ImagePreprocessor:
        """Load a `preprocessor_config.json` of `transformers`, with two keys of this project.

        `crop_first` crops before resizing; `reducing_gap` is that of the class. Raises `ValueError` for a crop larger
        than the resized photo.
        """
        config = json.loads(path.read_text(encoding="utf-8"))
        edge = _read_edge(config["size"])
        fit, size = _read_fit(config), edge
        if fit == "resize-crop":
            size = _read_edge(config["crop_size"])
            if edge < size:
                raise ValueError(f"{path}: the crop is larger than what it is cut from")
        resample = Image.Resampling(config.get("resample", Image.Resampling.BICUBIC))
        mean, std = tuple(config["image_mean"]), tuple(config["image_std"])
        return cls(size, fit, resample, mean, std, edge, config.get("reducing_gap"))

    def preprocess(self, images: Sequence[Image.Image]) -> Tensor:
        """Convert RGB images of any size, or none, to normalized pixels, (images, 3, size, size) float32."""
        if not images:
            return torch.zeros(0, 3, self.size, self.size)
        squares = torch.from_numpy(np.stack([np.asarray(self._square(image)) for image in images]))
        # Channels first: arithmetic along a last axis of three would not be vectorized.
        planes = squares.permute(0, 3, 1, 2).contiguous().float()
        mean, std = torch.tensor(self.mean).view(3, 1, 1), torch.tensor(self.std).view(3, 1, 1)
        return planes.sub_(255 * mean).div_(255 * std)

    def _square(self, image: Image.Image) -> Image.Image:
        wanted = (self.size, self.size)
        if self.fit == "crop-resize":
            image = _center_crop(image, min(image.size))
        if self.fit == "resize-crop":
            shorter = min(image.size)
            wanted = (self.edge * image.width // shorter, self.edge * image.height // shorter)
        image = image.resize(wanted, self.resample, reducing_gap=self.reducing_gap)
        return _center_crop(image, self.size) if self.fit == "resize-crop" else image


def _center_crop(image: Image.Image, size: int) -> Image.Image:
    left, top = (image.width - size) // 2, (image.height - size) // 2
    return image.crop((left, top, left + size, top + size))


def _read_fit(config: dict[str, Any]) -> Fit:
    if config.get("crop_first"):
        return "crop-resize"
    return "resize-crop" if config.get("do_center_crop") else "squeeze"


def _read_edge(size: int | dict[str, int]) -> int:
    return size if isinstance(size, int) else size.get("shortest_edge") or size["height"]
