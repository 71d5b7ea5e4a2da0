"""The diversity classifier: properties that hold by construction for any weights."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import normalize

from inference.checkpoints.card import Card
from inference.clip.dual_encoder import GRID, Clip, ImageFeatures
from inference.diversity import DiversityClassifier, zero_shot
from inference.listing.types import Diversity
from tests.support.models import tiny
from training.diversity import save_diversity

DIM, WIDTH = 6, 5
SEEDS = st.integers(0, 10_000)
COUNTS = st.integers(1, 10)


def classifier(seed: int = 0) -> DiversityClassifier:
    """Return a classifier with weights large enough for scores all over [0, 1]."""
    torch.manual_seed(seed)
    model = DiversityClassifier(DIM, WIDTH, 8)
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(4)
    return model.eval()


CLASSIFIER = classifier()


def album(count: int, seed: int) -> ImageFeatures:
    generator = torch.Generator().manual_seed(seed)
    embeddings = normalize(torch.randn(count, DIM, generator=generator), dim=1)
    return ImageFeatures(embeddings, torch.randn(count, 1 + GRID**2, WIDTH, generator=generator))


def part(views: ImageFeatures, rows: list[int]) -> ImageFeatures:
    return ImageFeatures(views.embeddings[rows], views.states[rows])


def text(seed: int) -> Tensor:
    return normalize(torch.randn(DIM, generator=torch.Generator().manual_seed(seed)), dim=0)


@given(COUNTS, SEEDS, st.booleans())
def test_a_score_lies_between_one_thing_and_many(count: int, seed: int, with_text: bool) -> None:
    assert 0 <= CLASSIFIER.score(album(count, seed), text(seed) if with_text else None) <= 1


def test_scores_differ_between_albums() -> None:
    """Otherwise a constant would pass every test here."""
    scores = [CLASSIFIER.score(album(3, seed)) for seed in range(20)]
    assert min(scores) < 0.4
    assert max(scores) > 0.6


@given(SEEDS, st.permutations(range(6)))
def test_the_order_of_photos_does_not_matter(seed: int, order: list[int]) -> None:
    views = album(6, seed)
    assert CLASSIFIER.score(part(views, order)) == pytest.approx(CLASSIFIER.score(views), abs=1e-5)


@given(COUNTS, SEEDS)
def test_more_photos_never_make_an_album_more_of_one_thing(count: int, seed: int) -> None:
    """The strongest evidence of many counts, and a further photo can only add to it."""
    views = album(count + 1, seed)
    assert CLASSIFIER.score(views) >= CLASSIFIER.score(views[:count]) - 1e-6


@given(st.integers(1, 4), SEEDS)
def test_the_number_of_copies_of_a_photo_is_no_evidence(count: int, seed: int) -> None:
    """Duplicate photos change nothing."""
    views = album(count, seed)
    twice, more = part(views, [*range(count)] * 2), part(views, [*range(count)] * 2 + [0, 0])
    assert CLASSIFIER.score(more) == pytest.approx(CLASSIFIER.score(twice), abs=1e-5)


def test_a_text_about_many_things_raises_the_score() -> None:
    """The text moves the score along the direction of its head, and the opposite text the other way."""
    views, direction = album(2, 3), normalize(CLASSIFIER.text.weight.detach()[0], dim=0)
    with torch.no_grad():
        of_many, of_one = CLASSIFIER(views, direction), CLASSIFIER(views, -direction)
    assert of_many > of_one + 0.1


def test_a_classifier_is_the_same_after_saving_and_loading(tmp_path: Path) -> None:
    save_diversity(CLASSIFIER, tmp_path / "mini")
    loaded = DiversityClassifier.load(Card(folder=tmp_path / "mini", family="album", version="1"))
    for seed in range(10):
        expected = CLASSIFIER.score(album(3, seed), text(seed))
        assert loaded.score(album(3, seed), text(seed)) == pytest.approx(expected, abs=5e-3)
    assert not loaded.training


def test_a_classifier_decides_the_same_each_time(tmp_path: Path) -> None:
    """Dropout is off after loading."""
    save_diversity(CLASSIFIER, tmp_path / "mini")
    loaded = DiversityClassifier.load(Card(folder=tmp_path / "mini", family="album", version="1"))
    assert len({loaded.score(album(5, 1)) for _ in range(5)}) == 1


@pytest.mark.parametrize(
    ("calibration", "unsure"),
    [({}, [0.25, 0.5, 0.74]), ({"surely_one": 0.4, "surely_many": 0.6}, [0.5]), ({"surely_many": 0.25}, [])],
)
def test_the_card_says_which_scores_are_unsure(
    calibration: dict[str, float], unsure: list[float], tmp_path: Path
) -> None:
    """Without its limits the default ones count."""
    save_diversity(CLASSIFIER, tmp_path / "mini")
    card = Card(folder=tmp_path / "mini", family="album", version="1", calibration=calibration)
    loaded = DiversityClassifier.load(card)
    assert [score for score in (0.0, 0.2, 0.25, 0.5, 0.74, 0.75, 1.0) if loaded.is_unsure(score)] == unsure


def test_half_and_more_is_many() -> None:
    assert [Diversity(score).token for score in (0.0, 0.499, 0.5, 1.0)] == ["<SINGLE>"] * 2 + ["<VARIATIVE>"] * 2


def test_zero_shot_lies_between_one_thing_and_many(tiny_clip: Clip) -> None:
    scores = [
        zero_shot(tiny_clip, tiny_clip.encode_images([tiny.picture(n) for n in range(count)])) for count in (1, 2, 10)
    ]
    assert all(0 < score < 1 for score in scores)


def test_zero_shot_follows_the_phrases(tiny_clip: Clip) -> None:
    """A photo with the embedding of a phrase gets the class of the phrase."""
    many, one = tiny_clip.encode_texts(["разнообразие товаров", "один товар"]).embeddings
    states = torch.zeros(1, 1 + GRID**2, tiny.WIDTHS[-1])
    assert zero_shot(tiny_clip, ImageFeatures(many[None], states)) > zero_shot(
        tiny_clip, ImageFeatures(one[None], states)
    )
