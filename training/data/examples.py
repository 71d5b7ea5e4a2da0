"""Read data-set folders: listings, and labels of each photo."""

from __future__ import annotations

import csv
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from inference.listing.photos import load_photo


@dataclass(frozen=True, slots=True)
class Example:
    """One line of a data set with its photo paths resolved."""

    id: str
    photos: tuple[Path, ...]
    attributes: dict[str, str]
    description: str | None
    gpt_description: str | None
    diversity_score: float | None
    split: str

    @property
    def attributes_text(self) -> str:
        """Return the attributes as the pipeline writes them: one `name: value` per line."""
        return "\n".join(f"{name}: {value}" for name, value in self.attributes.items())


@dataclass(frozen=True, slots=True)
class PhotoLabels:
    """The labels of one photo (`photos.tsv`); the main colour comes first in `colors`.

    second_caption: of another person; empty for most photos. sender: who took the photo, a number.
    """

    split: str
    item: str
    colors: tuple[str, ...]
    pattern: str
    audience: str
    caption: str
    features: str = ""
    second_caption: str = ""
    sender: str = ""


def load_examples(path: Path) -> list[Example]:
    """Read the listings of a JSONL file in the data-set format; photo paths are relative to the file."""
    # `splitlines` would also split at U+2028 and the like, which JSON strings may contain.
    lines = path.read_text(encoding="utf-8").split("\n")
    return [_example(json.loads(line), path.parent) for line in lines if line]


def _example(line: dict[str, object], folder: Path) -> Example:
    fields = {name: line.get(name) for name in ("description", "gpt_description", "diversity_score")}
    photos = tuple(folder / name for name in line["photos"])  # type: ignore[attr-defined]
    return Example(id=line["id"], photos=photos, attributes=line["attributes"], split=line["split"], **fields)  # type: ignore[arg-type]


def load_photo_labels(folder: Path) -> dict[str, PhotoLabels]:
    """Read `photos.tsv` of a folder, by photo name without suffix; empty if there is none."""
    path = folder / "photos.tsv"
    if not path.exists():
        return {}
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    return {
        row["photo"]: PhotoLabels(
            split=row["split"],
            item=row["item"],
            colors=tuple(color.strip() for color in row["color"].split(",") if color.strip()),
            pattern=row["pattern"],
            audience=row["audience"],
            caption=row["caption"],
            features=row.get("features", ""),
            second_caption=row.get("caption2") or "",
            sender=row.get("sender", ""),
        )
        for row in rows
    }


def load_pixels(paths: list[Path], size: int) -> Tensor:
    """Load photos squeezed to squares of `size` pixels: (len(paths), 3, size, size) uint8."""

    with ThreadPoolExecutor() as pool:
        return torch.stack(list(pool.map(lambda path: resize_square(load_photo(path), size), paths)))


def resize_square(image: Image.Image, size: int) -> Tensor:
    """Squeeze a photo to a square of `size` pixels: (3, size, size) uint8."""
    if image.size != (size, size):
        image = image.resize((size, size), Image.Resampling.BICUBIC, reducing_gap=3)
    return torch.from_numpy(np.asarray(image).copy()).permute(2, 0, 1)
