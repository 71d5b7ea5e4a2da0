"""Public models built at full size have as many parameters as their publishers and their cards say."""

from __future__ import annotations

import pytest

from benchmarks.shapes import list_models, load_shape
from inference.checkpoints.registry import list_cards
from tests.support.sources import ROOT

CARDS, _ = list_cards(ROOT / "checkpoints")


@pytest.mark.parametrize("name", list_models())
def test_a_public_model_has_as_many_parameters_as_published(name: str) -> None:
    shape = load_shape(name)
    parameters = shape.count_parameters()
    assert [card.parameters for card in CARDS if card.name == name] == [parameters]
    if shape.published is not None:
        assert abs(parameters - shape.published) <= shape.within * shape.published
