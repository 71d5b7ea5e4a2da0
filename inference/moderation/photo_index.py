"""Features of many photos, computed once, so that thresholds can be tried on every album and text of them."""

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

BATCH_SIZE = 32


@dataclass(frozen=True, slots=True)
class PhotoIndex:
    """Dual-encoder features and out-of-domain log-odds of photo files.

    out_of_domain: (photos,) float32, None without a detector; rows: path → row of the tensors.
    """

    features: ImageFeatures
    out_of_domain: Tensor | None
    rows: Mapping[Path, int]

    @classmethod
    def build(cls, clip: Clip, detector: OutOfDomainDetector | None, paths: Iterable[Path]) -> PhotoIndex:
        """Encode photo files, rotated upright, each once however often it is listed."""
        unique = list(dict.fromkeys(paths))
        parts, log_odds = [], []
        for start in range(0, len(unique), BATCH_SIZE):
            images = [load_photo(path) for path in unique[start : start + BATCH_SIZE]]
            features, out_of_domain = encode_photos(clip, detector, images)
            parts.append(features)
            log_odds += [] if out_of_domain is None else [out_of_domain]
        return cls(
            features=ImageFeatures(
                torch.cat([each.embeddings for each in parts]), torch.cat([each.states for each in parts])
            ),
            out_of_domain=torch.cat(log_odds) if log_odds else None,
            rows={path: row for row, path in enumerate(unique)},
        )

    def get_album(self, paths: Sequence[Path]) -> tuple[ImageFeatures, Tensor | None]:
        """Return the features and log-odds (photos,) of one listing's photos, in order."""
        rows = [self.rows[path] for path in paths]
        features = ImageFeatures(self.features.embeddings[rows], self.features.states[rows])
        return features, None if self.out_of_domain is None else self.out_of_domain[rows]


@torch.inference_mode()
def encode_photos(
    clip: Clip, detector: OutOfDomainDetector | None, images: Sequence[Image.Image]
) -> tuple[ImageFeatures, Tensor | None]:
    """Encode RGB images as one batch: dual-encoder features and out-of-domain log-odds (photos,) float32.

    Both models share the pixels of the dual encoder's preprocessing. The log-odds are None without a detector.
    """
    pixels = clip.preprocess(images)
    return clip.encode_pixels(pixels), None if detector is None else detector.predict(pixels)
