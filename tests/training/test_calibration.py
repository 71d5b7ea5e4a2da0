"""The match threshold and the known things of a dual encoder's card."""

from __future__ import annotations

from pathlib import Path

import pytest

from inference.clip import Clip
from inference.moderation.match import MatchRule
from training.calibration import REFUSED_SHARE, known_nouns, right_similarities, threshold
from training.examples import PhotoLabels, read_examples


def shown(item: str, split: str = "train") -> PhotoLabels:
    return PhotoLabels(split, item, (), "", "", "")


@pytest.mark.parametrize(
    ("item", "text"),
    [
        ("кроссовки", "пара кроссовок"),
        ("лонгслив", "два лонгслива"),
        ("худи", "худи с капюшоном"),
        ("поло", "мужское поло"),
        ("боди", "боди для малыша"),
        ("спортивные штаны", "штанов не жалко"),
        ("брюки спортивные", "брюк три пары"),
        ("Платье", "платья"),
    ],
)
def test_a_thing_of_the_photos_is_known_in_every_form(item: str, text: str) -> None:
    """Also words that the dictionary takes for other parts of speech."""
    assert MatchRule(0.0, frozenset(known_nouns([shown(item)]))).named(text)


@pytest.mark.parametrize(
    "text", ["спортивный стиль", "застёжка: молния", "для плавания", "полый внутри", "джинсовая ткань"]
)
def test_what_only_describes_a_thing_is_not_known(text: str) -> None:
    items = ("спортивные штаны", "кофта на молнии", "футболка для плавания", "поло", "джинсовая куртка")
    assert not MatchRule(0.0, frozenset(known_nouns(map(shown, items)))).named(text)


def test_things_that_were_only_held_out_are_not_known() -> None:
    assert known_nouns([shown("шапка", "val"), shown("куртка")]) == ["куртка"]


def test_the_threshold_refuses_no_more_than_its_share_of_any_kind() -> None:
    """The kind with the least like pairs decides."""
    high, low = [0.5 + n / 1000 for n in range(400)], [0.2 + n / 1000 for n in range(400)]
    found = threshold([high, low, []])
    assert sum(value < found for value in low) / len(low) <= REFUSED_SHARE
    assert 0.2 < found < 0.21
    assert threshold([high]) == pytest.approx(0.506, abs=0.002)


def test_only_judged_pairs_count(data_set: Path, tiny_clip: Clip) -> None:
    """A text that names nothing known has no similarity to calibrate with."""
    examples = read_examples(data_set / "captions.jsonl")[:4]
    texts = ["футболка", "Цена: 5", "синие джинсы", ""]
    similarities = right_similarities(tiny_clip, MatchRule(0.9, frozenset({"футболка", "джинсы"})), examples, texts)
    assert len(similarities) == 2
    assert all(0 <= value <= 1 for value in similarities)
