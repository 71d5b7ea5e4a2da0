"""Draw garments, alone and in sets, as further training photos: the preloaded cases are drawn."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Final

from PIL import Image
from torch import Tensor

from training.data.examples import PhotoLabels
from training.drawings import Garment, caption, draw, random_garment
from training.facts.labels import Targets, encode_targets

SET_SHARE: Final = 0.3


def draw_photos(count: int, labels: Mapping[str, Sequence[str]], seed: int) -> tuple[list[Image.Image], Targets]:
    """Return RGB drawings with their targets; those of a set are shared equally between its garments."""
    rnd = random.Random(seed)
    images: list[Image.Image] = []
    targets = encode_targets([], labels)
    for _ in range(count):
        garments = [random_garment(rnd) for _ in range(rnd.choice((2, 3)) if rnd.random() < SET_SHARE else 1)]
        images.append(draw(garments, rnd.randrange(1 << 30)))
        targets = targets.join(_share(encode_targets([_label(garment, rnd) for garment in garments], labels)))
    return images, targets


def _label(garment: Garment, rnd: random.Random) -> PhotoLabels:
    colours = tuple(filter(None, (garment.color, garment.second_color)))
    return PhotoLabels("train", garment.item, colours, garment.pattern, "", caption(garment, rnd))


def _share(targets: Targets) -> Targets:
    """Return one row for all: the mean of distributions, and the properties that any of them has."""

    def mean(values: Tensor) -> Tensor:
        return values.mean(0, keepdim=True)

    any_of = targets.properties.amax(0, keepdim=True)
    return Targets(mean(targets.item), mean(targets.colour), mean(targets.audience), any_of)
