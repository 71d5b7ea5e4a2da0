"""The garments that can be drawn: items, colours, patterns, and the fixed details of each garment."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

RGB = tuple[int, int, int]
Gender = Literal["m", "f", "n", "p"]
Span = tuple[float, float]

COLORS: Mapping[str, RGB] = {
    "чёрный": (30, 30, 33),
    "белый": (240, 239, 235),
    "серый": (138, 139, 142),
    "синий": (38, 72, 168),
    "тёмно-синий": (28, 36, 72),
    "голубой": (132, 182, 224),
    "красный": (198, 28, 36),
    "розовый": (238, 142, 172),
    "зелёный": (44, 132, 66),
    "хаки": (108, 108, 70),
    "бежевый": (214, 192, 160),
    "коричневый": (104, 66, 42),
    "жёлтый": (244, 206, 52),
    "оранжевый": (238, 120, 32),
    "фиолетовый": (108, 58, 146),
    "бордовый": (112, 24, 46),
    "бирюзовый": (30, 164, 168),
}
# What people wear most; each mention makes the colour likelier.
COMMON_COLORS: tuple[str, ...] = (
    "чёрный", "чёрный", "чёрный", "серый", "серый", "белый", "белый", "тёмно-синий", "тёмно-синий", "синий", "голубой",
)  # fmt: skip
PATTERNS: tuple[str, ...] = (
    "однотонный", "полоска", "клетка", "горошек", "цветочный", "принт", "надпись", "камуфляж",
)  # fmt: skip


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


PLAIN = ("однотонный",)
WOVEN = ("однотонный", "однотонный", "полоска", "клетка", "горошек", "цветочный")
OUTER = ("однотонный", "однотонный", "однотонный", "камуфляж")
KNIT = ("однотонный", "однотонный", "полоска", "принт")
DENIM = ("синий", "синий", "голубой", "тёмно-синий", "чёрный", "серый")

ITEMS: Mapping[str, Item] = {
    "футболка": Item("top", "f", ("short",), ("round", "round", "v"), pockets=("none", "none", "chest")),
    "поло": Item("top", "n", ("short",), ("polo",), patterns=("однотонный", "полоска", "надпись")),
    "лонгслив": Item("top", "m", ("long",), ("round", "v", "boat"), length=(2.6, 3.0)),
    "рубашка": Item("top", "f", ("long", "long", "short"), ("shirt",), ("buttons",), ("none", "chest", "chests"),
                    length=(2.8, 3.2), patterns=WOVEN),
    "блузка": Item("top", "f", ("long", "short", "three_quarter"), ("v", "round", "shirt"), ("buttons", "none"),
                   length=(2.5, 2.9), flare=(0.0, 0.3), patterns=WOVEN),
    "свитер": Item("top", "m", ("long",), ("turtle", "round"), textures=("knit", "cable"), trims=("rib",),
                   length=(2.5, 2.8), patterns=KNIT),
    "джемпер": Item("top", "m", ("long",), ("v", "round"), textures=("knit", "plain"), trims=("rib",),
                    length=(2.5, 2.8), patterns=KNIT),
    "кардиган": Item("top", "m", ("long",), ("cardigan",), ("buttons",), ("none", "patch"), ("knit",), ("rib",),
                     length=(2.6, 3.2), patterns=KNIT),
    "толстовка": Item("top", "f", ("long",), ("hood", "stand"), ("zip",), ("slant", "kangaroo"), ("fleece",),
                      ("rib",), length=(2.4, 2.8)),
    "худи": Item("top", "n", ("long",), ("hood",), ("none",), ("kangaroo",), ("fleece",), ("rib",),
                 length=(2.4, 2.8)),
    "свитшот": Item("top", "m", ("long",), ("round",), textures=("fleece",), trims=("rib",), length=(2.3, 2.7)),
    "куртка": Item("top", "f", ("long",), ("stand", "hood", "shirt"), ("zip", "zip", "buttons"), ("slant", "flaps"),
                   ("plain", "quilt", "leather", "denim"), ("rib", "hem"), length=(2.5, 3.3), patterns=OUTER),
    "пуховик": Item("top", "m", ("long",), ("hood", "stand"), ("zip",), ("slant",), ("quilt",), ("hem",),
                    length=(2.9, 3.9), patterns=PLAIN),
    "жилет": Item("top", "m", ("none",), ("stand", "stand", "hood"), ("zip",), ("slant",), ("quilt", "quilt", "plain"),
                  ("hem",), length=(2.5, 2.9), patterns=OUTER),
    "пиджак": Item("top", "m", ("long",), ("lapel",), ("buttons",), ("flaps",), length=(2.8, 3.1), flare=(0, 0.1),
                   patterns=("однотонный", "однотонный", "клетка", "полоска")),
    "платье": Item("top", "n", ("short", "long", "none", "three_quarter"), ("round", "v", "boat"), bottom="skirt",
                   length=(3.9, 5.2), flare=(0.15, 1.0), patterns=(*WOVEN, "принт")),
    "сарафан": Item("top", "m", ("strap",), ("strap",), bottom="skirt", length=(3.9, 5.2), flare=(0.3, 1.0),
                    patterns=WOVEN),
    "майка": Item("top", "f", ("none", "none", "strap"), ("tank",), length=(2.6, 3.0)),
    "топ": Item("top", "m", ("strap", "none"), ("tank", "boat"), length=(1.9, 2.3), flare=(0, 0.2)),
    "боди": Item("top", "n", ("short", "long", "none"), ("envelope",), bottom="crotch", length=(2.7, 2.9)),
    "комбинезон": Item("top", "m", ("long",), ("hood", "round", "stand"), ("zip", "buttons"), bottom="legs",
                       textures=("plain", "quilt", "fleece"), trims=("rib", "hem"), length=(4.0, 4.6)),
    "юбка": Item("skirt", "f", closures=("none", "zip", "buttons"), pockets=("none", "none", "jeans"),
                 textures=("plain", "plain", "pleats", "denim"), length=(1.6, 3.4), flare=(0.0, 0.9),
                 patterns=(*WOVEN, "принт")),
    "шорты": Item("legs", "p", closures=("elastic", "fly"), pockets=("slant", "jeans"), textures=("plain", "denim"),
                  length=(1.5, 2.1), flare=(0.0, 0.2)),
    "бриджи": Item("legs", "p", closures=("elastic", "fly"), pockets=("slant",), length=(2.7, 3.0),
                   flare=(-0.1, 0.05), patterns=("однотонный", "однотонный", "клетка", "камуфляж")),
    "брюки": Item("legs", "p", closures=("elastic", "fly", "fly"), pockets=("slant",), trims=("hem", "hem", "rib"),
                  length=(4.0, 4.6), flare=(-0.1, 0.15),
                  patterns=("однотонный", "однотонный", "однотонный", "клетка", "полоска", "камуфляж")),
    "джинсы": Item("legs", "p", closures=("fly",), pockets=("jeans",), textures=("denim",), length=(4.0, 4.6),
                   flare=(-0.15, 0.12), patterns=PLAIN, colors=DENIM),
    "леггинсы": Item("legs", "p", closures=("elastic",), length=(3.9, 4.4), flare=(-0.3, -0.22),
                     patterns=("однотонный", "однотонный", "цветочный", "полоска", "камуфляж")),
    "кроссовки": Item("sneakers", "p", closures=("laces",), patterns=PLAIN),
    "ботинки": Item("boots", "p", closures=("laces", "laces", "none"), textures=("leather", "plain"), patterns=PLAIN),
    "сапоги": Item("tall", "p", closures=("none", "zip"), textures=("leather", "plain"), patterns=PLAIN),
    "туфли": Item("pumps", "p", textures=("leather",), patterns=PLAIN),
    "кепка": Item("cap", "f", patterns=("однотонный", "однотонный", "надпись", "принт", "камуфляж")),
    "шапка": Item("hat", "f", textures=("knit",), trims=("cuff", "pompom", "ears"), patterns=("однотонный", "полоска")),
}  # fmt: skip

THINGS: Mapping[str, Item] = {
    "кружка": Item("mug", "f", patterns=("однотонный", "горошек", "полоска", "цветочный", "надпись")),
    "книга": Item("book", "f", patterns=PLAIN),
    "мяч": Item("ball", "m", patterns=PLAIN),
    "лампа": Item("lamp", "f", patterns=PLAIN),
    "ваза": Item("vase", "f", patterns=("однотонный", "полоска", "цветочный")),
    "стул": Item("chair", "m", patterns=PLAIN),
}


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


MOTIFS: tuple[str, ...] = ("сердце", "звезда", "кот", "мишка", "солнце", "машинка", "цветок", "кораблик")
WORDS: tuple[str, ...] = (
    "LOVE", "SPORT", "NEW YORK", "HAPPY", "DREAM", "SUMMER", "STAR", "PARIS", "MUSIC", "HELLO", "OCEAN", "URBAN",
)  # fmt: skip


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
        motif=rnd.choice(MOTIFS),
        words=rnd.choice(WORDS),
    )


def random_garment(rnd: random.Random) -> Garment:
    """Return a plausible garment, with a second colour if its pattern needs one, and rarely otherwise."""
    name = rnd.choice(list(ITEMS))
    item = ITEMS[name]
    color = rnd.choice([*item.colors, *(common for common in COMMON_COLORS if common in item.colors)])
    pattern = rnd.choice(item.patterns)
    needs = pattern not in ("однотонный", "камуфляж")
    second = rnd.choice(list_contrasts(color)) if needs or rnd.random() < 0.25 else None
    return Garment(name, color, pattern, second, rnd.randrange(10**6))


def list_contrasts(color: str) -> list[str]:
    """Return the colours that differ from `color` at a glance; white twice, because it is the commonest partner."""
    base = COLORS[color]
    far = [name for name, rgb in COLORS.items() if sum(abs(a - b) for a, b in zip(base, rgb, strict=True)) > 170]
    return [*far, *(name for name in ("белый", "белый", "чёрный") if name in far)]
