"""Photos of things that are not clothes, named in Russian after their file names, to tell them from clothes.

The names are those of two public data sets: garythung/trashnet and marcusklasson/GroceryStoreDataset (both MIT).
"""

from __future__ import annotations

from pathlib import Path

# The first entry that a lower-case file name begins with, or holds after a dash, gives the text.
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


def name_of(path: Path) -> str | None:
    """The Russian name of the thing on a photo, None for a file that is not of these data sets."""
    stem = path.stem.lower()
    return next((name for part, name in NAMES.items() if part in stem), None)


def list_negatives(folder: Path) -> list[tuple[Path, str]]:
    """All photos below a folder with the name of what they show, in a fixed order."""
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg", ".png"))
    return [(path, name) for path in paths if (name := name_of(path))]


def is_held_out(path: Path) -> bool:
    """Whether a photo's class is kept for measuring: every third name by its sum of bytes."""
    return sum((name_of(path) or "").encode()) % 3 == 0
