"""A tiny data set of drawings in the data-set format."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from training.drawings import Garment, caption, draw

COLUMNS = ("photo", "split", "sender", "label", "item", "color", "pattern", "features", "audience", "things", "caption")
ITEMS, COLORS = ("футболка", "джинсы"), ("синий", "чёрный")
TRAIN, VAL = 16, 8


@pytest.fixture(scope="session")
def data_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixteen drawings to train on and eight held out: two items in two colours, from two senders."""
    folder = tmp_path_factory.mktemp("clothing")
    (folder / "photos").mkdir()
    rnd = random.Random(0)
    rows: list[tuple[object, ...]] = []
    captions: list[dict[str, object]] = []
    listings: list[dict[str, object]] = []
    for number in range(TRAIN + VAL):
        garment = Garment(ITEMS[number % 2], COLORS[number // 2 % 2], "однотонный", None, number)
        name, split = f"p{number:02}", "train" if number < TRAIN else "val"
        draw([garment], number, (60, 80)).save(folder / "photos" / f"{name}.jpg")
        said = caption(garment, rnd)
        audience = ("женский", "мужской")[number % 2]
        rows.append(
            (name, split, number // 4 % 2, "", garment.item, garment.color, garment.pattern, "", audience, 1, said)
        )
        line = {"photos": [f"photos/{name}.jpg"], "split": split, "gpt_description": None, "diversity_score": 0.0}
        captions.append({"id": name, "attributes": {}, "description": said, **line})
        fields = {"Предмет одежды": garment.item, "Цена": str(100 * number + 50), "Размер": "44-46", "Рост": "170 см"}
        fields |= {"Состояние": "хорошее", "Вид одежды": audience.replace("ий", "ая"), "Доставка": "300 руб."}
        listings.append(
            {"id": f"l{number}", "attributes": fields, "description": f"{said} Цена {100 * number + 50}.", **line}
        )
    table = ["\t".join(map(str, row)) for row in (COLUMNS, *rows)]
    (folder / "photos.tsv").write_text("\n".join(table) + "\n", encoding="utf-8")
    for name, lines in (("captions", captions), ("listings", listings)):
        text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
        (folder / f"{name}.jsonl").write_text(text, encoding="utf-8")
    return folder
