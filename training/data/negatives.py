"""Photos of things that are not clothes, named in Russian by their file names.

The names are those of two public data sets: garythung/trashnet and marcusklasson/GroceryStoreDataset (both MIT).
"""

from __future__ import annotations

from pathlib import Path

# The first entry that a lower-case file name starts with, or has after a dash, names the thing.
NAMES = {
    "soyghurt": "соевый йогурт в упаковке",
    "oatghurt": "овсяный йогурт в упаковке",
    "oat-milk": "овсяное молоко в пакете",
    "milk": "пакет молока",
    "sour-cream": "сметана в упаковке",
    "yoghurt": "йогурт в пакете",
    "juice": "сок в пакете",
    "asparagus": "спаржа",
    "aubergine": "баклажаны",
    "avocado": "авокадо",
    "banana": "бананы",
    "tomato": "помидоры",
    "mushroom": "грибы",
    "cabbage": "капуста",
    "cantaloupe": "дыня",
    "carrots": "морковь",
    "conference": "груши",
    "cucumber": "огурцы",
    "sweet-potato": "батат",
    "potato": "картофель",
    "watermelon": "арбузы",
    "melon": "дыня",
    "ginger": "имбирь",
    "golden-delicious": "жёлтые яблоки",
    "granny-smith": "зелёные яблоки",
    "pink-lady": "розовые яблоки",
    "royal-gala": "красные яблоки",
    "kiwi": "киви",
    "leek": "лук-порей",
    "lemon": "лимоны",
    "lime": "лаймы",
    "mango": "манго",
    "grapefruit": "грейпфруты",
    "bell-pepper": "болгарский перец",
    "orange": "апельсины",
    "passion-fruit": "маракуйя",
    "peach": "персики",
    "pineapple": "ананас",
    "pomegranate": "гранаты",
    "beet": "свёкла",
    "satsumas": "мандарины",
    "onion": "репчатый лук",
    "zucchini": "кабачки",
    "cardboard": "картонная коробка",
    "glass": "стеклянная бутылка или банка",
    "metal": "металлическая банка",
    "paper": "бумага, газета",
    "plastic": "пластиковая бутылка или упаковка",
    "trash": "мусор, упаковка от еды",
}


def name_photo(path: Path) -> str | None:
    """Return the Russian name of the thing on a photo; None for a file of another data set."""
    stem = path.stem.lower()
    return next((name for part, name in NAMES.items() if part in stem), None)


def list_negatives(folder: Path) -> list[tuple[Path, str]]:
    """Return all photos below a folder with the names of their things, in a fixed order."""
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg", ".png"))
    return [(path, name) for path in paths if (name := name_photo(path))]


def is_held_out(path: Path) -> bool:
    """Return True if a photo's class is held out for measuring: every third name by its sum of bytes."""
    return sum((name_photo(path) or "").encode()) % 3 == 0
