"""Tests of the negatives, which are named after their files."""

from __future__ import annotations

from pathlib import Path

import pytest

from training.data.negatives import NAMES, is_held_out, list_negatives, name_photo


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("Golden-Delicious_001.jpg", "жёлтые яблоки"),
        ("Arla-Sour-Milk_002.jpg", "пакет молока"),
        ("Sweet-Potato_3.png", "батат"),
        ("Solid-Potato.jpg", "картофель"),
        ("Watermelon_1.jpg", "арбузы"),
        ("Galia-Melon_1.jpg", "дыня"),
        ("Alpro-Fresh-Soyghurt.jpg", "соевый йогурт в упаковке"),
        ("cardboard12.jpg", "картонная коробка"),
        ("IMG_1234.jpg", None),
    ],
)
def test_a_file_s_name_tells_what_it_shows(file: str, name: str | None) -> None:
    """The longer word wins: a sweet potato is no potato, a watermelon no melon."""
    assert name_photo(Path(file)) == name


def test_photos_come_in_a_fixed_order_without_strangers(tmp_path: Path) -> None:
    for name in ("b/kiwi2.JPG", "a/kiwi1.png", "a/notes.txt", "a/unknown.jpg"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    assert [(path.name, name) for path, name in list_negatives(tmp_path)] == [
        ("kiwi1.png", "киви"),
        ("kiwi2.JPG", "киви"),
    ]


def test_a_class_is_held_out_as_a_whole() -> None:
    """All photos of a name are measured or trained on, and there is enough of both."""
    classes = {name: {is_held_out(Path(f"{word}{n}.jpg")) for n in range(3)} for word, name in NAMES.items()}
    assert all(len(sides) == 1 for sides in classes.values())
    share = sum(sides == {True} for sides in classes.values()) / len(classes)
    assert 0.15 < share < 0.6
