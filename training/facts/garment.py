"""Train the logit that tells photos of garments from all others, on features of the frozen trunk."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import Final

import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from inference.facts.photos import PhotoClassifier
from inference.listing.photos import load_photo
from training.drawings import draw, random_garment

PHOTOS: Final = 1000
DRAWINGS: Final = 150
BLANKS: Final = 90
_BATCH: Final = 16
_DECAY: Final = 0.01


def fit_garment_head(
    classifier: PhotoClassifier, clothes: Sequence[Path], negatives: Sequence[Path], seed: int
) -> None:
    """Fit the head on photos of clothes and of other things; drawings count as clothes, blank images do not.

    Both sides count the same, whatever their numbers. classifier: in eval mode.
    """
    rnd = random.Random(seed)
    chosen = rnd.sample(list(clothes), min(PHOTOS, len(clothes)))
    drawn = [draw([random_garment(rnd)], rnd.randrange(1 << 30)) for _ in range(DRAWINGS)]
    right = torch.cat((extract_features(classifier, map(load_photo, chosen)), extract_features(classifier, drawn)))
    blank = [make_blank(rnd) for _ in range(BLANKS)]
    wrong = torch.cat((extract_features(classifier, map(load_photo, negatives)), extract_features(classifier, blank)))
    weight, bias = _fit(right, wrong)
    with torch.no_grad():
        classifier.garment.weight.copy_(weight[None])
        classifier.garment.bias.copy_(bias)


@torch.no_grad()
def extract_features(classifier: PhotoClassifier, images: Iterable[Image.Image]) -> Tensor:
    """Return the averaged features of the trunk, (images, channels)."""
    images, features = iter(images), []
    while batch := list(islice(images, _BATCH)):
        features.append(classifier.trunk(classifier.preprocess(batch)).mean((2, 3)))
    return torch.cat(features)


def make_blank(rnd: random.Random) -> Image.Image:
    """Return an RGB image of 96 px without any thing: one colour or a gradient, with or without noise, or noise."""
    size, generator = 96, torch.Generator().manual_seed(rnd.randrange(1 << 30))
    first, last = torch.rand(2, 3, 1, 1, generator=generator) * 255
    kind = rnd.randrange(3)
    ramp = torch.linspace(0, 1, size)[:, None].expand(size, size) * (kind == 1)
    noise = torch.randn(3, size, size, generator=generator) * (80 if kind == 2 else rnd.uniform(0, 12))
    pixels = (torch.lerp(first, last, ramp[None]) + noise).clamp(0, 255).byte()
    return Image.fromarray(pixels.permute(1, 2, 0).numpy()).resize((4 * size, 4 * size))


def _fit(right: Tensor, wrong: Tensor) -> tuple[Tensor, Tensor]:
    """Return weights (channels,) and bias (1,) of a logistic regression, each side weighted by its number."""
    weight, bias = torch.zeros(right.shape[1], requires_grad=True), torch.zeros(1, requires_grad=True)
    optimizer = torch.optim.LBFGS((weight, bias), max_iter=100, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = functional.softplus(-(right @ weight + bias)).mean() + functional.softplus(wrong @ weight + bias).mean()
        loss = loss + _DECAY * weight.square().sum()
        loss.backward()
        return loss.detach()

    optimizer.step(closure)
    return weight.detach(), bias.detach()
