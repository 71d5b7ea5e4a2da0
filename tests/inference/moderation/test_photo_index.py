"""The index of photo features: albums, batches and the out-of-domain detector."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from inference.clip.dual_encoder import Clip
from inference.moderation import photo_index
from inference.moderation.out_of_domain import OutOfDomainDetector
from inference.moderation.photo_index import PhotoIndex, encode_photos
from tests.support.models import tiny


class Reddish(OutOfDomainDetector):
    """Finds a photo as far out of domain as it is red; records its batch sizes."""

    def __init__(self) -> None:
        super().__init__()
        self.batch_sizes: list[int] = []

    def predict(self, pixels: Tensor) -> Tensor:
        self.batch_sizes.append(len(pixels))
        return pixels[:, 0].mean((1, 2))


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / f"{number}.png" for number in range(5)]
    for number, path in enumerate(paths):
        tiny.picture(number).save(path)
    return paths


def test_an_album_is_what_its_photos_are_alone(
    tiny_clip: Clip, paths: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the album's order, each photo encoded once however many albums it is in."""
    monkeypatch.setattr(photo_index, "BATCH_SIZE", 2)
    detector = Reddish()
    index = PhotoIndex.build(tiny_clip, detector, [*paths, *paths[::-1]])
    assert sum(detector.batch_sizes) == 5
    features, out_of_domain = index.get_album([paths[3], paths[0]])
    alone, red = encode_photos(tiny_clip, detector, [tiny.picture(3), tiny.picture(0)])
    assert out_of_domain is not None
    assert red is not None
    assert torch.allclose(features.embeddings, alone.embeddings, atol=1e-5)
    assert torch.allclose(out_of_domain, red, atol=1e-6)


def test_without_a_detector_there_are_no_log_odds(tiny_clip: Clip, paths: list[Path]) -> None:
    index = PhotoIndex.build(tiny_clip, None, paths)
    assert index.out_of_domain is None
    assert index.get_album(paths[:2])[1] is None
