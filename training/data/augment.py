"""Photos seen anew: crops, turns, light and mixtures, as batches on the device.

Hue is never touched: the colour of a garment is what the text has to tell.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional


def augment(pixels: Tensor, size: int, smallest: float) -> Tensor:
    """Random views of photos.

    pixels: (batch, 3, height, height) uint8; smallest: the least share of the photo's area that a crop shows.
    Returns (batch, 3, size, size) float in [-1, 1].
    """
    grid = functional.affine_grid(_poses(len(pixels), smallest, pixels.device), [len(pixels), 3, size, size], False)
    scaled = pixels.float() / 127.5 - 1
    return lighting(functional.grid_sample(scaled, grid, padding_mode="reflection", align_corners=False))


def _uniform(low: float, high: float, count: int, device: torch.device) -> Tensor:
    return torch.rand(count, device=device) * (high - low) + low


def _poses(count: int, smallest: float, device: torch.device) -> Tensor:
    """Affine maps (count, 2, 3) from the view to the photo: crop, stretch, mirror, turn."""
    scale = _uniform(smallest, 1.0, count, device).sqrt()
    stretch = torch.exp(_uniform(-0.2, 0.2, count, device))
    width, height = (scale * stretch).clamp(max=1.05), (scale / stretch).clamp(max=1.05)
    mirror = torch.where(torch.rand(count, device=device) < 0.5, -1.0, 1.0)
    angle = torch.randn(count, device=device) * math.radians(7)
    # Some sellers' photos lie on their side.
    angle += (torch.rand(count, device=device) < 0.06) * math.pi / 2 * mirror
    x = _uniform(-1, 1, count, device) * (1 - width).clamp(min=0)
    y = _uniform(-1, 1, count, device) * (1 - height).clamp(min=0)
    cos, sin = angle.cos(), angle.sin()
    rows = (
        torch.stack((cos * width * mirror, -sin * height, x), 1),
        torch.stack((sin * width * mirror, cos * height, y), 1),
    )
    return torch.stack(rows, 1)


def lighting(images: Tensor) -> Tensor:
    """Other brightness, contrast, saturation, white balance, noise and a covered corner, shape kept."""
    count, device = len(images), images.device

    def factor(spread: float, channels: int = 1) -> Tensor:
        return torch.exp(torch.randn(count, channels, 1, 1, device=device).clamp(-2, 2) * spread)

    mean = images.mean((1, 2, 3), keepdim=True)
    images = (images - mean) * factor(0.15) + mean
    grey = images.mean(1, keepdim=True)
    images = grey + (images - grey) * factor(0.15)
    images = (images + 1) * factor(0.12) * factor(0.025, channels=3) - 1
    images = images + torch.randn_like(images) * _uniform(0, 0.06, count, device).view(-1, 1, 1, 1)
    return _cover(images).clamp(-1, 1)


def _cover(images: Tensor, chance: float = 0.3) -> Tensor:
    """Random erasing (Zhong et al., 2020): a grey rectangle hides up to a tenth of some images."""
    mask = _boxes(len(images), images.shape[-1], 0.0, 0.1, images.device)
    mask &= (torch.rand(len(images), device=images.device) < chance).view(-1, 1, 1, 1)
    return torch.where(mask, torch.zeros_like(images), images)


def _boxes(count: int, size: int, least: float, most: float, device: torch.device) -> Tensor:
    """Random rectangles of a share of the area: (count, 1, size, size) bool."""
    side = _uniform(least, most, count, device).sqrt()
    stretch = torch.exp(_uniform(-0.5, 0.5, count, device))
    width, height = (side * stretch).clamp(max=1), (side / stretch).clamp(max=1)
    left = torch.rand(count, device=device) * (1 - width)
    top = torch.rand(count, device=device) * (1 - height)
    line = (torch.arange(size, device=device) + 0.5) / size
    inside_x = (line > left[:, None]) & (line < (left + width)[:, None])
    inside_y = (line > top[:, None]) & (line < (top + height)[:, None])
    return (inside_y[:, :, None] & inside_x[:, None, :]).unsqueeze(1)


def mix_images(images: Tensor) -> Tensor:
    """Pairs of images blended (mixup, Zhang et al., 2018) or pasted into each other (CutMix, Yun et al., 2019)."""
    others = images[torch.randperm(len(images), device=images.device)]
    share = _uniform(0.0, 0.5, len(images), images.device).view(-1, 1, 1, 1)
    boxes = _boxes(len(images), images.shape[-1], 0.1, 0.5, images.device)
    pasted = torch.where(boxes, others, images)
    blend = torch.rand(len(images), device=images.device).view(-1, 1, 1, 1) < 0.5
    return torch.where(blend, torch.lerp(images, others, share), pasted)
