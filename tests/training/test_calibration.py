"""Tests of the match thresholds and the known nouns of a dual encoder's card."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from inference.checkpoints.card import load_card
from inference.clip.dual_encoder import Clip, ImageFeatures
from inference.masking.morphology import lemmatize
from inference.moderation.photo_index import PhotoEvidence, PhotoIndex
from training.calibration import (
    Fits,
    Shares,
    choose_domain_threshold,
    choose_thresholds,
    collect_nouns,
    compute_fits,
    measure_second_opinion,
    select_senders,
)
from training.data.examples import Example, PhotoLabels, load_examples


def shown(item: str, split: str = "train") -> PhotoLabels:
    return PhotoLabels(split, item, (), "", "", "")


def find_nouns(text: str) -> set[str]:
    """Every lemma of every word."""
    return {lemma for word in text.lower().split() for lemma in lemmatize(word.strip(":,"))}


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
    assert find_nouns(text) & set(collect_nouns([shown(item)]))


@pytest.mark.parametrize(
    "text", ["спортивный стиль", "застёжка: молния", "для плавания", "полый внутри", "джинсовая ткань"]
)
def test_what_only_describes_a_thing_is_not_known(text: str) -> None:
    items = ("спортивные штаны", "кофта на молнии", "футболка для плавания", "поло", "джинсовая куртка")
    assert not find_nouns(text) & set(collect_nouns(map(shown, items)))


def test_things_that_were_only_held_out_are_not_known() -> None:
    assert collect_nouns([shown("шапка", "val"), shown("куртка")]) == ["куртка"]


def test_each_threshold_refuses_no_more_than_its_share() -> None:
    """Refusals are by the wide fits, warnings by the own, those of single photos by the worst penalty."""
    rnd = random.Random(0)
    albums = [
        Fits([0.2 + x / 2, 0.0], [x / 2 - 0.3, -0.4], [0.0, 1 - y / 10])
        for x, y in ((rnd.random(), rnd.random()) for _ in range(400))
    ]
    found = choose_thresholds(albums, Shares(refused=0.01, warned=0.03, photos=0.02))
    refused, warned, each = (found[f"match_{name}"] for name in ("threshold", "warn_threshold", "photo_threshold"))
    assert sum(max(fits.wide) < refused for fits in albums) / len(albums) <= 0.01
    assert sum(max(fits.own) < warned for fits in albums) / len(albums) <= 0.03
    assert sum(-max(fits.penalties) < each for fits in albums) / len(albums) <= 0.02
    assert -0.3 < refused < -0.28
    assert 0.2 < warned < 0.22
    assert -1 < each < -0.99


def test_albums_of_clothes_set_the_limit_of_the_domain() -> None:
    albums = [
        PhotoEvidence(ImageFeatures(torch.zeros(1, 2), torch.zeros(1, 1, 1)), torch.tensor([x])) for x in (1.0, 4.0)
    ]
    assert choose_domain_threshold(albums, 0.0) == {"out_of_domain_threshold": 4.0}
    assert choose_domain_threshold([replace(each, out_of_domain=None) for each in albums], 0.0) == {}


def test_half_of_the_senders_choose() -> None:
    """No sender is in both halves; without labels everything chooses."""
    examples = [Example(str(n), (Path(f"{n}.jpg"),), {}, "", None, None, "val") for n in range(8)]
    labels = {str(n): replace(shown("куртка", "val"), sender=str(n // 2)) for n in range(8)}
    choosing, measured = (
        {each.id for each in select_senders(examples, labels, half)} for half in ("choosing", "measured")
    )
    assert choosing
    assert measured
    assert choosing | measured == set(labels)
    assert {int(name) // 2 for name in choosing}.isdisjoint({int(name) // 2 for name in measured})
    assert select_senders(examples, {}, "choosing") == examples


def test_only_judged_pairs_count(data_set: Path, tiny_clip: Clip) -> None:
    """A text that speaks of no clothes has no fit to calibrate with; an album has one a photo."""
    examples = load_examples(data_set / "captions.jsonl")[:4]
    gallery = PhotoIndex.build(tiny_clip, None, [photo for example in examples for photo in example.photos])
    album = replace(examples[2], photos=(*examples[2].photos, *examples[0].photos))
    texts = ["футболка", "Цена: 5", "синие джинсы", ""]
    fits = compute_fits(tiny_clip, gallery, [*examples[:2], album, examples[3]], texts)
    assert [len(each.own) for each in fits] == [1, 2]
    assert all(0 <= value <= 1 for each in fits for value in each.own)


def test_a_second_opinion_is_measured_on_the_owner_s_examples(data_set: Path, tiny_root: Path) -> None:
    """Where the examples are clothes themselves, it tells nothing and does not help."""
    photos = sorted((data_set / "photos").glob("*.jpg"))
    measured = measure_second_opinion(load_card(tiny_root / "clip" / "mini"), photos, photos)
    assert measured["helps"] == 0.0
    assert 0.3 < measured["auc"] < 0.7
    assert measured["caught"] <= 0.1
