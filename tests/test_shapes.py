"""Public models at full size: our shapes hold as many numbers as their publishers say, and as their cards say."""

from __future__ import annotations

import pytest

from benchmarks.shapes import read, shapes
from inference.checkpoints.registry import list_cards
from tests.support.sources import ROOT

CARDS, _ = list_cards(ROOT / "checkpoints")


@pytest.mark.parametrize("name", shapes())
def test_a_public_model_has_as_many_numbers_as_its_publisher_says(name: str) -> None:
    shape = read(name)
    parameters = shape.parameters()
    assert [card.parameters for card in CARDS if card.name == name] == [parameters]
    if shape.published is not None:
        assert abs(parameters - shape.published) <= shape.within * shape.published
