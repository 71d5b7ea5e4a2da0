"""The table `settings` of a card: the family's defaults, the card's choices, and a name for what cannot be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import pytest
from annotated_types import Le

from inference.checkpoints.card import Card
from inference.checkpoints.settings import parse_settings
from inference.errors import CheckpointError


@dataclass(frozen=True, slots=True)
class Settings:
    """One field of each type that a family may have."""

    drafts: Annotated[int, Le(64)] = 4
    share: float = 0.5
    prompt: str | None = None
    normalize: bool = False
    photos: Literal["each", "together"] = "each"


def card(settings: Mapping[str, object]) -> Card:
    return Card(folder=Path("captioner/x"), family="x", version="1", settings=settings)


def test_a_card_chooses_and_the_rest_stays() -> None:
    assert parse_settings(Settings, card({})) == Settings()
    assert parse_settings(Settings, card({"share": 1})).share == 1
    chosen = {"drafts": 2, "prompt": "Описание:", "normalize": True, "photos": "together"}
    assert parse_settings(Settings, card(chosen)) == Settings(2, 0.5, "Описание:", True, "together")


@pytest.mark.parametrize(
    "settings",
    [
        {"draft": 1},
        {"drafts": "1"},
        {"drafts": True},
        {"share": "half"},
        {"prompt": 1},
        {"normalize": 1},
        {"photos": "all"},
    ],
)
def test_what_cannot_be_is_named(settings: Mapping[str, object]) -> None:
    with pytest.raises(CheckpointError) as raised:
        parse_settings(Settings, card(settings))
    assert raised.value.message.details == {
        "card": "captioner/x/card.toml",
        "field": f"settings.{next(iter(settings))}",
    }


def test_a_value_out_of_range_is_named() -> None:
    assert parse_settings(Settings, card({"drafts": 64})).drafts == 64
    with pytest.raises(CheckpointError) as raised:
        parse_settings(Settings, card({"drafts": 65}))
    assert raised.value.message.details["field"] == "settings.drafts"
