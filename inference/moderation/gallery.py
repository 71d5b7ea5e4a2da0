"""Many photos looked at once and kept, so that thresholds can be tried on every album and text of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from inference.clip.dual_encoder import Clip, ImageFeatures
from inference.listing.photos import load_photo
from inference.moderation.out_of_domain import OutOfDomainDetector

AT_ONCE = 32


@dataclass(frozen=True, slots=True)
class Gallery:
    """What a dual encoder and a detector of other things saw in photos.

    foreign: log-odds (photos,), None without a detector; rows: which photo is which.
    """

    views: ImageFeatures
    foreign: Tensor | None
    rows: Mapping[Path, int]

    @classmethod
    def of(cls, clip: Clip, detector: OutOfDomainDetector | None, paths: Iterable[Path]) -> Gallery:
        """Look at photo files, upright, each once however often it is named."""
        names = list(dict.fromkeys(paths))
        seen, risks = [], []
        for start in range(0, len(names), AT_ONCE):
            views, foreign = encode_photos(
                clip, detector, [load_photo(path) for path in names[start : start + AT_ONCE]]
            )
            seen.append(views)
            risks += [] if foreign is None else [foreign]
        every = ImageFeatures(torch.cat([each.embeddings for each in seen]), torch.cat([each.states for each in seen]))
        return cls(every, torch.cat(risks) if risks else None, {path: row for row, path in enumerate(names)})

    def album(self, paths: Sequence[Path]) -> tuple[ImageFeatures, Tensor | None]:
        """The photos of one listing, in order."""
        rows = [self.rows[path] for path in paths]
        views = ImageFeatures(self.views.embeddings[rows], self.views.states[rows])
        return views, None if self.foreign is None else self.foreign[rows]


@torch.inference_mode()
def encode_photos(
    clip: Clip, detector: OutOfDomainDetector | None, images: Sequence[Image.Image]
) -> tuple[ImageFeatures, Tensor | None]:
    """What the dual encoder sees in RGB images and how foreign they are, as one batch of the same pixels."""
    pixels = clip.preprocess(images)
    return clip.encode_pixels(pixels), None if detector is None else detector.judge(pixels)
