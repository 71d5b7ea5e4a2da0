"""From which similarity on a dual encoder is right about a phrase: thresholds for the interrogator.

An encoder reads every phrase, also those that it never learned to see. What it may say is measured on photos whose
labels are known.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import torch
from torch import Tensor

from inference.captioners.interrogator.captioner import THRESHOLDS, templates
from inference.captioners.interrogator.labels import label
from inference.captioners.interrogator.phrases import COLOURS, Phrases, read
from inference.checkpoints.registry import Card, get_card, load_card, save_card
from inference.clip.dual_encoder import Clip
from inference.listing.photos import load_photo
from training.data.examples import PhotoLabels, read_photo_labels

# A phrase is said where at least this share of the training photos that would get it show it; the labels leave out
# much of what is seen, so that more of them are right.
RIGHT: Final = 0.5
# Fewer photos than these measure nothing.
LEAST_SHOWN, LEAST_SAID = 8, 8
BATCH: Final = 16


def calibrate(data: Path, out: Path) -> Card:
    """Measure the thresholds of the interrogator in `out` on the training photos of a data set, and seal its card."""
    card, phrases = load_card(out), read()
    clip = Clip.load(get_card(out.parent.parent, "clip", str(card.settings["clip"])).folder)
    labels = {name: row for name, row in read_photo_labels(data).items() if row.split == "train"}
    photos = encode_photos(clip, [data / "photos" / f"{name}.jpg" for name in labels])
    areas = [str(area) for area in card.settings["areas"]]  # type: ignore[attr-defined]
    found = thresholds(clip, phrases, areas, list(labels.values()), photos)
    (out / THRESHOLDS).write_text(json.dumps(found, ensure_ascii=False, indent=1, sort_keys=True) + "\n", "utf-8")
    return save_card(card)


def encode_photos(clip: Clip, paths: Sequence[Path]) -> Tensor:
    """Photos → (photos, dim)."""
    parts = [paths[start : start + BATCH] for start in range(0, len(paths), BATCH)]
    return torch.cat([clip.encode_images([load_photo(path) for path in part]).embeddings for part in parts])


def thresholds(
    clip: Clip, phrases: Phrases, areas: Sequence[str], labels: Sequence[PhotoLabels], photos: Tensor
) -> dict[str, float]:
    """Phrase → threshold, of the phrases that the encoder can tell; photos: (photos, dim), of the labels in order."""
    tables = phrases.of(areas)
    traits = {trait: tables[trait] for trait in tables if trait not in areas and trait not in phrases.seller}
    read_as = label(clip.project_texts, traits, templates(tables, areas))
    shown = [Shown(row, phrases) for row in labels]
    found: dict[str, float] = {}
    for trait, known in read_as.items():
        kept = [number for number, each in enumerate(shown) if trait in each.traits]
        likeness = photos[kept] @ known.embeddings.T
        for phrase, column in zip(known.phrases, likeness.T, strict=True):
            threshold = threshold_of(column, torch.tensor([shown[number].shows(phrase, trait) for number in kept]))
            found |= {} if threshold is None else {phrase: round(threshold, 4)}
    return found


def threshold_of(likeness: Tensor, shown: Tensor) -> float | None:
    """The least similarity above which at least `RIGHT` of the photos show it; (photos,) float and bool.

    None for what is too rare to be measured, and where nothing can be said so surely.
    """
    if int(shown.sum()) < LEAST_SHOWN:
        return None
    order = likeness.argsort(descending=True)
    counts = torch.arange(1, len(order) + 1)
    right = (shown[order].cumsum(0) / counts >= RIGHT) & (counts >= LEAST_SAID)
    return float(likeness[order[int(right.nonzero()[-1])]]) if bool(right.any()) else None


class Shown:
    """What a photo's labels say that it shows."""

    def __init__(self, row: PhotoLabels, phrases: Phrases) -> None:
        named = phrases.named(row.item)
        self.traits = phrases.areas[named[0].area] if named else ()
        self._colours = row.colors
        self._stems = {_stem(word) for word in _words(f"{row.features} {row.pattern} {row.caption}")}

    def shows(self, phrase: str, trait: str) -> bool:
        """Whether every word of the phrase is there; «без …» cannot be known from what is there."""
        if trait == COLOURS:
            return phrase in self._colours
        words = [word for word in _words(phrase) if len(word) > len("под")]
        return not phrase.startswith("без ") and all(_stem(word) in self._stems for word in words)


def _words(text: str) -> list[str]:
    return re.findall("[а-яё]+", text.lower())


def _stem(word: str) -> str:
    return word[:5] if len(word) > len("слово") else word[:-1]
