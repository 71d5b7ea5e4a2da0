"""A clause stays if the facts support it; what nobody knows goes, and the rest still reads."""

from __future__ import annotations

import pytest

from inference.facts.claims import check_set, check_text, count_support, reads_well
from inference.facts.sheet import FactSheet
from inference.facts.types import Fact

JACKET = FactSheet.merge(
    (),
    (
        Fact("item", "куртка", "photo", 0.9),
        Fact("colour", "синий", "photo", 0.9),
        Fact("hood", "есть", "photo", 0.9),
        Fact("fastening", "молния", "photo", 0.8),
    ),
    {},
)
DRESS = FactSheet.merge((), (Fact("item", "платье", "photo", 0.9), Fact("colour", "белый", "photo", 0.9)), {})


@pytest.mark.parametrize(
    ("draft", "clauses"),
    [
        ("Синяя куртка с капюшоном, на молнии.", ["Синяя куртка с капюшоном", "на молнии"]),
        ("Куртка на пуговицах, с капюшоном", ["Синяя куртка", "с капюшоном"]),
        ("Красная куртка с капюшоном", ["Синяя куртка с капюшоном"]),
        ("Футболка, на молнии", ["Синяя куртка", "на молнии"]),
        ("Синяя куртка с большим капюшоном", ["Синяя куртка с капюшоном"]),
        ("Синяя куртка, почти новая, размер 44, с капюшоном 48", ["Синяя куртка"]),
        ("Синяя куртка, на молнии, на молнии", ["Синяя куртка", "на молнии"]),
        ("Синяя куртка, Нерится, на молнии и", ["Синяя куртка"]),
        ("Синяя куртка Nike на молнии", ["Синяя куртка"]),
        ("на молнии, синяя куртка", ["Синяя куртка"]),
        ("Синяя куртка, под платье, под джинсы", ["Синяя куртка"]),
        ("", []),
    ],
)
def test_unsupported_clauses_go(draft: str, clauses: list[str]) -> None:
    assert check_text(draft, JACKET).clauses == clauses


def test_claims_say_what_stayed() -> None:
    claims = check_text("Красная куртка с капюшоном, короткий рукав", JACKET).claims
    assert {(claim.value, claim.verdict, claim.kept) for claim in claims} == {
        ("куртка", "seen", True),
        ("красная", "unsure", False),
        ("есть", "seen", True),
        ("короткий", "unsure", False),
    }


def test_each_thing_of_a_set_is_checked_against_its_own_facts() -> None:
    phrases, claims = check_set("В наборе красное платье и синяя куртка с капюшоном, шапка", [JACKET, DRESS])
    assert phrases == ["синяя куртка с капюшоном", "белое платье"]
    assert ("красное", False) in {(claim.value, claim.kept) for claim in claims}


def test_support_counts_what_stays_less_what_goes() -> None:
    assert count_support("Синяя куртка на молнии", [JACKET]) == 3
    assert count_support("Красная куртка на пуговицах", [JACKET]) == -1


@pytest.mark.parametrize("text", ["с надписью и вышивкой", "рукав короткий", "на груди", "в полоску", "без капюшона"])
def test_right_cases_read_well(text: str) -> None:
    assert reads_well(text)


@pytest.mark.parametrize("text", ["в надписью", "чёрная и надписью", "надписью на груди", "на капюшоном"])
def test_wrong_cases_do_not(text: str) -> None:
    assert not reads_well(text)
