"""Tests of the photo labels as class numbers, and of their losses."""

from __future__ import annotations

import pytest
import torch

from training.data.examples import PhotoLabels
from training.data.labels import (
    IGNORE_INDEX,
    MIN_PHOTOS,
    Heads,
    Vocabulary,
    build_vocabulary,
    compute_head_loss,
    distillation_loss,
    encode_labels,
)

WORDS = Vocabulary(("джинсы", "футболка"), ("белый", "синий", "чёрный"), ("однотонный",), ("женский", "мужской"))


def shown(item: str = "футболка", *colors: str, pattern: str = "однотонный", audience: str = "женский") -> PhotoLabels:
    return PhotoLabels("train", item, colors, pattern, audience, "")


def random_logits(count: int, seed: int = 0) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {name: torch.randn(count, size, generator=generator) for name, size in WORDS.sizes.items()}


def test_only_classes_that_enough_photos_show_are_learned() -> None:
    rows = [shown("футболка", "синий", "белый")] * MIN_PHOTOS + [shown("шуба", "синий")] * (MIN_PHOTOS - 1)
    words = build_vocabulary(rows)
    assert (words.items, words.colors) == (("футболка",), ("белый", "синий"))
    assert words.sizes == {"item": 1, "color": 2, "colors": 2, "pattern": 1, "audience": 1}


def test_labels_become_the_numbers_of_their_classes() -> None:
    """The main colour is the first one; the set of colours holds them all."""
    labels = encode_labels([shown("футболка", "чёрный", "белый"), shown("джинсы", "синий", audience="мужской")], WORDS)
    assert labels["item"].tolist() == [1, 0]
    assert labels["color"].tolist() == [2, 1]
    assert labels["colors"].tolist() == [[1, 0, 1], [0, 1, 0]]
    assert labels["audience"].tolist() == [0, 1]


def test_what_is_not_known_is_marked() -> None:
    """A rare item, a photo without colour, and a photo without any label."""
    labels = encode_labels([shown("шуба"), None], WORDS)
    assert labels["item"].tolist() == labels["color"].tolist() == [IGNORE_INDEX, IGNORE_INDEX]
    assert labels["pattern"].tolist() == [0, IGNORE_INDEX]
    assert labels["colors"].tolist() == [[0, 0, 0], [-1, -1, -1]]


def test_unlabelled_photos_do_not_change_the_loss() -> None:
    """The loss of a batch is that of its labelled photos, and no gradient flows to the others."""
    logits = {name: values.requires_grad_() for name, values in random_logits(3).items()}
    mixed = compute_head_loss(logits, encode_labels([shown("джинсы", "синий"), None, None], WORDS))
    alone = compute_head_loss(
        {name: values[:1] for name, values in logits.items()}, encode_labels([shown("джинсы", "синий")], WORDS)
    )
    assert mixed.item() == pytest.approx(alone.item())
    mixed.backward()
    assert all(values.grad is not None and not values.grad[1:].any() for values in logits.values())
    assert any(values.grad is not None and values.grad[0].any() for values in logits.values())


def test_a_batch_without_labels_costs_nothing() -> None:
    assert float(compute_head_loss(random_logits(2), encode_labels([None, None], WORDS))) == 0.0


def test_right_answers_cost_less_than_wrong_ones() -> None:
    labels = encode_labels([shown("футболка", "чёрный", "белый")], WORDS)
    right = {
        "item": torch.tensor([[-5.0, 5.0]]),
        "color": torch.tensor([[-5.0, -5.0, 5.0]]),
        "colors": torch.tensor([[5.0, -5.0, 5.0]]),
        "pattern": torch.tensor([[5.0]]),
        "audience": torch.tensor([[5.0, -5.0]]),
    }
    for name in ("item", "color", "colors", "audience"):
        assert compute_head_loss(right, labels) < compute_head_loss(right | {name: -right[name]}, labels)


def test_distillation_loss_is_minimal_for_the_logits_of_the_teacher() -> None:
    """The gradient of the distillation vanishes there, and elsewhere it does not."""
    teacher = random_logits(4)
    same = {name: values.clone().requires_grad_() for name, values in teacher.items()}
    other = {name: values.requires_grad_() for name, values in random_logits(4, seed=1).items()}
    for student in (same, other):
        distillation_loss(student, teacher).backward()
    assert all(v.grad is not None and v.grad.abs().max() < 1e-6 for v in same.values())
    assert all(v.grad is not None and v.grad.abs().max() > 1e-4 for n, v in other.items() if WORDS.sizes[n] > 1)


def test_each_question_has_its_own_head() -> None:
    answers = Heads(7, WORDS.sizes)(torch.randn(3, 7))
    assert {name: tuple(logits.shape) for name, logits in answers.items()} == {
        name: (3, size) for name, size in WORDS.sizes.items()
    }
