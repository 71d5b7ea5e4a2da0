"""Tests of the drawings: they show their garment and depend on the seed alone."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.drawings import COLORS, ITEMS, PATTERNS, THINGS, Garment, caption, draw, random_garment
from training.drawings.captions import ACCUSATIVE, GENITIVE, INSTRUMENTAL, decline

SMALL = (120, 160)


def pixels(garments: list[Garment], seed: int, size: tuple[int, int] = SMALL) -> np.ndarray:
    return np.asarray(draw(garments, seed, size), dtype=np.int16)


def test_the_same_seed_draws_the_same_photo() -> None:
    garment = Garment("рубашка", "синий", "клетка", "белый", 3)
    assert np.array_equal(pixels([garment], 5), pixels([garment], 5))


def test_another_seed_draws_another_photo() -> None:
    garment = Garment("рубашка", "синий", "клетка", "белый", 3)
    assert np.abs(pixels([garment], 5) - pixels([garment], 6)).mean() > 5


def test_the_photo_has_the_requested_size() -> None:
    photo = draw([Garment("джинсы", "синий", "однотонный", None)], 0, (90, 70))
    assert (photo.size, photo.mode) == ((90, 70), "RGB")


@pytest.mark.parametrize("item", [*ITEMS, *THINGS])
def test_every_item_contrasts_with_its_background(item: str) -> None:
    """The thing's green fills a good part of the photo, and not all of it."""
    photo = pixels([Garment(item, "зелёный", "однотонный", "зелёный", 1)], 2)
    green = (photo[..., 1] - np.maximum(photo[..., 0], photo[..., 2])) > 15
    assert 0.08 < green.mean() < 0.9


@pytest.mark.parametrize("color", COLORS)
def test_the_main_colour_is_the_named_one(color: str) -> None:
    """The middle of the cloth stays within the reach of light, cast and natural shades of the named colour."""
    photo = pixels([Garment("футболка", color, "однотонный", None, 4)], 7)
    middle = np.median(photo[60:110, 45:75].reshape(-1, 3), axis=0)
    assert np.abs(middle - COLORS[color]).max() < 60


@pytest.mark.parametrize("pattern", [pattern for pattern in PATTERNS if pattern != "однотонный"])
def test_every_pattern_differs_from_plain_cloth(pattern: str) -> None:
    plain = pixels([Garment("футболка", "синий", "однотонный", "белый", 1)], 3)
    patterned = pixels([Garment("футболка", "синий", pattern, "белый", 1)], 3)
    assert np.abs(plain - patterned).max() > 60


@pytest.mark.parametrize("count", [2, 3, 6])
def test_several_garments_lie_apart(count: int) -> None:
    """As many cells of the grid hold a red thing as there are garments."""
    photo = pixels([Garment("шапка", "красный", "однотонный", "красный", i) for i in range(count)], 4, (240, 320))
    red = (photo[..., 0] - photo[..., 1:].max(axis=2)) > 50
    assert blobs(red, at_least=500) == count


def blobs(mask: np.ndarray, at_least: int) -> int:
    """The number of connected areas of the mask that hold at least so many pixels."""
    left = {(int(y), int(x)) for y, x in np.argwhere(mask)}
    sizes = []
    while left:
        todo, size = [left.pop()], 0
        while todo:
            y, x = todo.pop()
            size += 1
            near = {(y + 1, x), (y - 1, x), (y, x + 1), (y, x - 1)} & left
            left -= near
            todo.extend(near)
        sizes.append(size)
    return sum(size >= at_least for size in sizes)


def test_a_garment_outside_the_list_is_refused() -> None:
    with pytest.raises(KeyError):
        draw([Garment("скафандр", "белый", "однотонный", None)], 0)


@pytest.mark.parametrize("item", [*ITEMS, *THINGS])
def test_a_caption_names_the_item_and_its_colour(item: str) -> None:
    rnd = random.Random(1)
    for seed in range(20):
        text = caption(Garment(item, "чёрный", "однотонный", None, seed), rnd).lower()
        assert item in text
        assert "чёрн" in text


@given(st.integers(0, 10**6))
def test_any_random_garment_has_a_tidy_caption_without_numbers(seed: int) -> None:
    """One line that starts with a capital letter, ends with a full stop and holds no digit or double space."""
    rnd = random.Random(seed)
    text = caption(random_garment(rnd), rnd)
    assert text[0].isupper()
    assert text.endswith(".")
    assert not any(letter.isdigit() for letter in text)
    assert not any(slip in text for slip in ("  ", "..", " ,", " .", "None"))


def test_captions_agree_in_gender_and_case() -> None:
    assert decline("красный", "f") == "красная"
    assert decline("тёмно-синий", "p") == "тёмно-синие"
    assert decline("голубой", "m") == "голубой"
    assert decline("синий", "f", ACCUSATIVE) == "синюю"
    assert decline("голубой", "m", INSTRUMENTAL) == "голубым"
    assert decline("синий", "m", GENITIVE) == "синего"
    assert decline("хаки", "n") == "хаки"


def test_captions_of_one_garment_vary() -> None:
    rnd = random.Random(2)
    garment = Garment("рубашка", "красный", "клетка", "белый", 5)
    assert len({caption(garment, rnd) for _ in range(60)}) >= 20
