"""Match: judged only where the text names something that the dual encoder knows."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from inference.checkpoints.card import Card
from inference.clip.dual_encoder import ImageFeatures
from inference.errors import Message
from inference.moderation.match import OUT_OF_DOMAIN_PENALTY, TYPICAL_LOG_ODDS, MatchPolicy

POLICY = MatchPolicy(0.3, frozenset({"кроссовок", "кроссовки", "куртка", "платье", "свитер", "елка"}))


def image_features(*first: float) -> ImageFeatures:
    """Photos whose similarity to `TEXT` is as given."""
    embeddings = torch.tensor([[x, (1 - x * x) ** 0.5] for x in first]).view(-1, 2)
    return ImageFeatures(embeddings, torch.zeros(len(first), 10, 3))


TEXT = torch.tensor([1.0, 0.0])


@pytest.mark.parametrize(
    "text",
    [
        "Пара кроссовок почти новая",
        "Название: КУРТКУ отдам даром",
        "Предмет одежды: платья",
        "обмен на свитер",
        "нарядной ёлке рады все",
    ],
)
def test_a_known_thing_is_recognised_in_every_form(text: str) -> None:
    """Case, number, capital letters and «ё» make no difference."""
    assert POLICY.find_known_nouns(text)


@pytest.mark.parametrize("text", ["Цена: 5000", "Размер: 44", "Отдам в хорошие руки", "Табурет: дубовый", "курточный"])
def test_a_text_that_names_nothing_known_is_not_judged(text: str) -> None:
    assert POLICY.judge(image_features(0.9), text, TEXT).score is None


def test_the_name_of_a_field_counts_as_well() -> None:
    assert POLICY.find_known_nouns("Куртка: синяя\nЦена: 5") == {"куртка"}


def test_texts_of_other_things_have_no_known_thing_in_common() -> None:
    """A text that names nothing known is of no other things."""
    assert POLICY.names_other_things("Синяя куртка", "пара кроссовок")
    assert not POLICY.names_other_things("Синяя куртка", "куртки и свитер")
    assert not POLICY.names_other_things("Синяя куртка", "дубовый табурет")


def test_nothing_to_judge_passes_without_a_score() -> None:
    """No text, or no photo: nothing is claimed."""
    for verdict in (
        POLICY.judge(image_features(0.9), "", None),
        POLICY.judge(image_features(), "куртка", TEXT),
        POLICY.judge(image_features(), "", None),
    ):
        assert (verdict.name, verdict.passed, verdict.score, verdict.reason) == ("match", True, None, None)


def test_a_pair_as_like_as_the_threshold_passes() -> None:
    verdict = POLICY.judge(image_features(0.3001), "куртка", TEXT)
    assert (verdict.passed, verdict.reason) == (True, None)
    assert verdict.score == pytest.approx(0.3001)


def test_a_pair_below_the_threshold_is_refused_with_a_reason() -> None:
    verdict = POLICY.judge(image_features(0.2999), "куртка", TEXT)
    assert (verdict.passed, verdict.reason) == (False, Message("match-refused"))
    assert verdict.score == pytest.approx(0.2999)


def test_one_photo_that_fits_is_enough() -> None:
    """A set's text names things that no other photo of the album shows."""
    assert POLICY.judge(image_features(-0.5, 0.1, 0.8), "куртка", TEXT).passed
    assert not POLICY.judge(image_features(-0.5, 0.1, 0.2), "куртка", TEXT).passed


def test_an_opposite_pair_scores_zero() -> None:
    """The score is a similarity in [0, 1], never a negative cosine."""
    assert POLICY.judge(image_features(-0.7), "куртка", TEXT).score == 0.0


def test_the_rule_comes_from_the_card() -> None:
    card = Card(
        folder=Path("clip/mini"),
        family="f",
        version="1",
        knows=("шапка",),
        calibration={"match_threshold": 0.41, "match_photo_threshold": 0.07},
    )
    assert MatchPolicy.from_card(card) == MatchPolicy(0.41, frozenset({"шапка"}), 0.07)


def test_without_a_threshold_on_the_card_every_pair_passes() -> None:
    policy = MatchPolicy.from_card(Card(folder=Path("clip/mini"), family="f", version="1"))
    assert policy.judge(image_features(-0.9), "куртка", TEXT).passed


def test_two_texts_are_of_other_things_when_they_name_different_ones() -> None:
    assert POLICY.names_other_things("Куртка синяя", "платье в горошек")
    assert not POLICY.names_other_things("Куртка и платье", "платье в горошек")
    assert not POLICY.names_other_things("Куртка", "табурет")


def test_a_photo_without_clothes_fits_no_text() -> None:
    """The log-odds that there are no clothes in a photo cost similarity; what is usual among clothes costs none."""
    for log_odds, score in (
        (TYPICAL_LOG_ODDS, 0.8),
        (-9.0, 0.8),
        (TYPICAL_LOG_ODDS + 2, 0.8 - 2 * OUT_OF_DOMAIN_PENALTY),
    ):
        verdict = POLICY.judge(image_features(0.8), "куртка", TEXT, torch.tensor([log_odds]))
        assert verdict.score == pytest.approx(score)
    verdict = POLICY.judge(image_features(0.8), "куртка", TEXT, torch.tensor([5.0]))
    assert (verdict.passed, verdict.score, verdict.reason) == (False, 0.0, Message("match-refused"))


def test_one_out_of_domain_photo_of_an_album_is_named_by_its_number() -> None:
    """Also where the threshold for single photos is below zero: a photo of a set may be quite unlike the whole text."""
    policy = MatchPolicy(0.3, POLICY.known_nouns, photo_threshold=-0.1)
    album = image_features(0.8, 0.0, 0.7, 0.6, 0.5)
    assert policy.judge(album, "куртка", TEXT, torch.full((5,), TYPICAL_LOG_ODDS)).passed
    verdict = policy.judge(album, "куртка", TEXT, torch.tensor([-3.0, -1.0, -3.0, 5.0, -4.0]))
    assert (verdict.passed, verdict.score) == (False, 0.0)
    assert verdict.reason == Message("match-photos-refused", {"count": 1, "numbers": "4"})


def test_every_out_of_domain_photo_is_named() -> None:
    policy = MatchPolicy(0.3, POLICY.known_nouns, photo_threshold=0.1)
    verdict = policy.judge(image_features(0.8, 0.7, 0.9), "куртка", TEXT, torch.tensor([9.0, -9.0, 9.0]))
    assert verdict.reason == Message("match-photos-refused", {"count": 2, "numbers": "1, 3"})


@pytest.mark.parametrize("text", ["Тельняшка в полоску", "Вид одежды: Мужская", "Кроссы ношеные", "шортики"])
def test_a_text_speaks_of_clothes_in_colloquial_and_general_words_too(text: str) -> None:
    assert POLICY.applies_to(text)
    assert not POLICY.find_known_nouns(text)


@pytest.mark.parametrize("text", ["Стойка для платьев", "Пакет под куртку", "Шкаф для одежды и посуды", "Табурет"])
def test_what_a_thing_is_for_is_not_the_thing(text: str) -> None:
    """A rack for dresses need not show a dress."""
    assert not POLICY.applies_to(text)


def test_a_card_that_knows_nothing_judges_nothing() -> None:
    """Without nouns on the card nobody has said that the encoder can tell clothes."""
    assert not MatchPolicy(0.3, frozenset()).applies_to("Вид одежды: Мужская")
