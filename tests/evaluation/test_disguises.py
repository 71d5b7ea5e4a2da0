"""Tests that each disguise changes the word and leaves the rest of the text as it is."""

from __future__ import annotations

import random

import pytest

from evaluation.disguises import (
    WAYS,
    Way,
    alternate_case,
    build_disguised_sets,
    insert_invisible,
    repeat_letters,
    replace_lookalikes,
    separate_letters,
)
from inference.moderation.disguises import uncover

# Keys of the report that `opisalka evaluate toxicity` prints.
NAMES = ["masked", "looking_alike", "transliterated", "apart", "repeated", "misspelt", "invisible", "cased", "mixed"]
TEXT = "продам почти новый самовар недорого"


@pytest.mark.parametrize("way", WAYS.values())
def test_a_way_changes_most_words(way: Way) -> None:
    rnd = random.Random(0)
    assert sum(way("самовар", rnd) != "самовар" for _ in range(50)) >= 45


@pytest.mark.parametrize("way", WAYS.values())
@pytest.mark.parametrize("word", ["кот", "ёж", "Самовар", "абвгдеёжзийклмнопрстуфхцчшщъыьэюя"])
def test_any_word_can_be_disguised(way: Way, word: str) -> None:
    for seed in range(20):
        assert way(word, random.Random(seed))


def test_only_rude_words_are_disguised() -> None:
    for texts in build_disguised_sets([TEXT], {"самовар"}).values():
        assert texts[0].startswith("продам почти новый ")
        assert texts[0].endswith(" недорого")


@pytest.mark.parametrize(
    ("way", "least"),
    [
        (insert_invisible, 100),
        (alternate_case, 100),
        (repeat_letters, 45),
        (replace_lookalikes, 50),
        (separate_letters, 40),
    ],
)
def test_most_disguises_of_a_way_are_uncovered(way: Way, least: int) -> None:
    rnd = random.Random(0)
    assert sum("самовар" in uncover(way("самовар", rnd)).lower() for _ in range(100)) >= least


def test_disguised_sets_hold_every_way_and_only_texts_with_rude_words() -> None:
    sets = build_disguised_sets([TEXT, "добрый день"], {"самовар"})
    assert list(sets) == NAMES
    assert all(len(texts) == 1 for texts in sets.values())
    assert build_disguised_sets([TEXT], {"самовар"}) == sets
