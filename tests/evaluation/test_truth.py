"""No draft, however false, makes the writer contradict the seller, lose a value, or write a word that is none."""

from __future__ import annotations

import pytest

from evaluation.truth import Trial, draw_trial, find_faults, write_trial
from inference.facts.photos import PhotoFacts

TRIALS = 2_000


def test_no_draft_makes_the_writer_lie() -> None:
    faults = {}
    for seed in range(TRIALS):
        trial = draw_trial(seed)
        text = write_trial(trial)
        if found := list(find_faults(trial, text)):
            faults[text] = found
    assert not faults, f"{len(faults)} of {TRIALS}: {list(faults.items())[:5]}"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("Красная футболка. Цвет: синий. Размер 44.", "Предмет одежды: Платья / футболк"),
        ("Красное платье. Цвет: синий. Размер 44.", "Цвет: синий / красн"),
        ("Платье. Цвет: синий.", "lost: Размер: 44"),
        ("Платье. Цвет: синий. Размер 440.", "lost: Размер: 44"),
        ("Платье пужнее. Цвет: синий. Размер 44.", "no word: пужнее"),
        ("Платье Nike. Цвет: синий. Размер 44.", "no word: Nike"),
        ("", "no text"),
    ],
)
def test_the_judge_sees_each_kind_of_fault(text: str, fault: str) -> None:
    fields = {"Предмет одежды": "Платья", "Цвет": "синий", "Размер": "44"}
    assert fault in list(find_faults(Trial(fields, PhotoFacts({}), "", 0), text))


def test_the_judge_passes_a_true_text() -> None:
    fields = {"Предмет одежды": "Платья", "Цвет": "синий", "Размер": "44", "Самовывоз": "м. Сокол"}
    trial = Trial(fields, PhotoFacts({}), "", 0)
    assert list(find_faults(trial, "Синее платье. Размер — 44. Самовывоз: м. Сокол.")) == []


def test_the_same_seed_draws_the_same_trial() -> None:
    assert draw_trial(7) == draw_trial(7)
    assert draw_trial(7) != draw_trial(8)
