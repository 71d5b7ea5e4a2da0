"""The embedded checkpoints are complete and small enough for git; cards of public models are valid."""

from __future__ import annotations

import pytest

from inference.captioners.families import FAMILIES
from inference.checkpoints.card import Card
from inference.checkpoints.convert import FORMATS
from inference.checkpoints.registry import is_installed, list_cards, verify
from tests.support.sources import ROOT

CARDS, ERRORS = list_cards(ROOT / "checkpoints")
HERE = [card for card in CARDS if is_installed(card)]
PUBLIC = [card for card in CARDS if card.download]
MAX_BYTES = 80_000_000


def test_every_card_can_be_read() -> None:
    assert ERRORS == []


@pytest.mark.parametrize("card", HERE, ids=[card.id for card in HERE])
def test_a_card_agrees_with_its_folder(card: Card) -> None:
    """Every file has the hash on the card, and the required checkpoints exist."""
    verify(card)


@pytest.mark.parametrize("card", PUBLIC, ids=[card.id for card in PUBLIC])
def test_the_card_of_a_public_model_is_complete(card: Card) -> None:
    """Its format converts to its kind, its family can be loaded, and it has a summary in both languages."""
    assert not card.format or FORMATS[card.format].kind == card.kind
    assert card.kind != "captioner" or card.family in FAMILIES
    assert card.summary.keys() == {"ru", "en"}
    assert card.licence
    assert card.verified
    known = {each.id for each in CARDS}
    assert set(card.requires) <= known


def test_all_weights_together_stay_small() -> None:
    assert sum(card.size for card in CARDS) < MAX_BYTES
