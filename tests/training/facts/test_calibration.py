"""Thresholds have the precision that was asked for, and no sender is on both sides."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.facts.photos import Logits, PhotoClassifier, PhotoClassifierConfig
from training.data.examples import PhotoLabels
from training.facts import calibration
from training.facts.calibration import (
    MIN_RIGHT,
    NEVER,
    Sample,
    choose_sure_item,
    choose_temperatures,
    choose_thresholds,
    find_threshold,
    is_same_colour,
    is_same_kind,
    measure,
    resample,
    select_claims,
    split_senders,
)

LABELS = {
    "item": ("футболка", "платье"),
    "colour": ("белый", "синий"),
    "audience": ("женский", "мужской"),
    "sleeve": ("короткий", "длинный"),
    "material": ("джинса",),
}
CONFIG = PhotoClassifierConfig(1.0, 1.0, 32, LABELS, {})
VALUES = ("sleeve.короткий", "sleeve.длинный", "material.джинса")


def row(sender: str, item: str = "футболка", colour: str = "белый") -> PhotoLabels:
    return PhotoLabels("val", item, (colour,), "", "женский", "", sender=sender)


def build_sample(count: int, noise: float, scale: float = 1.0) -> Sample:
    """Return photos whose logits are right but for noise; `scale` makes the logits too sure or too modest."""
    generator = torch.Generator().manual_seed(0)
    numbers = {group: torch.randint(2, (count,), generator=generator) for group in LABELS}
    truth = {
        group: torch.nn.functional.one_hot(each, 2).bool()[:, : len(LABELS[group])] for group, each in numbers.items()
    }
    logits = {
        group: scale * (6.0 * each - 3 + noise * torch.randn(each.shape, generator=generator))
        for group, each in truth.items()
    }
    properties = torch.cat((logits["sleeve"], logits["material"]), 1)
    heads = Logits(logits["item"], logits["colour"], logits["audience"], properties, torch.zeros(count, 1))
    rows = [row(str(n % 7), *(LABELS[g][int(numbers[g][n])] for g in ("item", "colour"))) for n in range(count)]
    return Sample(heads, rows, truth)


@given(st.lists(st.booleans(), min_size=1, max_size=60), st.floats(0.5, 0.99))
@settings(max_examples=200, deadline=None)
def test_claims_above_the_threshold_are_as_precise_as_asked(truth: list[bool], precision: float) -> None:
    probabilities = torch.linspace(0.99, 0.01, len(truth))
    said = probabilities >= find_threshold(probabilities, torch.tensor(truth), precision)
    right = int(torch.tensor(truth)[said].sum())
    assert right >= MIN_RIGHT or not said.any()
    assert right >= precision * int(said.sum()) - 1e-4


def test_what_is_never_right_is_never_said() -> None:
    probabilities = torch.linspace(0, 1, 20)
    assert find_threshold(probabilities, torch.zeros(20, dtype=torch.bool), 0.9) == NEVER
    assert find_threshold(probabilities, torch.ones(20, dtype=torch.bool), 0.9) == 0.0


def test_no_sender_chooses_and_is_measured() -> None:
    rows = [row(str(number * number % 13)) for number in range(100)]
    choosing, measured = split_senders(rows)
    assert sorted([*choosing, *measured]) == list(range(100))
    assert not {rows[number].sender for number in choosing} & {rows[number].sender for number in measured}
    assert 30 <= len(choosing) <= 70


@pytest.mark.parametrize(("scale", "low", "high"), [(3.0, 2.0, 4.1), (0.3, 0.24, 0.6)])
def test_the_temperature_undoes_logits_of_a_wrong_scale(scale: float, low: float, high: float) -> None:
    temperatures = choose_temperatures(build_sample(600, noise=2.5, scale=scale), CONFIG)
    assert temperatures.keys() == LABELS.keys()
    assert all(low < temperature < high for temperature in temperatures.values())


def test_every_group_and_value_gets_a_threshold() -> None:
    thresholds = choose_thresholds(build_sample(200, noise=2.0), CONFIG, 0.9)
    assert thresholds.keys() == {"audience", *VALUES}
    assert choose_thresholds(build_sample(200, noise=200.0), CONFIG, 0.97)["material.джинса"] > min(thresholds.values())


@pytest.mark.parametrize("share", [0.8, 0.9, 0.97])
def test_of_sure_items_as_many_are_right_as_asked(share: float) -> None:
    """And of the others fewer: the seller is asked about them."""
    sample = build_sample(400, noise=8.0, scale=0.1)
    least = choose_sure_item(sample, CONFIG, share)
    best, value = sample.logits.item.softmax(1).max(1)
    right = value == sample.truth["item"].float().argmax(1)
    assert float(right[best >= least].float().mean()) >= share
    assert float(right[best < least].float().mean()) < share


def test_of_an_exclusive_group_one_value_is_said() -> None:
    sample = build_sample(50, noise=0.1)
    both = sample.logits._replace(properties=torch.tensor([[2.1, 2.0, 2.0]]).repeat(50, 1))
    claims = select_claims(Sample(both, sample.rows, sample.truth), CONFIG, dict.fromkeys(VALUES, 0.5))
    assert all(each.keys() == {("sleeve", "короткий"), ("material", "джинса")} for each in claims)


def test_figures_of_a_perfect_classifier_are_one() -> None:
    sample = build_sample(60, noise=0.1)
    figures = measure(sample, CONFIG, choose_thresholds(sample, CONFIG, 1.0) | {"sure_item": 0.0})
    assert (figures["photos"], figures["senders"]) == (60, 7)
    assert [figures[name] for name in ("item", "family", "colour", "claims_right")] == [1.0] * 4
    assert figures["item_interval"] == [1.0, 1.0]
    assert (figures["item_asked"], figures["item_unasked"]) == (0.0, 1.0)


def test_an_interval_encloses_its_ratio() -> None:
    counts = [(float(number % 3 == 0), 1.0) for number in range(90)]
    ratio, (low, high) = resample(counts, [str(number // 5) for number in range(90)])
    assert low < ratio < high
    assert ratio == pytest.approx(1 / 3, abs=1e-3)


def test_kinds_and_colours_are_compared_by_family() -> None:
    assert is_same_kind("футболка", "майка")
    assert not is_same_kind("футболка", "юбка")
    assert is_same_colour(["красный", "голубой"], row("1", colour="голубой"))
    assert not is_same_colour(["красный"], row("1", colour="зелёный"))


def test_garments_are_distinguished_from_other_things(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = {"clothes": torch.tensor([3.0, 2.0, -1.0, 4.0]), "others": torch.tensor([-3.0, -2.0, 0.0, -4.0])}

    def predict(classifier: object, paths: list[Path]) -> Logits:
        empty = torch.zeros(4, 1)
        return Logits(empty, empty, empty, empty, shown[paths[0].name][:, None])

    monkeypatch.setattr(calibration, "predict_logits", predict)
    classifier = cast(PhotoClassifier, None)
    figures = calibration.measure_garment(classifier, [Path("clothes")], [Path("others")], 0.6)
    assert figures == {"garment_auc": 0.9375, "garments_refused": 0.25, "others_refused": 1.0}
