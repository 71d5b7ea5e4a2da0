"""Tests of the augmentation: size, range, diversity, and that colours survive."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from training.data.augment import _poses, augment, jitter_light, mix_images


def photos(count: int, edge: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, 3, edge, edge), dtype=torch.uint8, generator=generator)


def plain(*rgb: int, count: int = 64) -> Tensor:
    return torch.tensor(rgb, dtype=torch.uint8).view(1, 3, 1, 1).expand(count, 3, 24, 24).contiguous()


@given(st.integers(1, 5), st.integers(8, 40), st.integers(4, 48), st.floats(0.1, 1.0), st.integers(0, 999))
def test_augmented_photos_have_the_requested_size_and_range(
    count: int, edge: int, size: int, smallest: float, seed: int
) -> None:
    torch.manual_seed(seed)
    seen = augment(photos(count, edge, seed), size, smallest)
    assert seen.shape == (count, 3, size, size)
    assert bool(((seen >= -1) & (seen <= 1)).all())


def test_augmented_photos_differ_from_each_other() -> None:
    """The same photo is never seen twice alike."""
    torch.manual_seed(0)
    same = photos(1, 32, 0).expand(6, 3, 32, 32)
    seen = augment(same, 32, 0.4)
    distances = [(seen[a] - seen[b]).abs().mean() for a in range(6) for b in range(a)]
    assert min(float(distance) for distance in distances) > 0.02


def test_the_same_seed_augments_equally() -> None:
    batch = photos(3, 20, 1)
    torch.manual_seed(5)
    first = augment(batch, 16, 0.5)
    torch.manual_seed(5)
    assert torch.equal(augment(batch, 16, 0.5), first)


@given(st.floats(0.4, 2.5), st.integers(0, 999))
def test_crops_of_squeezed_photos_have_right_angles(aspect: float, seed: int) -> None:
    """In the pixels of the photo before it was squeezed: rotation does not shear."""
    torch.manual_seed(seed)
    poses = _poses(0.4, torch.full((8,), aspect))[:, :, :2] * torch.tensor([aspect, 1.0])[:, None]
    across, down = poses[:, :, 0], poses[:, :, 1]
    cosine = torch.nn.functional.cosine_similarity(across, down)
    assert torch.allclose(cosine, torch.zeros(8), atol=1e-4)


@pytest.mark.parametrize("rgb", [(200, 40, 40), (40, 60, 200), (40, 160, 60), (230, 200, 60)])
def test_colours_stay_what_they_are_called(rgb: tuple[int, int, int]) -> None:
    """Light changes, hue does not: the order of the channels survives in every view."""
    torch.manual_seed(0)
    means = jitter_light(plain(*rgb).float() / 127.5 - 1).mean((2, 3))
    order = torch.tensor(rgb).argsort()
    gaps = torch.tensor(rgb).sort().values.diff() > 30
    assert bool((means[:, order].diff(dim=1)[:, gaps] > 0).all())


def test_grey_stays_grey() -> None:
    torch.manual_seed(0)
    means = jitter_light(plain(150, 150, 150).float() / 127.5 - 1).mean((2, 3))
    assert float((means.amax(1) - means.amin(1)).max()) < 0.25


def test_a_view_shows_a_part_of_the_photo() -> None:
    """Crops are smaller the smaller they may be: a gradient's span shrinks, and none of it is invented."""
    ramp = torch.linspace(0, 255, 64).to(torch.uint8).view(1, 1, 1, 64).expand(200, 3, 64, 64)
    spans = []
    for smallest in (0.05, 1.0):
        torch.manual_seed(0)
        seen = augment(ramp, 32, smallest).mean(1)
        spans.append(float((seen.quantile(0.95, 2) - seen.quantile(0.05, 2)).mean()))
    assert spans[0] < 0.8 * spans[1]


@given(st.integers(1, 6), st.integers(0, 999))
def test_mixtures_lie_between_the_images(count: int, seed: int) -> None:
    """Every pixel of a mixture is one image's, or lies between two."""
    torch.manual_seed(seed)
    images = torch.rand(count, 3, 12, 12) * 2 - 1
    mixed = mix_images(images)
    assert mixed.shape == images.shape
    assert bool((mixed <= images.amax(0) + 1e-6).all())
    assert bool((mixed >= images.amin(0) - 1e-6).all())


def test_a_mixture_keeps_at_least_half_of_its_own_image() -> None:
    """A blend takes at most half of the other image, a pasted box covers at most half of the area."""
    torch.manual_seed(0)
    images = torch.stack((torch.zeros(3, 16, 16), torch.ones(3, 16, 16))).repeat(100, 1, 1, 1)
    strange = (mix_images(images) - images).abs().mean((1, 2, 3))
    assert float(strange.max()) < 0.66
    assert float(strange.max()) > 0.2


def test_half_of_the_mixtures_are_pasted() -> None:
    """Pasted boxes leave whole pixels of both images; blends leave none."""
    torch.manual_seed(0)
    images = torch.stack((torch.full((3, 16, 16), -1.0), torch.ones(3, 16, 16))).repeat(100, 1, 1, 1)
    mixed = mix_images(images)
    changed = ((mixed - images).abs() > 1e-6).flatten(1)
    whole = (mixed.abs() > 1 - 1e-6).flatten(1).all(1)
    pasted = whole & changed.any(1)
    assert 20 < int(pasted.sum()) < 80
    assert 0.05 < float(changed[pasted].float().mean()) < 0.6
