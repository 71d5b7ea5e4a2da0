"""Run all checks together on whole listings, as in serving: right ones, and ones whose photos show something else."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from inference.listing.attributes import parse_attributes
from inference.listing.job import Job
from inference.listing.photos import load_photo
from inference.listing.types import Listing, Photo
from inference.moderation.named_things import read_named_things
from inference.pipeline import Models, moderate

BATCH = 16


def build_listings(texts: Sequence[tuple[Sequence[Path], str]]) -> list[Listing]:
    """Return listings of photo files and texts."""
    return [Listing(tuple(map(_load, photos)), parse_attributes(text)) for photos, text in texts]


def swap_albums(listings: Sequence[Listing], seed: int) -> list[Listing]:
    """Return each album with the text of another listing that names clothes of no common kind, where there is one."""
    rnd = random.Random(seed)
    things = [read_named_things(each.attributes) for each in listings]
    swapped = []
    for own, listing in zip(things, listings, strict=True):
        others = [other.attributes for kinds, other in zip(things, listings, strict=True) if own.excludes(kinds)]
        swapped += [replace(listing, attributes=rnd.choice(others))] if others else []
    return swapped


def replace_photos(listings: Sequence[Listing], photos: Sequence[Path], seed: int) -> list[Listing]:
    """Return for each photo of something else a listing whose only photo it is."""
    rnd = random.Random(seed)
    return [replace(rnd.choice(listings), photos=(_load(photo),)) for photo in photos]


def measure_listings(models: Models, kinds: Mapping[str, Sequence[Listing]]) -> dict[str, dict[str, float]]:
    """Return per kind of listings the count, and the shares that any check refuses, or only warns of."""
    return {kind: _measure(models, listings) for kind, listings in kinds.items()}


def _measure(models: Models, listings: Sequence[Listing]) -> dict[str, float]:
    jobs = [Job(listing) for listing in listings]
    for start in range(0, len(jobs), BATCH):
        moderate(jobs[start : start + BATCH], models)
    refused = [not job.moderation.passed for job in jobs]
    warned = [job.moderation.passed and bool(job.moderation.warnings) for job in jobs]
    count = max(1, len(jobs))
    return {"count": len(jobs), "refused": round(sum(refused) / count, 4), "warned": round(sum(warned) / count, 4)}


def _load(path: Path) -> Photo:
    return Photo(path.name, "", load_photo(path))
