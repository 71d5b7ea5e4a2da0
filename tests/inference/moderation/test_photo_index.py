"""The index of photo features: albums, batches and the out-of-domain detector."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor

from inference.clip.dual_encoder import Clip
from inference.facts.photos import PhotoFacts
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
    album = index.get_album([paths[3], paths[0]])
    alone = encode_photos(tiny_clip, detector, [tiny.picture(3), tiny.picture(0)])
    assert album.out_of_domain is not None
    assert alone.out_of_domain is not None
    assert torch.allclose(album.features.embeddings, alone.features.embeddings, atol=1e-5)
    assert torch.allclose(album.out_of_domain, alone.out_of_domain, atol=1e-6)
    assert album.items == alone.items == ()


def test_without_a_detector_there_are_no_log_odds(tiny_clip: Clip, paths: list[Path]) -> None:
    index = PhotoIndex.build(tiny_clip, None, paths)
    assert index.evidence.out_of_domain is None
    assert index.get_album(paths[:2]).out_of_domain is None


def test_a_classifier_that_cannot_decide_raises_the_log_odds(tiny_clip: Clip, paths: list[Path]) -> None:
    """What may be anything, and what looks like no garment, is less likely clothes."""

    class Undecided:
        def predict(self, images: Sequence[Image.Image]) -> list[PhotoFacts]:
            items = [{"куртка": 1.0}, {"куртка": 0.5, "платье": 0.5}, {"куртка": 1.0}]
            return [
                PhotoFacts({"item": each}, garment)
                for each, garment in zip(items[: len(images)], (0.99, 0.99, 0.1), strict=True)
            ]

    detector = Reddish()
    plain, doubted = (PhotoIndex.build(tiny_clip, detector, paths[:3], each).evidence for each in (None, Undecided()))
    assert plain.out_of_domain is not None
    assert doubted.out_of_domain is not None
    sure, unsure, no_garment = (doubted.out_of_domain - plain.out_of_domain).tolist()
    assert sure < unsure < no_garment
    assert [dict(each) for each in doubted.items][1] == {"куртка": 0.5, "платье": 0.5}
