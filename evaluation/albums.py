"""Accuracy of «one thing or many» on labelled albums, by classifier and zero-shot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from inference.clip.dual_encoder import Clip
from inference.diversity import DiversityClassifier, zero_shot
from inference.listing.types import Listing


def measure_album_accuracy(
    clip: Clip, classifier: DiversityClassifier, albums: Mapping[str, Sequence[tuple[Listing, bool]]]
) -> dict[str, dict[str, float]]:
    """Return the accuracy of each method per kind of album, and the mean over the kinds, in [0, 1].

    albums: kind → listings with True for many things. Methods: the trained classifier, the dual encoder zero-shot, and
    counting photos as a baseline.
    """
    table: dict[str, dict[str, float]] = {}
    for kind, listings in albums.items():
        right = {"classifier": 0, "zero_shot": 0, "photo_count": 0}
        for listing, many in listings:
            views = clip.encode_images([photo.image for photo in listing.photos])
            right["classifier"] += (classifier.score(views) >= 0.5) == many
            right["zero_shot"] += (zero_shot(clip, views) >= 0.5) == many
            right["photo_count"] += (len(views) > 1) == many
        table[kind] = {way: count / len(listings) for way, count in right.items()}
    # Kinds count equally, however many albums they have.
    ways = ("classifier", "zero_shot", "photo_count")
    return table | {"all": {way: sum(row[way] for row in table.values()) / max(1, len(table)) for way in ways}}
