"""The owner's thresholds: read from a table, every mistake named by its key."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from inference.checkpoints.card import Card
from inference.clip.dual_encoder import Clip
from inference.errors import InvalidInput
from inference.moderation import overrides
from inference.moderation.checks import Checks
from inference.moderation.overrides import Overrides
from inference.moderation.photos import DEFAULT_LIMITS, Limits


def test_an_empty_table_changes_nothing() -> None:
    assert Overrides.from_table({}) == Overrides()


def test_every_key_is_read() -> None:
    """The example of the documentation is one."""
    assert overrides.__doc__ is not None
    table = tomllib.loads(overrides.__doc__.split("```toml\n")[1].split("```")[0])
    assert Overrides.from_table(table) == Overrides(
        photos={"FEMALE_BREAST_EXPOSED": Limits(0.5, 0.3)},
        match=0.12,
        match_warn=0.2,
        match_photo=-0.7,
        text=0.7,
        contacts="erase",
    )


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("nonsense = 1", "nonsense"),
        ("match = 0.5", "match"),
        ("[match]\nlimit = 0.5", "match.limit"),
        ("[match]\nthreshold = 2", "match.threshold"),
        ("[match]\nthreshold = -11", "match.threshold"),
        ("[match]\nthreshold = nan", "match.threshold"),
        ("[match]\nphoto_threshold = true", "match.photo_threshold"),
        ('[text]\nthreshold = "0.5"', "text.threshold"),
        ('[text]\ncontacts = "delete"', "text.contacts"),
        ("[text]\ncontacts = []", "text.contacts"),
        ("[photos.KNEES_EXPOSED]\nrefuse = 0.5", "photos.KNEES_EXPOSED"),
        ("[photos]\nBELLY_EXPOSED = 0.5", "photos.BELLY_EXPOSED"),
        ("[photos.BELLY_EXPOSED]\nforbid = 0.5", "photos.BELLY_EXPOSED.forbid"),
        ("[photos.BELLY_EXPOSED]\nrefuse = 5", "photos.BELLY_EXPOSED.refuse"),
    ],
)
def test_what_cannot_be_used_is_named(text: str, key: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        Overrides.from_table(tomllib.loads(text))
    assert raised.value.message.code == "moderation-setting"
    assert raised.value.message.details == {"key": key}


def test_the_owner_goes_before_card_and_table(tiny_clip: Clip, tiny_checks: Checks) -> None:
    """What the owner does not name stays as the card and the table say."""
    card = Card(
        folder=Path("clip/mini"),
        family="f",
        version="1",
        calibration={"match_threshold": 0.4, "match_photo_threshold": 0.2},
    )
    own = Overrides(photos={"FEET_EXPOSED": Limits(0.9)}, match=0.1, contacts="off")
    checks = Checks.build(tiny_clip, card, tiny_checks.toxicity_classifier, None, own)
    assert (checks.match_policy.threshold, checks.match_policy.photo_threshold, checks.contact_policy) == (
        0.1,
        0.2,
        "off",
    )
    assert checks.photo_policy.limits["FEET_EXPOSED"] == Limits(0.9)
    assert checks.photo_policy.limits["BUTTOCKS_EXPOSED"] == DEFAULT_LIMITS["BUTTOCKS_EXPOSED"]
