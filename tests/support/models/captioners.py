"""Checks that every captioner family must pass, and prompts of all kinds for them."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
from PIL import Image
from torch import Tensor

from inference.captioners.base import Captioner, LoadContext, Prompt
from inference.clip.dual_encoder import Clip
from inference.clip.preprocessing import ImagePreprocessor
from inference.devices import Device
from inference.listing.types import DiversityToken
from tests.support.models import tiny

FIELDS = "Название: куртка\nЦена: <PRICE>\nРазмер: <SIZE>"
CPU = Device("cpu", torch.float32, free=1 << 40, total=1 << 40)


def context(clip: Clip) -> LoadContext:
    """Build a CPU context whose only dual encoder stands in for every other, without a second captioner."""

    def no_captioner(name: str) -> Captioner:
        raise AssertionError(f"nobody asked for captioner/{name}")

    return LoadContext(clip, CPU, lambda name: clip, no_captioner)


def prompt(clip: Clip, photos: int, masked: str = "", *, many: bool = False, seed: int = 0) -> Prompt:
    """Build a prompt of that many drawn photos, all different."""
    images = tuple(tiny.picture(number + 3 * seed, (64, 48 + 4 * number)) for number in range(photos))
    tokens = frozenset(token for token in ("<PRICE>", "<SIZE>") if token in masked)
    token: DiversityToken = "<VARIATIVE>" if many else "<SINGLE>"
    return Prompt(images, clip.encode_images(images), masked, token, tokens, seed)


def mixed_prompts(clip: Clip) -> list[Prompt]:
    """Return eight prompts: 1, 3 and 10 photos, with and without text, and text alone."""
    return [
        prompt(clip, 1, FIELDS),
        prompt(clip, 3, FIELDS, many=True),
        prompt(clip, 10, FIELDS),
        prompt(clip, 1),
        prompt(clip, 3),
        prompt(clip, 10, many=True),
        prompt(clip, 0, FIELDS),
        prompt(clip, 0, "Платье белое, почти новое"),
    ]


def assert_keeps_the_promises(captioner: Captioner, clip: Clip, prompts: Sequence[Prompt] | None = None) -> list[str]:
    """Assert that every kind of prompt gets a text, the same alone, in a batch, and in a reversed batch.

    Returns the texts. A captioner of fewer photos gets the first ones, as the pipeline would cut them.
    """
    asked = [_cut(each, captioner.max_photos) for each in prompts or mixed_prompts(clip)]
    together = captioner.generate(asked)
    assert len(together) == len(asked)
    assert [captioner.generate([each])[0] for each in asked] == together
    assert captioner.generate(asked[::-1]) == together[::-1]
    assert captioner.generate([]) == []
    return together


def photos_of_passes(captioner: Captioner, clip: Clip, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return the number of photos of each encoder pass over the mixed prompts, 28 photos in all."""
    prompts, counts = mixed_prompts(clip), []
    preprocess = ImagePreprocessor.preprocess

    def count(preprocessor: ImagePreprocessor, images: Sequence[Image.Image]) -> Tensor:
        counts.append(len(images))
        return preprocess(preprocessor, images)

    monkeypatch.setattr(ImagePreprocessor, "preprocess", count)
    captioner.generate(prompts)
    return counts


def _cut(prompt: Prompt, photos: int) -> Prompt:
    images, views = prompt.images[:photos], prompt.features[:photos]
    return Prompt(images, views, prompt.masked, prompt.token, prompt.mask_tokens, prompt.seed)
