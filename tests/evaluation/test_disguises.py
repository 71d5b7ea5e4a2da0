"""Each way of disguising changes the word and leaves the rest of the text alone."""

from __future__ import annotations

import random

import pytest

from evaluation.disguises import (
    WAYS,
    Way,
    alternate_case,
    apart,
    build_disguised_sets,
    invisible,
    looking_alike,
    repeat_letters,
)
from inference.moderation.disguises import uncover

TEXT = "продам почти новый самовар недорого"


@pytest.mark.parametrize("way", WAYS)
def test_a_way_changes_most_words(way: Way) -> None:
    rnd = random.Random(0)
    assert sum(way("самовар", rnd) != "самовар" for _ in range(50)) >= 45


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("word", ["кот", "ёж", "Самовар", "абвгдеёжзийклмнопрстуфхцчшщъыьэюя"])
def test_any_word_can_be_disguised(way: Way, word: str) -> None:
    for seed in range(20):
        assert way(word, random.Random(seed))


def test_only_rude_words_are_disguised() -> None:
    for texts in build_disguised_sets([TEXT], {"самовар"}).values():
        assert texts[0].startswith("продам почти новый ")
        assert texts[0].endswith(" недорого")


@pytest.mark.parametrize(
    ("way", "least"), [(invisible, 100), (alternate_case, 100), (repeat_letters, 45), (looking_alike, 50), (apart, 40)]
)
def test_most_of_a_way_is_seen_through(way: Way, least: int) -> None:
    rnd = random.Random(0)
    assert sum("самовар" in uncover(way("самовар", rnd)).lower() for _ in range(100)) >= least


def test_sets_for_measuring_hold_every_way_and_only_texts_with_rude_words() -> None:
    sets = build_disguised_sets([TEXT, "добрый день"], {"самовар"})
    assert set(sets) == {way.__name__ for way in WAYS}
    assert all(len(texts) == 1 for texts in sets.values())
    assert build_disguised_sets([TEXT], {"самовар"}) == sets
