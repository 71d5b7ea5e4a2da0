"""Notes of photos become targets: nouns, colours with weights, and everything that note or captions state."""

from __future__ import annotations

import pytest
import torch

from training.data.examples import PhotoLabels
from training.facts import labels
from training.facts.labels import build_labels, encode_targets, encode_words, name_item


def note(item: str, colours: str = "синий", **others: str) -> PhotoLabels:
    fields = {"split": "train", "pattern": "однотонный", "audience": "женский", "caption": ""} | others
    return PhotoLabels(item=item, colors=tuple(colours.split(", ")), **fields)


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(labels, "MIN_ITEMS", 2)
    monkeypatch.setattr(labels, "MIN_COLOURS", 2)


@pytest.mark.parametrize(
    ("item", "noun"),
    [
        ("футболка", "футболка"),
        ("спортивные штаны", "брюки"),
        ("кофта на молнии", "кофта"),
        ("бейсболка", "кепка"),
        ("нечто", "нечто"),
    ],
)
def test_an_item_is_named_by_its_noun(item: str, noun: str) -> None:
    assert name_item(note(item)) == noun


def test_frequent_values_get_a_class(few: None) -> None:
    rows = [note("платье"), note("платье", "красный"), note("платье"), note("юбка", "красный"), note("юбка", "белый")]
    built = build_labels([*rows, note("шапка")])
    assert built["item"] == ("платье", "юбка")
    assert built["colour"] == ("синий", "красный")
    assert built["sleeve"] == ("короткий", "длинный", "три четверти", "без рукавов")


def test_targets_are_distributions(few: None) -> None:
    """The main colour weighs most; an item without a class is unknown."""
    rows = [note("платье", "синий, белый"), note("платье", "белый"), note("лапти"), note("юбка"), note("юбка")]
    built = build_labels(rows)
    targets = encode_targets(rows, built)
    assert targets.item.sum(1).tolist() == [1, 1, 0, 1, 1]
    assert torch.allclose(targets.colour.sum(1), torch.ones(5))
    main, second = (targets.colour[0, built["colour"].index(colour)] for colour in ("синий", "белый"))
    assert main > second > 0


def test_properties_come_from_note_and_captions() -> None:
    row = note("куртка", caption="Куртка на молнии, без капюшона.", second_caption="Длинный рукав", features="карманы")
    built = build_labels([row])
    names = [(group, value) for group in built if group not in ("item", "colour", "audience") for value in built[group]]
    stated = {name for name, said in zip(names, encode_targets([row], built).properties[0], strict=True) if said}
    assert {("fastening", "молния"), ("sleeve", "длинный"), ("details", "карманы"), ("hood", "нет")} <= stated
    assert ("hood", "есть") not in stated


def test_words_are_lemmas_that_some_notes_share(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(labels, "MIN_WORDS", 2)
    rows = [note("юбка", caption=caption) for caption in ("Белые кармашки", "кармашек белый", "клёш", "складки")]
    assert encode_words(rows).tolist() == [[1, 1], [1, 1], [0, 0], [0, 0]]
