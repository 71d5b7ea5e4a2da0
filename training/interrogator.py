"""Measure from which similarity a dual encoder is right about a phrase (`opisalka train interrogator`).

An encoder scores every phrase, also those that it was never trained on. Labelled photos show which of them can be
trusted.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import torch
from torch import Tensor

from inference.captioners.interrogator.captioner import THRESHOLDS, load_templates
from inference.captioners.interrogator.labels import encode_tables
from inference.captioners.interrogator.phrases import COLOURS, Phrases, load_phrases
from inference.checkpoints.card import Card, load_card, save_card
from inference.checkpoints.registry import get_card
from inference.clip.dual_encoder import Clip
from inference.listing.photos import load_photo
from training.data.examples import PhotoLabels, load_photo_labels

# Required precision on the training photos. Labels omit much of what is visible, so the true precision is higher.
MIN_PRECISION: Final = 0.5
# Minimum number of photos for a measurement.
MIN_POSITIVES, MIN_PREDICTED = 8, 8
BATCH: Final = 16


def calibrate(data: Path, out: Path) -> Card:
    """Measure the thresholds of the interrogator in `out` on the training photos of a data set, and save its card."""
    card, phrases = load_card(out), load_phrases()
    clip = Clip.load(get_card(out.parent.parent, "clip", str(card.settings["clip"])).folder)
    labels = {name: row for name, row in load_photo_labels(data).items() if row.split == "train"}
    photos = encode_photos(clip, [data / "photos" / f"{name}.jpg" for name in labels])
    areas = [str(area) for area in card.settings["areas"]]  # type: ignore[attr-defined]
    thresholds = measure_thresholds(clip, phrases, areas, list(labels.values()), photos)
    (out / THRESHOLDS).write_text(json.dumps(thresholds, ensure_ascii=False, indent=1, sort_keys=True) + "\n", "utf-8")
    return save_card(card)


def encode_photos(clip: Clip, paths: Sequence[Path]) -> Tensor:
    """Encode photos into unit embeddings (photos, dim)."""
    parts = [paths[start : start + BATCH] for start in range(0, len(paths), BATCH)]
    return torch.cat([clip.encode_images([load_photo(path) for path in part]).embeddings for part in parts])


def measure_thresholds(
    clip: Clip, phrases: Phrases, areas: Sequence[str], labels: Sequence[PhotoLabels], photos: Tensor
) -> dict[str, float]:
    """Return the threshold in [-1, 1] of each phrase that the encoder recognises.

    photos: (photos, dim) unit embeddings, in the order of `labels`.
    """
    tables = phrases.select_tables(areas)
    traits = {trait: tables[trait] for trait in tables if trait not in areas and trait not in phrases.seller}
    encoded = encode_tables(clip.project_texts, traits, load_templates(tables, areas))
    traits_by_photo = [PhotoTraits(row, phrases) for row in labels]
    thresholds: dict[str, float] = {}
    for trait, queries in encoded.items():
        rows = [number for number, each in enumerate(traits_by_photo) if trait in each.traits]
        likeness = photos[rows] @ queries.embeddings.T
        for phrase, column in zip(queries.phrases, likeness.T, strict=True):
            threshold = find_threshold(
                column, torch.tensor([traits_by_photo[number].shows(phrase, trait) for number in rows])
            )
            thresholds |= {} if threshold is None else {phrase: round(threshold, 4)}
    return thresholds


def find_threshold(likeness: Tensor, is_positive: Tensor) -> float | None:
    """Return the least similarity above which `MIN_PRECISION` of the photos show the phrase, or None.

    likeness: (photos,) cosine similarities; is_positive: (photos,) bool. Phrases too rare to be measured get None.
    """
    if int(is_positive.sum()) < MIN_POSITIVES:
        return None
    order = likeness.argsort(descending=True)
    counts = torch.arange(1, len(order) + 1)
    right = (is_positive[order].cumsum(0) / counts >= MIN_PRECISION) & (counts >= MIN_PREDICTED)
    return float(likeness[order[int(right.nonzero()[-1])]]) if bool(right.any()) else None


class PhotoTraits:
    """The words of a photo's labels."""

    def __init__(self, row: PhotoLabels, phrases: Phrases) -> None:
        named = phrases.find_things(row.item)
        self.traits = phrases.areas[named[0].area] if named else ()
        self._colours = row.colors
        self._stems = {_stem(word) for word in _words(f"{row.features} {row.pattern} {row.caption}")}

    def shows(self, phrase: str, trait: str) -> bool:
        """Return True if the labels contain every word of the phrase; «без …» cannot be verified by what is there."""
        if trait == COLOURS:
            return phrase in self._colours
        words = [word for word in _words(phrase) if len(word) > len("под")]
        return not phrase.startswith("без ") and all(_stem(word) in self._stems for word in words)


def _words(text: str) -> list[str]:
    return re.findall("[а-яё]+", text.lower())


def _stem(word: str) -> str:
    return word[:5] if len(word) > len("слово") else word[:-1]
