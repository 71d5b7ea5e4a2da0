"""Many photos looked at once."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from inference.clip.dual_encoder import Clip
from inference.moderation import gallery
from inference.moderation.gallery import Gallery, encode_photos
from inference.moderation.out_of_domain import OutOfDomainDetector
from tests.support.models import tiny


class Reddish(OutOfDomainDetector):
    """Finds a photo as foreign as it is red; remembers how many it was shown at once."""

    def __init__(self) -> None:
        super().__init__()
        self.shown: list[int] = []

    def judge(self, pixels: Tensor) -> Tensor:
        self.shown.append(len(pixels))
        return pixels[:, 0].mean((1, 2))


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    found = [tmp_path / f"{number}.png" for number in range(5)]
    for number, path in enumerate(found):
        tiny.picture(number).save(path)
    return found


def test_an_album_is_what_its_photos_are_alone(
    tiny_clip: Clip, paths: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the album's order, each photo looked at once however many albums it is in."""
    monkeypatch.setattr(gallery, "AT_ONCE", 2)
    detector = Reddish()
    kept = Gallery.of(tiny_clip, detector, [*paths, *paths[::-1]])
    assert sum(detector.shown) == 5
    views, foreign = kept.album([paths[3], paths[0]])
    alone, red = encode_photos(tiny_clip, detector, [tiny.picture(3), tiny.picture(0)])
    assert foreign is not None
    assert red is not None
    assert torch.allclose(views.embeddings, alone.embeddings, atol=1e-5)
    assert torch.allclose(foreign, red, atol=1e-6)


def test_without_a_detector_nobody_says_what_is_foreign(tiny_clip: Clip, paths: list[Path]) -> None:
    kept = Gallery.of(tiny_clip, None, paths)
    assert kept.foreign is None
    assert kept.album(paths[:2])[1] is None
