"""Encode photos for moderation, and index many of them, so that thresholds can be tried on all albums and texts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from PIL import Image
from torch import Tensor

from inference.clip.dual_encoder import Clip, ImageFeatures
from inference.facts.photos import PhotoFacts
from inference.listing.photos import load_photo
from inference.moderation.out_of_domain import OutOfDomainDetector, add_doubt

BATCH_SIZE = 32


class ItemClassifier(Protocol):
    """Anything that tells what a photo shows."""

    def predict(self, images: Sequence[Image.Image]) -> list[PhotoFacts]:
        """Return the facts of each RGB image."""


@dataclass(frozen=True, slots=True)
class PhotoEvidence:
    """What the models say of the photos of one or many listings.

    features: by the dual encoder. out_of_domain: log-odds (photos,) float32 that a photo shows no clothes, None without
    a detector. items: for each photo the probabilities of the nouns for things, none at all without a classifier.
    """

    features: ImageFeatures
    out_of_domain: Tensor | None = None
    items: tuple[Mapping[str, float], ...] = ()

    def __getitem__(self, part: slice) -> PhotoEvidence:
        out_of_domain = None if self.out_of_domain is None else self.out_of_domain[part]
        return PhotoEvidence(self.features[part], out_of_domain, self.items[part])


@dataclass(frozen=True, slots=True)
class PhotoIndex:
    """The evidence of photo files, one after another. rows: path → place."""

    evidence: PhotoEvidence
    rows: Mapping[Path, int]

    @classmethod
    def build(
        cls,
        clip: Clip,
        detector: OutOfDomainDetector | None,
        paths: Iterable[Path],
        classifier: ItemClassifier | None = None,
    ) -> PhotoIndex:
        """Encode photo files, rotated upright, each once however often it is listed."""
        unique = list(dict.fromkeys(paths))
        parts = []
        for start in range(0, len(unique), BATCH_SIZE):
            images = [load_photo(path) for path in unique[start : start + BATCH_SIZE]]
            facts = classifier.predict(images) if classifier else []
            parts.append(encode_photos(clip, detector, images, facts))
        return cls(_join(parts), {path: row for row, path in enumerate(unique)})

    def get_album(self, paths: Sequence[Path]) -> PhotoEvidence:
        """Return the evidence of one listing's photos, in order."""
        return _join([self.evidence[self.rows[path] : self.rows[path] + 1] for path in paths])


def _join(parts: Sequence[PhotoEvidence]) -> PhotoEvidence:
    log_odds = [part.out_of_domain for part in parts if part.out_of_domain is not None]
    return PhotoEvidence(
        features=ImageFeatures(
            torch.cat([part.features.embeddings for part in parts]), torch.cat([part.features.states for part in parts])
        ),
        out_of_domain=torch.cat(log_odds) if log_odds else None,
        items=tuple(items for part in parts for items in part.items),
    )


@torch.inference_mode()
def encode_photos(
    clip: Clip, detector: OutOfDomainDetector | None, images: Sequence[Image.Image], facts: Sequence[PhotoFacts] = ()
) -> PhotoEvidence:
    """Encode RGB images as one batch. Dual encoder and detector share the pixels of the former's preprocessing.

    facts: of the same images by the classifier of photos; none without one.
    """
    pixels = clip.preprocess(images)
    log_odds = None if detector is None else detector.predict(pixels)
    if log_odds is not None and facts:
        log_odds = add_doubt(log_odds, facts)
    items = tuple(each.probabilities["item"] for each in facts)
    return PhotoEvidence(clip.encode_pixels(pixels), log_odds, items)
