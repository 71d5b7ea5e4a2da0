"""All photos of a training run in the memory of the device, with their texts and labels."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from tokenizers import Tokenizer
from torch import Tensor

from training.data.examples import PhotoLabels, load_examples, load_photo_labels, load_pixels, resize_square
from training.data.labels import Vocabulary, encode_labels
from training.data.negatives import is_held_out, list_negatives
from training.drawings import caption, draw, random_garment

STORED = 224
TEXTS = 4


@dataclass(frozen=True, slots=True)
class Picture:
    """One photo or drawing before it is loaded: source of its pixels, matching texts, labels."""

    source: Path | int
    texts: tuple[str, ...]
    labels: PhotoLabels | None


@dataclass(frozen=True, slots=True)
class Dataset:
    """Pictures as tensors.

    pixels: (pictures, 3, STORED, STORED) uint8; tokens: (pictures, TEXTS, length) int64, 0 is padding; labels: class
    numbers per head, (pictures,) int64; groups: (pictures,) int64, similar pictures share a number.
    """

    pixels: Tensor
    tokens: Tensor
    labels: dict[str, Tensor]
    groups: Tensor

    def sample(self, count: int) -> Dataset:
        """Draw pictures with replacement."""
        rows = torch.randint(len(self.pixels), (count,), device=self.pixels.device)
        labels = {name: values[rows] for name, values in self.labels.items()}
        return Dataset(self.pixels[rows], self.tokens[rows], labels, self.groups[rows])

    def to(self, device: torch.device) -> Dataset:
        """Return the data set in the memory of a device."""
        labels = {name: values.to(device) for name, values in self.labels.items()}
        return Dataset(self.pixels.to(device), self.tokens.to(device), labels, self.groups.to(device))


def load_clothes(folder: Path, split: str) -> list[Picture]:
    """Return the photos of a data-set folder with captions, labels, and the fields of their listings."""
    labels = load_photo_labels(folder)
    fields: dict[str, list[str]] = {}
    for example in load_examples(folder / "listings.jsonl"):
        if len(example.photos) == 1 and example.description:
            fields.setdefault(example.photos[0].stem, []).extend((example.attributes_text, example.description))
    rows = [example for example in load_examples(folder / "captions.jsonl") if example.split == split]
    return [_clothing(example.photos[0], labels[example.photos[0].stem], fields) for example in rows]


def _clothing(path: Path, labels: PhotoLabels, fields: dict[str, list[str]]) -> Picture:
    tags = f"{labels.item} {', '.join(labels.colors)}, {labels.pattern}"
    more = fields.get(path.stem, [labels.caption, f"{labels.colors[0]} {labels.item}"])
    return Picture(path, (labels.caption, tags, *more), labels)


def load_negatives(folder: Path) -> list[Picture]:
    """Return photos of things that are not clothes, without those held out for measuring."""
    return [Picture(path, (name,), None) for path, name in list_negatives(folder) if not is_held_out(path)]


def draw_pictures(count: int, seed: int) -> list[Picture]:
    """Return drawings of garments with captions and labels."""
    return [_draw_picture(seed + number) for number in range(count)]


def _draw_picture(seed: int) -> Picture:
    rnd = random.Random(seed)
    garment = random_garment(rnd)
    colors = tuple(filter(None, (garment.color, garment.second_color)))
    labels = PhotoLabels("train", garment.item, colors, garment.pattern, "", "")
    return Picture(seed, (caption(garment, rnd), caption(garment, rnd)), labels)


def _draw(seed: int) -> Tensor:
    return resize_square(draw([random_garment(random.Random(seed))], seed), STORED)


def build_dataset(pictures: Sequence[Picture], tokenizer: Tokenizer, words: Vocabulary, workers: int) -> Dataset:
    """Load the pictures as tensors; `workers` processes render the drawings."""
    paths = [picture.source for picture in pictures if isinstance(picture.source, Path)]
    seeds = [picture.source for picture in pictures if isinstance(picture.source, int)]
    pixels = load_pixels(paths, STORED)
    if seeds:
        with torch.multiprocessing.get_context("spawn").Pool(workers) as pool:
            pixels = torch.cat((pixels, torch.stack(pool.map(_draw, seeds, chunksize=16))))
    texts = [picture.texts[number % len(picture.texts)] for picture in pictures for number in range(TEXTS)]
    encoded = [encoding.ids for encoding in tokenizer.encode_batch(texts)]
    length = max(map(len, encoded))
    tokens = torch.tensor([ids + [0] * (length - len(ids)) for ids in encoded]).view(len(pictures), TEXTS, length)
    names = [_group(picture) for picture in pictures]
    numbers = {name: number for number, name in enumerate(sorted(set(names)))}
    groups = torch.tensor([numbers[name] for name in names])
    return Dataset(pixels, tokens, encode_labels([picture.labels for picture in pictures], words), groups)


def _group(picture: Picture) -> str:
    labels = picture.labels
    return f"{labels.item} {labels.colors[:1]} {labels.pattern}" if labels else picture.texts[0]
