"""Tests of composed samples: every claim of a text is in the picture or in the masked fields."""

from __future__ import annotations

import csv
import random
import re
from collections import Counter
from pathlib import Path

import pytest

from inference.listing.types import DiversityToken
from tests.support.sources import ROOT
from training.data.examples import load_examples, load_photo_labels
from training.data.scenes import (
    Composer,
    Sample,
    Scene,
    build_collages,
    build_photo_scenes,
    draw_scenes,
    format_item,
    sample_partners,
)
from training.drawings import ITEMS

TOKEN = re.compile(r"<[A-Z_0-9]+>")
LESSONS = 300
REAL = ROOT.parent / "shared" / "data" / "clothing"


def composer_of(folder: Path, seed: int = 0) -> Composer:
    with (folder / "photos.tsv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    examples = [e for e in load_examples(folder / "captions.jsonl") if e.split == "train"]
    photos = build_photo_scenes(examples, load_photo_labels(folder), {row["photo"]: row["sender"] for row in rows})
    listings = [e for e in load_examples(folder / "listings.jsonl") if e.split == "train"]
    rnd = random.Random(seed)
    scenes = photos + build_collages(photos, 12, rnd) + draw_scenes(20, 12, 6, seed)
    return Composer(scenes, listings, rnd)


@pytest.fixture(scope="module")
def composer(data_set: Path) -> Composer:
    return composer_of(data_set)


@pytest.fixture(scope="module")
def samples(composer: Composer) -> list[Sample]:
    return [composer.sample() for _ in range(LESSONS)]


def foreign_tokens(sample: Sample) -> set[str]:
    return set(TOKEN.findall(sample.text)) - set(TOKEN.findall(sample.masked))


def test_every_token_of_a_text_occurs_in_its_masked_fields(samples: list[Sample]) -> None:
    """The model never learns to write a number that the seller did not give."""
    assert [sample for sample in samples if foreign_tokens(sample)] == []
    assert sum(bool(TOKEN.search(sample.text)) for sample in samples) > LESSONS / 4


def test_no_text_and_no_field_holds_a_digit(samples: list[Sample]) -> None:
    """All numbers of the fields are masked, and the captions of this data set have none."""
    for sample in samples:
        assert not re.search(r"\d", TOKEN.sub("", sample.masked + sample.things + sample.text))


def test_samples_of_real_listings_have_no_unknown_token() -> None:
    """The same promise on the data that the checkpoints are trained on."""
    if not REAL.is_dir():
        pytest.skip(f"no data set at {REAL}")
    real = composer_of(REAL)
    samples = [real.sample() for _ in range(LESSONS)]
    assert [sample for sample in samples if foreign_tokens(sample)] == []
    assert not [sample for sample in samples if re.search(r"\d", TOKEN.sub("", sample.masked))]


def test_one_thing_and_many_get_different_tokens(composer: Composer, samples: list[Sample]) -> None:
    """The token says whether the pictures of a lesson show different things."""
    for sample in samples:
        shown = {name for number in sample.scenes for name in composer.scenes[number].things}
        token: DiversityToken = "<VARIATIVE>" if len(shown) > 1 else "<SINGLE>"
        assert sample.token == token, sample
        assert set(filter(None, sample.things.split(" | "))) == shown


def test_samples_are_of_every_kind(composer: Composer, samples: list[Sample]) -> None:
    """No photo, one, copies of one, sets; with and without fields; one picture of many things."""
    sorts = Counter(min(len(set(sample.scenes)), 2) for sample in samples)
    assert min(sorts[count] for count in (0, 1, 2)) > 5
    assert any(len(sample.scenes) > len(set(sample.scenes)) for sample in samples)
    assert any(len(sample.scenes) == 1 and "VARIATIVE" in sample.token for sample in samples)
    assert 0.2 < sum(not sample.masked for sample in samples) / LESSONS < 0.6


def test_a_sample_without_photos_has_fields(samples: list[Sample]) -> None:
    for sample in samples:
        if not sample.scenes:
            assert (sample.token, sample.things) == ("<SINGLE>", "")
            assert sample.masked
            assert sample.text


def test_a_text_begins_with_a_caption(composer: Composer, samples: list[Sample]) -> None:
    """A single picture's lesson starts with one of its captions."""
    for sample in samples:
        if len(set(sample.scenes)) == 1:
            assert sample.text.startswith(composer.scenes[sample.scenes[0]].captions)


def test_the_same_seed_composes_the_same_samples(data_set: Path) -> None:
    first, second = composer_of(data_set, 5), composer_of(data_set, 5)
    assert [first.sample() for _ in range(20)] == [second.sample() for _ in range(20)]


def test_a_drawn_set_shows_different_things_and_equal_copies_one() -> None:
    singles, several, equal = (draw_scenes(*counts, seed=1) for counts in ((8, 0, 0), (0, 8, 0), (0, 0, 8)))
    assert {len(scene.garments) for scene in singles} == {1}
    assert all(scene.many == (len(scene.garments) > 1) for scene in several)
    assert sum(scene.many for scene in several) >= 6
    assert all(len(scene.garments) > 2 and len(set(scene.garments)) == 1 and not scene.many for scene in equal)
    assert all(scene.things[0].split(";")[0] in ITEMS for scene in singles)


def scene(item: str, sender: str) -> Scene:
    return Scene(
        (Path(f"{item}.jpg"),), (), 0, (f"{item} новая",), (format_item(item, ("синий",), "однотонный"),), sender
    )


def test_partners_are_different_things_of_one_sender() -> None:
    scenes = [scene(item, sender) for sender in "ab" for item in ("куртка", "куртка", "платье", "шапка")]
    for seed in range(20):
        chosen = sample_partners(scenes[0], scenes, 3, random.Random(seed))
        assert chosen[0] == scenes[0]
        assert {each.group for each in chosen} == {"a"}
        assert len({each.things for each in chosen}) == len(chosen) <= 3


def test_a_collage_names_all_of_its_things() -> None:
    scenes = [scene(item, "a") for item in ("куртка", "платье", "шапка", "шарф")]
    for made in build_collages(scenes, 10, random.Random(0)):
        assert made.many
        assert len(made.photos) == len(made.things)
        assert made.group == ""
        for caption in made.captions:
            assert all(name.split(";")[0] in caption.lower() for name in made.things)


def test_a_thing_is_named_in_a_fixed_order() -> None:
    assert format_item("куртка", ("синий", "белый", "красный"), "полоска") == "куртка; синий, белый; полоска"
