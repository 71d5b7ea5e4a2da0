"""Tests of the diversity classifier's training: labels of albums, resuming, convergence."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from inference.clip.dual_encoder import GRID, Clip, ImageFeatures
from inference.diversity import DiversityClassifier
from tests.support.models import tiny
from training import loop
from training.data.examples import Example, load_examples
from training.data.scenes import Scene, draw_scenes, format_item
from training.diversity import Albums, choose_limits, features_from_states, measure_limits, train

STEPS = 6


def photo(number: int, path: Path, item: str, sender: str) -> Scene:
    return Scene((path,), (), 0, (f"{item} {number}",), (format_item(item, ("синий",), "однотонный"),), sender)


@pytest.fixture(scope="module")
def albums(data_set: Path, tiny_clip: Clip) -> Albums:
    """Scenes whose number stands in their features, so that a test can tell which ones an album shows."""
    listings = [replace(e, diversity_score=0.7) for e in load_examples(data_set / "listings.jsonl")][:4]
    scenes = [photo(n, e.photos[0], ("куртка", "платье")[n % 2], "ab"[n // 2]) for n, e in enumerate(listings)]
    scenes += draw_scenes(4, 6, 3, 0)
    numbers = torch.arange(len(scenes)).view(-1, 1, 1, 1).expand(-1, 2, 1 + GRID**2, tiny.WIDTHS[-1])
    texts = list(torch.eye(tiny.DIM)[:4])
    return Albums(tiny_clip, scenes, numbers.half(), listings, texts, random.Random(0))


def shown(views: ImageFeatures) -> list[int]:
    return [int(number) for number in views.states[:, 0, 0]]


def test_an_album_is_many_if_it_shows_different_things(albums: Albums) -> None:
    """Pictures of one thing and copies of it are one, sets and pictures of several things are many."""
    seen = set()
    for _ in range(400):
        views, text, answer = albums.sample()
        if text is None:
            things = {name for number in shown(views) for name in albums.scenes[number].things}
            assert answer == float(len(things) > 1)
            seen.add((min(len(views), 2), answer))
    assert seen == {(1, 0.0), (1, 1.0), (2, 0.0), (2, 1.0)}


def test_a_set_is_of_one_sender(albums: Albums) -> None:
    for _ in range(200):
        views, text, answer = albums.sample()
        if text is None and answer and len(views) > 1:
            assert len({albums.scenes[number].group for number in shown(views)}) == 1


def test_a_listing_brings_its_own_answer_and_text(albums: Albums) -> None:
    """With the photo, the embedding of its own fields, and the score of the data set."""
    found = 0
    for _ in range(200):
        views, text, answer = albums.sample()
        if text is not None:
            assert (shown(views), answer) == ([int(text.argmax())], 0.7)
            found += 1
    assert found > 10


def test_a_listing_without_an_answer_is_not_learned_from(albums: Albums) -> None:
    unscored: list[Example] = [replace(example, diversity_score=None) for example in albums.listings]
    without = replace(albums, listings=unscored, rnd=random.Random(0), _groups={}, _numbers={}, _many=[])
    assert all(text is None for _, text, _ in (without.sample() for _ in range(100)))


def test_cached_features_equal_those_of_the_encoder(tiny_clip: Clip) -> None:
    """States say what the embedding is; nothing has to be looked at twice."""
    seen = tiny_clip.encode_images([tiny.picture(number) for number in range(3)])
    assert torch.allclose(features_from_states(tiny_clip, seen.states).embeddings, seen.embeddings, atol=1e-5)


def trained(albums: Albums, folder: Path, killed_at: int | None = None) -> DiversityClassifier:
    torch.manual_seed(0)
    albums.rnd.seed(0)
    with pytest.MonkeyPatch.context() as patch:
        if killed_at is not None:
            _kill_at(killed_at, patch)
        return train(DiversityClassifier(tiny.DIM, tiny.WIDTHS[-1], 8), albums, folder, STEPS)


class Killed(Exception):
    """The process ends here."""


def _kill_at(call: int, patch: pytest.MonkeyPatch) -> None:
    descend, calls = loop.optimizer_step, iter(range(100))

    def dying(*arguments: object) -> None:
        if next(calls) == call:
            raise Killed
        descend(*arguments)  # type: ignore[arg-type]

    patch.setattr(loop, "SAVE_EVERY_S", -1.0)
    patch.setattr(loop, "optimizer_step", dying)


def test_a_killed_training_ends_in_the_same_classifier(albums: Albums, tmp_path: Path) -> None:
    whole = trained(albums, tmp_path / "whole")
    with pytest.raises(Killed):
        trained(albums, tmp_path / "killed", killed_at=3)
    resumed = trained(albums, tmp_path / "killed")
    for name, weight in whole.state_dict().items():
        assert torch.equal(resumed.state_dict()[name], weight), name


def test_the_answer_is_learned(albums: Albums, tmp_path: Path) -> None:
    """Where pictures of many things look different from those of one, they are soon told apart."""
    torch.manual_seed(0)
    signs = torch.tensor([1.0 if scene.many else -1.0 for scene in albums.scenes]).view(-1, 1, 1, 1)
    feature_cache = (signs * torch.linspace(-1, 1, tiny.WIDTHS[-1]) + torch.randn(albums.features.shape) * 0.1).half()
    plain = replace(albums, features=feature_cache, rnd=random.Random(0), _groups={}, _numbers={}, _many=[])
    classifier = DiversityClassifier(tiny.DIM, tiny.WIDTHS[-1], 16)
    train(classifier, plain, tmp_path, 60)
    classifier.eval()
    singles = [number for number, scene in enumerate(plain.scenes) if not scene.many]
    several = [number for number, scene in enumerate(plain.scenes) if scene.many]
    scores = [
        [classifier.score(features_from_states(plain.clip, feature_cache[[n], 0].float())) for n in kind]
        for kind in (singles, several)
    ]
    assert max(scores[0]) < min(scores[1])


@given(st.dictionaries(st.integers(1, 99), st.booleans(), min_size=8), st.floats(0.6, 0.98))
def test_sure_scores_are_as_often_right_as_asked(albums: dict[int, bool], share: float) -> None:
    scores, many = torch.tensor(list(albums)) / 100, torch.tensor(list(albums.values()))
    limits = choose_limits(scores, many, share)
    assert limits["surely_one"] <= 0.5002
    assert limits["surely_many"] >= 0.4999
    for sure, truth in ((scores < limits["surely_one"], ~many), (scores >= limits["surely_many"], many)):
        assert not sure.any() or float(truth[sure].float().mean()) >= share - 1e-6


def test_only_unsure_albums_are_asked_about() -> None:
    scores = torch.tensor([0.1, 0.2, 0.3, 0.45, 0.55, 0.7, 0.8, 0.9])
    many = torch.tensor([False, False, False, True, False, True, True, True])
    limits = choose_limits(scores, many, 1.0)
    assert limits == {"surely_one": pytest.approx(0.3, abs=1e-3), "surely_many": pytest.approx(0.7, abs=1e-3)}
    assert measure_limits(scores, many, limits) == {"asked": 0.25, "right": 0.75, "right_unasked": 1.0}
