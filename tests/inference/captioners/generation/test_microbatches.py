"""Where a batch is cut."""

from __future__ import annotations

import pytest
import torch

from inference.captioners.base import Prompt
from inference.captioners.generation.microbatches import split_microbatches
from inference.clip.dual_encoder import ImageFeatures
from tests.support.models import tiny


def prompt(photos: int) -> Prompt:
    views = ImageFeatures(torch.zeros(photos, 8), torch.zeros(photos, 5, 8))
    return Prompt((tiny.picture(0, (8, 8)),) * photos, views, "", "<SINGLE>")


@pytest.mark.parametrize(
    ("batch", "photos", "parts"),
    [
        ([10] * 3, 16, [[10], [10], [10]]),
        ([10, 6, 1], 16, [[10, 6], [1]]),
        ([1, 3, 10, 0, 2], 16, [[1, 3, 10, 0], [2]]),
        ([3, 1], 2, [[3], [1]]),
        ([0] * 5, 2, [[0, 0], [0, 0], [0]]),
        ([], 16, []),
    ],
)
def test_a_batch_is_cut_where_its_photos_would_be_too_many(
    batch: list[int], photos: int, parts: list[list[int]]
) -> None:
    assert [
        [len(each.images) for each in part] for part in split_microbatches([prompt(n) for n in batch], photos)
    ] == parts
