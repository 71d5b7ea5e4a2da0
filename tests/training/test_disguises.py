"""Each way of disguising changes the word and leaves the rest of the text alone."""

from __future__ import annotations

import random

import pytest

from inference.moderation.disguises import uncover
from training.disguises import WAYS, Way, apart, cased, disguise, disguised_sets, invisible, looking_alike, repeated

TEXT = "продам почти новый самовар недорого"


@pytest.mark.parametrize("way", dict.fromkeys(WAYS))
def test_a_way_changes_most_words(way: Way) -> None:
    rnd = random.Random(0)
    assert sum(way("самовар", rnd) != "самовар" for _ in range(50)) >= 45


@pytest.mark.parametrize("way", dict.fromkeys(WAYS))
@pytest.mark.parametrize("word", ["кот", "ёж", "Самовар", "абвгдеёжзийклмнопрстуфхцчшщъыьэюя"])
def test_any_word_can_be_disguised(way: Way, word: str) -> None:
    for seed in range(20):
        assert way(word, random.Random(seed))


def test_only_rude_words_are_disguised_where_there_are_some() -> None:
    for seed in range(40):
        changed = disguise(TEXT, random.Random(seed), {"самовар"})
        assert changed.startswith("продам почти новый ")
        assert changed.endswith(" недорого")


def test_without_rude_words_a_share_of_all_is() -> None:
    changed = [disguise(TEXT, random.Random(seed)) for seed in range(40)]
    assert 25 < sum(text != TEXT for text in changed) <= 40


@pytest.mark.parametrize("way", [invisible, cased, repeated, looking_alike, apart])
def test_most_of_a_way_is_seen_through(way: Way) -> None:
    """The classifier has to learn the rest."""
    rnd = random.Random(0)
    found = sum("самовар" in uncover(way("самовар", rnd)).lower() for _ in range(100))
    assert found >= {invisible: 100, cased: 100, repeated: 45, looking_alike: 50, apart: 40}[way]


def test_sets_for_measuring_hold_every_way_and_only_texts_with_rude_words() -> None:
    sets = disguised_sets([TEXT, "добрый день"], {"самовар"})
    assert set(sets) == {way.__name__ for way in WAYS}
    assert all(len(texts) == 1 for texts in sets.values())
    assert disguised_sets([TEXT], {"самовар"}) == sets
