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
    published. rounds_crop: the center crop begins at half the margin rounded half to even, as torchvision's does in the
    code of OpenAI's CLIP, OpenCLIP and what builds on them; otherwise rounded down, as `transformers` does.
    """

    size: int
    fit: Fit
    resample: Image.Resampling
    mean: tuple[float, ...]
    std: tuple[float, ...]
    edge: int = 0
    reducing_gap: float | None = None
    rounds_crop: bool = False

    @classmethod
    def from_file(cls, path: Path) -> ImagePreprocessor:
        """Load a `preprocessor_config.json` of `transformers`, with three keys of this project.

        `crop_first` crops before resizing; `reducing_gap` and `rounds_crop` are those of the class. Raises
        `ValueError` for a crop larger than the resized photo.
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
        return cls(size, fit, resample, mean, std, edge, config.get("reducing_gap"), bool(config.get("rounds_crop")))

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
            image = image.crop(compute_crop(image.size, min(image.size), rounds=False))
        if self.fit == "resize-crop":
            wanted = compute_resize(image.size, self.edge)
        image = image.resize(wanted, self.resample, reducing_gap=self.reducing_gap)
        return image.crop(compute_crop(wanted, self.size, self.rounds_crop)) if self.fit == "resize-crop" else image


def compute_resize(size: tuple[int, int], edge: int) -> tuple[int, int]:
    """Return the width and height, rounded down, at which the shorter side of a photo has `edge` pixels."""
    width, height = size
    shorter = min(size)
    return edge * width // shorter, edge * height // shorter


def compute_crop(size: tuple[int, int], edge: int, rounds: bool) -> tuple[int, int, int, int]:
    """Return left, top, right and bottom of the central square of `edge` pixels. rounds: as `rounds_crop`."""
    width, height = size
    left, top = (round(margin / 2) if rounds else margin // 2 for margin in (width - edge, height - edge))
    return left, top, left + edge, top + edge


def _read_fit(config: dict[str, Any]) -> Fit:
    if config.get("crop_first"):
        return "crop-resize"
    return "resize-crop" if config.get("do_center_crop") else "squeeze"


def _read_edge(size: int | dict[str, int]) -> int:
    return size if isinstance(size, int) else size.get("shortest_edge") or size["height"]
