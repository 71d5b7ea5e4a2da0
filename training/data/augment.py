"""Augment batches of photos on the device: crops, rotations, lighting and mixtures.

Hue is never changed, because the text has to name the colour.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional


def augment(pixels: Tensor, size: int, smallest: float, aspects: Tensor | None = None) -> Tensor:
    """Return randomly cropped, warped and relit photos, (batch, 3, size, size) float32 in [-1, 1].

    pixels: (batch, 3, height, width) uint8; size: pixels; smallest: least share of the area that a crop shows, in (0,
    1]; aspects: (batch,) width by height of the photos before they were squeezed, which the crops restore.
    """
    if aspects is None:
        aspects = torch.ones(len(pixels), device=pixels.device)
    grid = functional.affine_grid(_poses(smallest, aspects), [len(pixels), 3, size, size], False)
    scaled = pixels.float() / 127.5 - 1
    return jitter_light(functional.grid_sample(scaled, grid, padding_mode="reflection", align_corners=False))


def _uniform(low: float, high: float, count: int, device: torch.device) -> Tensor:
    return torch.rand(count, device=device) * (high - low) + low


def _poses(smallest: float, aspects: Tensor) -> Tensor:
    """Return affine maps (count, 2, 3) from the view to the photo: crop, stretch, mirror, rotation."""
    count, device = len(aspects), aspects.device
    scale = _uniform(smallest, 1.0, count, device).sqrt()
    stretch = torch.exp(_uniform(-0.2, 0.2, count, device))
    # In shares of the photo: a square crop of a tall photo has more of its width than of its height.
    width = (scale * stretch / aspects.sqrt()).clamp(max=1.05)
    height = (scale / stretch * aspects.sqrt()).clamp(max=1.05)
    mirror = torch.where(torch.rand(count, device=device) < 0.5, -1.0, 1.0)
    angle = torch.randn(count, device=device) * math.radians(7)
    # Rotations by 90°, because some sellers' photos lie on their side.
    angle += (torch.rand(count, device=device) < 0.06) * math.pi / 2 * mirror
    x = _uniform(-1, 1, count, device) * (1 - width).clamp(min=0)
    y = _uniform(-1, 1, count, device) * (1 - height).clamp(min=0)
    cos, sin = angle.cos(), angle.sin()
    rows = (
        torch.stack((cos * width * mirror, -sin * height / aspects, x), 1),
        torch.stack((sin * width * mirror * aspects, cos * height, y), 1),
    )
    return torch.stack(rows, 1)


def jitter_light(images: Tensor) -> Tensor:
    """Vary brightness, contrast, saturation, white balance and noise, and cover a corner; the shape is kept."""
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
    """Hide up to a tenth of some images behind a grey rectangle (random erasing, Zhong et al., 2020)."""
    mask = _boxes(len(images), images.shape[-1], 0.0, 0.1, images.device)
    mask &= (torch.rand(len(images), device=images.device) < chance).view(-1, 1, 1, 1)
    return torch.where(mask, torch.zeros_like(images), images)


def _boxes(count: int, size: int, least: float, most: float, device: torch.device) -> Tensor:
    """Return random rectangles with a share of the area in [least, most]: (count, 1, size, size) bool."""
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
    """Blend pairs of images (mixup, Zhang et al., 2018) or paste one into the other (CutMix, Yun et al., 2019).

    images: (batch, 3, height, width); the shape is kept.
    """
    partners = images[torch.randperm(len(images), device=images.device)]
    share = _uniform(0.0, 0.5, len(images), images.device).view(-1, 1, 1, 1)
    boxes = _boxes(len(images), images.shape[-1], 0.1, 0.5, images.device)
    pasted = torch.where(boxes, partners, images)
    blend = torch.rand(len(images), device=images.device).view(-1, 1, 1, 1) < 0.5
    return torch.where(blend, torch.lerp(images, partners, share), pasted)
