"""The logit that tells garments from all other photos."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.support.models import tiny
from training.facts import garment
from training.facts.garment import extract_features, fit_garment_head, make_blank


def test_the_head_learns_to_tell_both_sides(data_set: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Few photos of one side count as much as many of the other."""
    torch.manual_seed(0)
    right, wrong = torch.randn(40, 1280) * 0.1 + 0.1, torch.randn(10, 1280) * 0.1
    parts = iter((right[:30], right[30:], wrong[:5], wrong[5:]))
    monkeypatch.setattr(garment, "extract_features", lambda classifier, images: next(parts))
    classifier, paths = tiny.photo_classifier(), sorted((data_set / "photos").glob("*.jpg"))
    fit_garment_head(classifier, paths, paths[:1], seed=0)
    with torch.inference_mode():
        assert float(classifier.garment(right).min()) > 0 > float(classifier.garment(wrong).max())


def test_features_do_not_depend_on_the_batch() -> None:
    classifier = tiny.photo_classifier()
    images = [tiny.picture(number) for number in range(20)]
    together = extract_features(classifier, images)
    assert together.shape == (20, 1280)
    assert torch.allclose(together[18:], extract_features(classifier, images[18:]), atol=1e-4)


def test_blanks_follow_their_seed() -> None:
    first, again, other = (np.asarray(make_blank(random.Random(seed))) for seed in (5, 5, 6))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
