"""Draw the photos of the preloaded cases again: `.venv/bin/python scripts/draw_testcases.py`.

No training set contains them: training draws garments with a `detail_seed` below 1,000,000 and photos with seeds below
2³¹; the seeds of the cases begin there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from training.drawings import Garment, draw

CASES = Path(__file__).resolve().parent.parent / "testcases"
FIRST_DETAIL = 1_000_000
FIRST_VIEW = 1 << 31
SIZE = (400, 533)
QUALITY = 88


@dataclass(frozen=True, slots=True)
class Picture:
    """Garments side by side in one photo; `view` is the seed of background, pose and camera."""

    garments: tuple[Garment, ...]
    view: int


def _build_garment(item: str, color: str, pattern: str, second_color: str | None, detail: int) -> Garment:
    return Garment(item, color, pattern, second_color, FIRST_DETAIL + detail)


SKIRT = _build_garment("юбка", "белый", "цветочный", "бирюзовый", 3)
SHIRT = _build_garment("рубашка", "голубой", "однотонный", None, 4)
SHOP_TSHIRT = _build_garment("футболка", "красный", "надпись", "белый", 612)
BOYS_SET = (
    _build_garment("футболка", "красный", "надпись", "белый", 600),
    _build_garment("джинсы", "синий", "однотонный", None, 601),
    _build_garment("кроссовки", "чёрный", "однотонный", "белый", 602),
)

PICTURES: Mapping[str, Picture] = {
    "1.1/tshirt.jpg": Picture((_build_garment("футболка", "красный", "надпись", "белый", 4),), 1),
    "1.2/skirt-1.jpg": Picture((SKIRT,), 6),
    "1.2/skirt-2.jpg": Picture((SKIRT,), 9),
    "1.2/skirt-3.jpg": Picture((SKIRT,), 2),
    "2.1/jeans.jpg": Picture((_build_garment("джинсы", "синий", "однотонный", None, 3),), 2),
    "3.1/set.jpg": Picture(BOYS_SET, 44),
    "3.2/red.jpg": Picture((_build_garment("футболка", "красный", "принт", "чёрный", 304),), 1),
    "3.2/white.jpg": Picture((_build_garment("футболка", "белый", "однотонный", None, 344),), 7),
    "3.2/black.jpg": Picture((_build_garment("футболка", "чёрный", "принт", "голубой", 323),), 6),
    "3.3/tshirts.jpg": Picture((SHOP_TSHIRT,) * 4, 35),
    "4/jeans.jpg": Picture((_build_garment("джинсы", "голубой", "однотонный", None, 401),), 21),
    "5/shirt-1.jpg": Picture((SHIRT,), 6),
    "5/shirt-2.jpg": Picture((SHIRT,), 8),
    "7/dress.jpg": Picture((_build_garment("платье", "синий", "однотонный", None, 2),), 6),
    "8/jeans.jpg": Picture((_build_garment("джинсы", "синий", "однотонный", None, 620),), 9),
    "8/tshirt.jpg": Picture((_build_garment("футболка", "коричневый", "принт", "бежевый", 0),), 6),
    "8/sneakers.jpg": Picture((_build_garment("кроссовки", "розовый", "однотонный", "белый", 2),), 6),
}


def main() -> None:
    """Draw every picture into the folder of its case."""
    for name, picture in PICTURES.items():
        path = CASES / name
        draw(picture.garments, FIRST_VIEW + picture.view, SIZE).save(path, quality=QUALITY, optimize=True)
        print(f"{path.stat().st_size / 1024:5.1f} KB  {name}")


if __name__ == "__main__":
    main()
