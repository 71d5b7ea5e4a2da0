"""Tensors and photos derived from their names: the same on every machine, so that no file has to store them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from hashlib import shake_128

import numpy as np
import torch
from PIL import Image
from torch import Tensor


def numbers(name: str, shape: tuple[int, ...]) -> Tensor:
    """Return float numbers in [-1, 1), as random as a hash."""
    drawn = np.frombuffer(shake_128(name.encode()).digest(2 * math.prod(shape)), "<i2")
    return torch.from_numpy(drawn.astype(np.float32) / 2**15).reshape(shape)


def integers(name: str, below: int, count: int) -> list[int]:
    """Return integers in [0, below)."""
    drawn = np.frombuffer(shake_128(name.encode()).digest(4 * count), "<u4")
    return [int(number) % below for number in drawn]


def weights(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Tensor]:
    """Return weights of transformers from names and shapes: none is near zero, and no norm near one."""
    return {name: _weight(name, shape) for name, shape in shapes.items()}


def _weight(name: str, shape: tuple[int, ...]) -> Tensor:
    drawn = numbers(name, shape)
    if len(shape) > 1:
        return drawn * math.sqrt(3 / shape[-1])
    drawn = drawn * 0.3
    return drawn + 1 if name.endswith("weight") else drawn


def photo(name: str, size: tuple[int, int]) -> Image.Image:
    """Return a photo in which neighbouring pixels differ, so that a shift or another filter shows."""
    pixels = np.frombuffer(shake_128(name.encode()).digest(3 * math.prod(size)), np.uint8)
    return Image.fromarray(pixels.reshape(size[1], size[0], 3).copy())
