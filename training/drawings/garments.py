"""The garments that can be drawn: items, colours, patterns, and the fixed details of each garment."""

from __future__ import annotations

import random
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

RGB = tuple[int, int, int]
Gender = Literal["m", "f", "n", "p"]
Span = tuple[float, float]

_TABLE: Mapping[str, Any] = tomllib.loads(Path(__file__).with_name("garments.toml").read_text("utf-8"))
COLORS: Mapping[str, RGB] = {name: tuple(rgb) for name, rgb in _TABLE["colors"].items()}
PATTERNS: tuple[str, ...] = tuple(_TABLE["patterns"])


@dataclass(frozen=True, slots=True)
class Garment:
    """One thing to draw. `detail_seed` varies its shape (sleeves, collar, pockets, length) within the item."""

    item: str
    color: str
    pattern: str
    second_color: str | None
    detail_seed: int = 0


@dataclass(frozen=True, slots=True)
class Item:
    """The options of an item; a garment gets one option of each tuple, and lengths and flare within the spans."""

    shape: str
    gender: Gender
    sleeves: tuple[str, ...] = ("none",)
    necks: tuple[str, ...] = ("round",)
    closures: tuple[str, ...] = ("none",)
    pockets: tuple[str, ...] = ("none",)
    textures: tuple[str, ...] = ("plain",)
    trims: tuple[str, ...] = ("hem",)
    bottom: str = "hem"
    length: Span = (2.6, 3.1)
    flare: Span = (-0.05, 0.1)
    patterns: tuple[str, ...] = PATTERNS
    colors: tuple[str, ...] = tuple(COLORS)


def _build_item(table: Mapping[str, Any]) -> Item:
    options: dict[str, Any] = {name: tuple(each) if isinstance(each, list) else each for name, each in table.items()}
    return Item(**options)


ITEMS: Mapping[str, Item] = {name: _build_item(table) for name, table in _TABLE["items"].items()}
THINGS: Mapping[str, Item] = {name: _build_item(table) for name, table in _TABLE["things"].items()}


@dataclass(frozen=True, slots=True)
class Details:
    """The properties of a garment that stay in every photo: options of its item, sizes in half chest widths."""

    item: Item
    sleeve: str
    neck: str
    closure: str
    pocket: str
    texture: str
    trim: str
    length: float
    flare: float
    width: float
    contrast: bool
    motif: str
    words: str

    @property
    def is_all_over_print(self) -> bool:
        """True if a motif covers the cloth instead of being printed once."""
        return self.item.shape in ("legs", "skirt") or self.item.bottom == "skirt"


def get_item(garment: Garment) -> Item:
    """The item that the garment names.

    Raises KeyError for an item that cannot be drawn.
    """
    return ITEMS[garment.item] if garment.item in ITEMS else THINGS[garment.item]


def get_details(garment: Garment) -> Details:
    """Return the details of a garment, always the same ones."""
    item = get_item(garment)
    rnd = random.Random(f"{garment.item}/{garment.detail_seed}")
    sleeve = rnd.choice(item.sleeves)
    return Details(
        item=item,
        sleeve=sleeve,
        neck="strap" if sleeve == "strap" else rnd.choice(item.necks),
        closure=rnd.choice(item.closures),
        pocket=rnd.choice(item.pockets),
        texture=rnd.choice(item.textures),
        trim=rnd.choice(item.trims),
        length=rnd.uniform(*item.length),
        flare=rnd.uniform(*item.flare),
        width=rnd.uniform(0.92, 1.12),
        contrast=garment.second_color is not None and garment.pattern != "камуфляж" and rnd.random() < 0.4,
        motif=rnd.choice(_TABLE["motifs"]),
        words=rnd.choice(_TABLE["words"]),
    )


def random_garment(rnd: random.Random) -> Garment:
    """Return a plausible garment, with a second colour if its pattern needs one, and rarely otherwise."""
    name = rnd.choice(list(ITEMS))
    item = ITEMS[name]
    color = rnd.choice([*item.colors, *(common for common in _TABLE["common_colors"] if common in item.colors)])
    pattern = rnd.choice(item.patterns)
    needs = pattern not in ("однотонный", "камуфляж")
    second = rnd.choice(list_contrasts(color)) if needs or rnd.random() < 0.25 else None
    return Garment(name, color, pattern, second, rnd.randrange(10**6))


def list_contrasts(color: str) -> list[str]:
    """Return the colours that differ from `color` at a glance; white twice, because it is the commonest partner."""
    base = COLORS[color]
    far = [name for name, rgb in COLORS.items() if sum(abs(a - b) for a, b in zip(base, rgb, strict=True)) > 170]
    return [*far, *(name for name in ("белый", "белый", "чёрный") if name in far)]
