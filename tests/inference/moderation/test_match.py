"""Match: judged only where the text names something that the dual encoder knows."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from inference.checkpoints.registry import Card
from inference.clip.dual_encoder import ImageFeatures
from inference.errors import Message
from inference.moderation.match import FOREIGN_COSTS, USUAL, MatchRule

RULE = MatchRule(0.3, frozenset({"кроссовок", "кроссовки", "куртка", "платье", "свитер", "елка"}))


def views(*first: float) -> ImageFeatures:
    """Photos whose similarity to `TEXT` is as given."""
    embeddings = torch.tensor([[x, (1 - x * x) ** 0.5] for x in first]).view(-1, 2)
    return ImageFeatures(embeddings, torch.zeros(len(first), 10, 3))


TEXT = torch.tensor([1.0, 0.0])


@pytest.mark.parametrize(
    "line",
    [
        "Пара кроссовок почти новая",
        "Название: КУРТКУ отдам даром",
        "Предмет одежды: платья",
        "обмен на свитер",
        "нарядной ёлке рады все",
    ],
)
def test_a_known_thing_is_recognised_in_every_form(line: str) -> None:
    """Case, number, capital letters and «ё» make no difference."""
    assert RULE.named(line)


@pytest.mark.parametrize("line", ["Цена: 5000", "Размер: 44", "Отдам в хорошие руки", "Табурет: дубовый", "курточный"])
def test_a_text_that_names_nothing_known_is_not_judged(line: str) -> None:
    assert RULE.judge(views(0.9), line, TEXT).score is None


def test_the_name_of_a_field_counts_as_well() -> None:
    assert RULE.named("Куртка: синяя\nЦена: 5") == {"куртка"}


def test_texts_of_other_things_have_no_known_thing_in_common() -> None:
    """A text that names nothing known is of no other things."""
    assert RULE.of_other_things("Синяя куртка", "пара кроссовок")
    assert not RULE.of_other_things("Синяя куртка", "куртки и свитер")
    assert not RULE.of_other_things("Синяя куртка", "дубовый табурет")


def test_nothing_to_judge_passes_without_a_score() -> None:
    """No text, or no photo: nothing is claimed."""
    for verdict in (
        RULE.judge(views(0.9), "", None),
        RULE.judge(views(), "куртка", TEXT),
        RULE.judge(views(), "", None),
    ):
        assert (verdict.name, verdict.passed, verdict.score, verdict.reason) == ("match", True, None, None)


def test_a_pair_as_like_as_the_threshold_passes() -> None:
    verdict = RULE.judge(views(0.3001), "куртка", TEXT)
    assert (verdict.passed, verdict.reason) == (True, None)
    assert verdict.score == pytest.approx(0.3001)


def test_a_pair_below_the_threshold_is_refused_with_a_reason() -> None:
    verdict = RULE.judge(views(0.2999), "куртка", TEXT)
    assert (verdict.passed, verdict.reason) == (False, Message("match-refused"))
    assert verdict.score == pytest.approx(0.2999)


def test_one_photo_that_fits_is_enough() -> None:
    """A set's text names things that no other photo of the album shows."""
    assert RULE.judge(views(-0.5, 0.1, 0.8), "куртка", TEXT).passed
    assert not RULE.judge(views(-0.5, 0.1, 0.2), "куртка", TEXT).passed


def test_an_opposite_pair_scores_zero() -> None:
    """The score is a similarity in [0, 1], never a negative cosine."""
    assert RULE.judge(views(-0.7), "куртка", TEXT).score == 0.0


def test_the_rule_comes_from_the_card() -> None:
    card = Card(
        folder=Path("clip/mini"),
        family="f",
        version="1",
        knows=("шапка",),
        calibration={"match_threshold": 0.41, "match_photo_threshold": 0.07},
    )
    assert MatchRule.of(card) == MatchRule(0.41, frozenset({"шапка"}), 0.07)


def test_without_a_threshold_on_the_card_every_pair_passes() -> None:
    rule = MatchRule.of(Card(folder=Path("clip/mini"), family="f", version="1"))
    assert rule.judge(views(-0.9), "куртка", TEXT).passed


def test_two_texts_are_of_other_things_when_they_name_different_ones() -> None:
    assert RULE.of_other_things("Куртка синяя", "платье в горошек")
    assert not RULE.of_other_things("Куртка и платье", "платье в горошек")
    assert not RULE.of_other_things("Куртка", "табурет")


def test_a_photo_without_clothes_fits_no_text() -> None:
    """The log-odds that there are no clothes in a photo cost similarity; what is usual among clothes costs none."""
    assert RULE.judge(views(0.8), "куртка", TEXT, torch.tensor([USUAL])).score == pytest.approx(0.8)
    assert RULE.judge(views(0.8), "куртка", TEXT, torch.tensor([-9.0])).score == pytest.approx(0.8)
    assert RULE.judge(views(0.8), "куртка", TEXT, torch.tensor([USUAL + 2])).score == pytest.approx(
        0.8 - 2 * FOREIGN_COSTS
    )
    verdict = RULE.judge(views(0.8), "куртка", TEXT, torch.tensor([5.0]))
    assert (verdict.passed, verdict.score, verdict.reason) == (False, 0.0, Message("match-refused"))


def test_one_foreign_photo_of_an_album_is_named_by_its_number() -> None:
    """Also where the threshold for single photos is below zero: a photo of a set may be quite unlike the whole text."""
    rule = MatchRule(0.3, RULE.knows, photo_threshold=-0.1)
    album = views(0.8, 0.0, 0.7, 0.6, 0.5)
    assert rule.judge(album, "куртка", TEXT, torch.full((5,), USUAL)).passed
    verdict = rule.judge(album, "куртка", TEXT, torch.tensor([-3.0, -1.0, -3.0, 5.0, -4.0]))
    assert (verdict.passed, verdict.score) == (False, 0.0)
    assert verdict.reason == Message("match-photos-refused", {"count": 1, "numbers": "4"})


def test_every_foreign_photo_is_named() -> None:
    rule = MatchRule(0.3, RULE.knows, photo_threshold=0.1)
    verdict = rule.judge(views(0.8, 0.7, 0.9), "куртка", TEXT, torch.tensor([9.0, -9.0, 9.0]))
    assert verdict.reason == Message("match-photos-refused", {"count": 2, "numbers": "1, 3"})


@pytest.mark.parametrize("line", ["Тельняшка в полоску", "Вид одежды: Мужская", "Кроссы ношеные", "шортики"])
def test_a_text_speaks_of_clothes_in_colloquial_and_general_words_too(line: str) -> None:
    assert RULE.applies(line)
    assert not RULE.named(line)


@pytest.mark.parametrize("line", ["Стойка для платьев", "Пакет под куртку", "Шкаф для одежды и посуды", "Табурет"])
def test_what_a_thing_is_for_is_not_the_thing(line: str) -> None:
    """A rack for dresses need not show a dress."""
    assert not RULE.applies(line)


def test_a_card_that_knows_nothing_judges_nothing() -> None:
    """Without nouns on the card nobody has said that the encoder can tell clothes."""
    assert not MatchRule(0.3, frozenset()).applies("Вид одежды: Мужская")
