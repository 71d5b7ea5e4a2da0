"""Tests of the match thresholds and the known nouns of a dual encoder's card."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest

from inference.checkpoints.card import load_card
from inference.clip.dual_encoder import Clip
from inference.moderation.match import MatchPolicy
from inference.moderation.photo_index import PhotoIndex
from training.calibration import (
    PHOTO_REFUSED,
    WHOLE_REFUSED,
    choose_thresholds,
    collect_nouns,
    compute_fits,
    measure_second_opinion,
)
from training.data.examples import PhotoLabels, load_examples


def shown(item: str, split: str = "train") -> PhotoLabels:
    return PhotoLabels(split, item, (), "", "", "")


@pytest.mark.parametrize(
    ("item", "text"),
    [
        ("кроссовки", "пара кроссовок"),
        ("лонгслив", "два лонгслива"),
        ("худи", "худи с капюшоном"),
        ("поло", "мужское поло"),
        ("боди", "боди для малыша"),
        ("спортивные штаны", "штанов не жалко"),
        ("брюки спортивные", "брюк три пары"),
        ("Платье", "платья"),
    ],
)
def test_a_thing_of_the_photos_is_known_in_every_form(item: str, text: str) -> None:
    """Also words that the dictionary takes for other parts of speech."""
    assert MatchPolicy(0.0, frozenset(collect_nouns([shown(item)]))).find_known_nouns(text)


@pytest.mark.parametrize(
    "text", ["спортивный стиль", "застёжка: молния", "для плавания", "полый внутри", "джинсовая ткань"]
)
def test_what_only_describes_a_thing_is_not_known(text: str) -> None:
    items = ("спортивные штаны", "кофта на молнии", "футболка для плавания", "поло", "джинсовая куртка")
    assert not MatchPolicy(0.0, frozenset(collect_nouns(map(shown, items)))).find_known_nouns(text)


def test_things_that_were_only_held_out_are_not_known() -> None:
    assert collect_nouns([shown("шапка", "val"), shown("куртка")]) == ["куртка"]


def test_each_threshold_refuses_no_more_than_its_share_of_any_kind() -> None:
    """The kind that fits worst decides; one is for the best photo of an album, the other for its worst."""
    rnd = random.Random(0)
    high = [[0.5 + rnd.random() / 2] for _ in range(400)]
    albums = [[0.2 + rnd.random() / 2, 0.05 + rnd.random() / 10] for _ in range(400)]
    found = choose_thresholds([high, albums, []])
    best, each = found["match_threshold"], found["match_photo_threshold"]
    assert sum(max(fits) < best for fits in albums) / len(albums) <= WHOLE_REFUSED
    assert sum(min(fits) < each for fits in albums) / len(albums) <= PHOTO_REFUSED
    assert 0.2 < best < 0.22
    assert 0.05 < each < 0.06
    assert choose_thresholds([high])["match_threshold"] == choose_thresholds([high])["match_photo_threshold"]


def test_only_judged_pairs_count(data_set: Path, tiny_clip: Clip) -> None:
    """A text that speaks of no clothes has no fit to calibrate with; an album has one a photo."""
    examples = load_examples(data_set / "captions.jsonl")[:4]
    gallery = PhotoIndex.build(tiny_clip, None, [photo for example in examples for photo in example.photos])
    album = replace(examples[2], photos=(*examples[2].photos, *examples[0].photos))
    rule = MatchPolicy(0.9, frozenset({"футболка", "джинсы"}))
    texts = ["футболка", "Цена: 5", "синие джинсы", ""]
    fits = compute_fits(tiny_clip, rule, gallery, [*examples[:2], album, examples[3]], texts)
    assert [len(each) for each in fits] == [1, 2]
    assert all(0 <= value <= 1 for each in fits for value in each)


def test_a_second_opinion_is_measured_on_the_owner_s_examples(data_set: Path, tiny_root: Path) -> None:
    """Where the examples are clothes themselves, it tells nothing and does not help."""
    photos = sorted((data_set / "photos").glob("*.jpg"))
    measured = measure_second_opinion(load_card(tiny_root / "clip" / "mini"), photos, photos)
    assert measured["helps"] == 0.0
    assert 0.3 < measured["auc"] < 0.7
    assert measured["caught"] <= 0.1
