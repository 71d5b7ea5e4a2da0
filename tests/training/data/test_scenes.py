"""Lessons: what the text says stands in the picture or in the masked fields."""

from __future__ import annotations

import csv
import random
import re
from collections import Counter
from pathlib import Path

import pytest

from inference.listing.types import DiversityToken
from tests.support.sources import ROOT
from training.data.examples import read_examples, read_photo_labels
from training.data.scenes import Composer, Lesson, Scene, collages, drawn_scenes, partners, photo_scenes, thing
from training.drawings import ITEMS

TOKEN = re.compile(r"<[A-Z_0-9]+>")
LESSONS = 300
REAL = ROOT.parent / "shared" / "data" / "clothing"


def composer_of(folder: Path, seed: int = 0) -> Composer:
    with (folder / "photos.tsv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    examples = [e for e in read_examples(folder / "captions.jsonl") if e.split == "train"]
    photos = photo_scenes(examples, read_photo_labels(folder), {row["photo"]: row["sender"] for row in rows})
    listings = [e for e in read_examples(folder / "listings.jsonl") if e.split == "train"]
    rnd = random.Random(seed)
    scenes = photos + collages(photos, 12, rnd) + drawn_scenes(20, 12, 6, seed)
    return Composer(scenes, listings, rnd)


@pytest.fixture(scope="module")
def composer(data_set: Path) -> Composer:
    return composer_of(data_set)


@pytest.fixture(scope="module")
def lessons(composer: Composer) -> list[Lesson]:
    return [composer.lesson() for _ in range(LESSONS)]


def foreign_tokens(lesson: Lesson) -> set[str]:
    return set(TOKEN.findall(lesson.text)) - set(TOKEN.findall(lesson.masked))


def test_every_token_of_a_text_stands_in_its_masked_fields(lessons: list[Lesson]) -> None:
    """The model never learns to write a number that the seller did not give."""
    assert [lesson for lesson in lessons if foreign_tokens(lesson)] == []
    assert sum(bool(TOKEN.search(lesson.text)) for lesson in lessons) > LESSONS / 4


def test_no_text_and_no_field_holds_a_digit(lessons: list[Lesson]) -> None:
    """All numbers of the fields are masked, and the captions of this data set have none."""
    for lesson in lessons:
        assert not re.search(r"\d", TOKEN.sub("", lesson.masked + lesson.things + lesson.text))


def test_real_listings_teach_no_foreign_token() -> None:
    """The same promise on the data that the checkpoints are trained on."""
    if not REAL.is_dir():
        pytest.skip(f"no data set at {REAL}")
    real = composer_of(REAL)
    lessons = [real.lesson() for _ in range(LESSONS)]
    assert [lesson for lesson in lessons if foreign_tokens(lesson)] == []
    assert not [lesson for lesson in lessons if re.search(r"\d", TOKEN.sub("", lesson.masked))]


def test_one_thing_and_many_are_told_apart(composer: Composer, lessons: list[Lesson]) -> None:
    """The token says whether the pictures of a lesson show different things."""
    for lesson in lessons:
        shown = {name for number in lesson.scenes for name in composer.scenes[number].things}
        token: DiversityToken = "<VARIATIVE>" if len(shown) > 1 else "<SINGLE>"
        assert lesson.token == token, lesson
        assert set(filter(None, lesson.things.split(" | "))) == shown


def test_lessons_are_of_every_sort(composer: Composer, lessons: list[Lesson]) -> None:
    """No photo, one, copies of one, sets; with and without fields; one picture of many things."""
    sorts = Counter(min(len(set(lesson.scenes)), 2) for lesson in lessons)
    assert min(sorts[count] for count in (0, 1, 2)) > 5
    assert any(len(lesson.scenes) > len(set(lesson.scenes)) for lesson in lessons)
    assert any(len(lesson.scenes) == 1 and "VARIATIVE" in lesson.token for lesson in lessons)
    assert 0.2 < sum(not lesson.masked for lesson in lessons) / LESSONS < 0.6


def test_a_lesson_without_photos_has_fields(lessons: list[Lesson]) -> None:
    for lesson in lessons:
        if not lesson.scenes:
            assert (lesson.token, lesson.things) == ("<SINGLE>", "")
            assert lesson.masked
            assert lesson.text


def test_a_text_begins_with_what_is_seen(composer: Composer, lessons: list[Lesson]) -> None:
    """A single picture's lesson starts with one of its captions."""
    for lesson in lessons:
        if len(set(lesson.scenes)) == 1:
            assert lesson.text.startswith(composer.scenes[lesson.scenes[0]].captions)


def test_the_same_seed_composes_the_same_lessons(data_set: Path) -> None:
    first, second = composer_of(data_set, 5), composer_of(data_set, 5)
    assert [first.lesson() for _ in range(20)] == [second.lesson() for _ in range(20)]


def test_a_drawn_set_shows_different_things_and_equal_copies_one() -> None:
    singles, several, equal = (drawn_scenes(*counts, seed=1) for counts in ((8, 0, 0), (0, 8, 0), (0, 0, 8)))
    assert {len(scene.garments) for scene in singles} == {1}
    assert all(scene.many == (len(scene.garments) > 1) for scene in several)
    assert sum(scene.many for scene in several) >= 6
    assert all(len(scene.garments) > 2 and len(set(scene.garments)) == 1 and not scene.many for scene in equal)
    assert all(scene.things[0].split(";")[0] in ITEMS for scene in singles)


def scene(item: str, sender: str) -> Scene:
    return Scene((Path(f"{item}.jpg"),), (), 0, (f"{item} новая",), (thing(item, ("синий",), "однотонный"),), sender)


def test_partners_are_different_things_of_one_sender() -> None:
    scenes = [scene(item, sender) for sender in "ab" for item in ("куртка", "куртка", "платье", "шапка")]
    for seed in range(20):
        chosen = partners(scenes[0], scenes, 3, random.Random(seed))
        assert chosen[0] == scenes[0]
        assert {each.group for each in chosen} == {"a"}
        assert len({each.things for each in chosen}) == len(chosen) <= 3


def test_a_collage_names_all_of_its_things() -> None:
    scenes = [scene(item, "a") for item in ("куртка", "платье", "шапка", "шарф")]
    for made in collages(scenes, 10, random.Random(0)):
        assert made.many
        assert len(made.photos) == len(made.things)
        assert made.group == ""
        for caption in made.captions:
            assert all(name.split(";")[0] in caption.lower() for name in made.things)


def test_a_thing_is_named_in_a_fixed_order() -> None:
    assert thing("куртка", ("синий", "белый", "красный"), "полоска") == "куртка; синий, белый; полоска"
