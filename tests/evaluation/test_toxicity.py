"""Tests of the toxicity metrics, on a classifier with known answers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from tokenizers import Encoding
from torch import Tensor

from evaluation.toxicity import measure_toxicity
from inference.checkpoints.card import Card, save_card
from inference.moderation.texts import FAMILY, ToxicityClassifier
from training.toxicity import build_letter_tokenizer, build_model, save_toxicity


class Finder(ToxicityClassifier):
    """The more often a window holds «х», the more toxic it is."""

    def compute_logits(self, windows: Sequence[Encoding]) -> Tensor:
        return torch.tensor([[float(window.tokens.count("х")) - 1.5] for window in windows])


@pytest.fixture
def finder(tmp_path: Path) -> ToxicityClassifier:
    folder = tmp_path / "toxicity" / "mini"
    save_toxicity(build_model(rows=64), build_letter_tokenizer(), folder)
    return Finder.load(save_card(Card(folder=folder, family=FAMILY, version="1", risk="largest")))


def test_figures_count_what_was_refused(finder: ToxicityClassifier) -> None:
    toxic, rewrites = ["хх", "ххх", "х", "хх"], ["", "х"]
    figures = measure_toxicity(finder, toxic, rewrites, ["а", "б", "хх", "в"], {"way": ["хх", "х"]})
    assert figures.comments == 4
    assert figures.auc == pytest.approx((3 * 2 + 1.5) / 8)
    assert figures.toxic_refused == 0.75
    assert figures.rewrites_refused == 0.0
    assert (figures.ads, figures.ads_refused) == (4, 0.25)
    assert figures.disguised_refused == {"way": 0.5}
    assert figures.ms > 0
