"""The embedded checkpoints are whole, and small enough for git."""

from __future__ import annotations

import pytest

from inference.checkpoints import Card, find, verify
from tests.sources import ROOT

CARDS = find(ROOT / "checkpoints")
MOST_BYTES = 80_000_000


@pytest.mark.parametrize("card", CARDS, ids=[card.id for card in CARDS])
def test_a_card_tells_the_truth_about_its_folder(card: Card) -> None:
    """Every file has the hash on the card, and what the checkpoint reads is there."""
    verify(card)


def test_all_weights_together_stay_small() -> None:
    assert sum(card.size for card in CARDS) < MOST_BYTES
