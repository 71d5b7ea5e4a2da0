"""Match: judged only where the text names clothes, or things unlike any clothes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from inference.checkpoints.card import Card
from inference.clip.dual_encoder import ImageFeatures
from inference.errors import Message
from inference.moderation.match import (
    CLOTHES_LOG_ODDS,
    NAMED_LOG_ODDS,
    OUT_OF_DOMAIN_PENALTY,
    TYPICAL_LOG_ODDS,
    UNDECIDED_LOG_ODDS,
    WORN_LOG_ODDS,
    MatchPolicy,
    widen,
)
from inference.moderation.named_things import NamedThings
from inference.moderation.photo_index import PhotoEvidence

POLICY = MatchPolicy(0.3, 0.4, domain_threshold=3.0)
TEXT = torch.tensor([1.0, 0.0])
CLOTHES = NamedThings(is_clothing=True)
TEE, SHOES, KITTENS = (NamedThings(n == 0 or n == 1, frozenset({k})) for n, k in enumerate(("tee", "shoes", "animal")))


def photos(
    *fits: float, log_odds: list[float] | None = None, items: tuple[dict[str, float], ...] = ()
) -> PhotoEvidence:
    """Photos whose similarity to `TEXT` is as given."""
    embeddings = torch.tensor([[x, (1 - x * x) ** 0.5] for x in fits]).view(-1, 2)
    features = ImageFeatures(embeddings, torch.zeros(len(fits), 10, 3))
    return PhotoEvidence(features, None if log_odds is None else torch.tensor(log_odds), items)


def test_nothing_to_judge_passes_without_a_score() -> None:
    """No text, no photo, or a text that names no clothes: nothing is claimed."""
    for verdict in (
        POLICY.judge(photos(0.9), CLOTHES, None),
        POLICY.judge(photos(), CLOTHES, TEXT),
        POLICY.judge(photos(0.1), NamedThings(), TEXT),
        POLICY.judge(photos(0.1, log_odds=[-9.0]), NamedThings(kinds=frozenset({"bag"})), TEXT),
    ):
        assert (verdict.name, verdict.passed, verdict.score, verdict.reason) == ("match", True, None, None)


@pytest.mark.parametrize(
    ("fit", "passed", "code"), [(0.41, True, None), (0.39, True, "match-warned"), (0.29, False, "match-refused")]
)
def test_a_poor_fit_is_warned_of_and_a_worse_one_is_refused(fit: float, passed: bool, code: str | None) -> None:
    verdict = POLICY.judge(photos(fit), CLOTHES, TEXT)
    assert (verdict.passed, verdict.reason) == (passed, Message(code) if code else None)
    assert verdict.score == pytest.approx(fit)


def test_one_photo_that_fits_is_enough() -> None:
    """A set's text names things that no other photo of the album shows."""
    assert POLICY.judge(photos(-0.5, 0.1, 0.8), CLOTHES, TEXT).reason is None
    assert not POLICY.judge(photos(-0.5, 0.1, 0.2), CLOTHES, TEXT).passed


def test_an_opposite_pair_scores_zero() -> None:
    """The score is a similarity in [0, 1], never a negative cosine."""
    assert POLICY.judge(photos(-0.7), CLOTHES, TEXT).score == 0.0


def test_clothes_of_another_kind_are_warned_of_and_shoes_are_refused() -> None:
    """A blouse may be called a top; shoes are no T-shirt."""
    right, blouse = ({"футболка": 0.9, "кроссовки": 0.1},), ({"блузка": 0.99, "футболка": 0.01},)
    assert POLICY.judge(photos(0.6, items=right), TEE, TEXT).reason is None
    near = POLICY.judge(photos(0.6, items=blouse), TEE, TEXT)
    assert (near.passed, near.reason) == (True, Message("match-warned"))
    far = POLICY.judge(photos(0.6, items=({"кроссовки": 1.0, "футболка": 0.0},)), TEE, TEXT)
    assert (far.passed, far.reason) == (False, Message("match-refused"))
    assert not POLICY.judge(photos(0.6, items=({"футболка": 1.0, "кроссовки": 0.0},)), SHOES, TEXT).passed
    jeans = POLICY.judge(photos(0.6, items=({"джинсы": 1.0, "футболка": 0.0},)), TEE, TEXT)
    assert not jeans.passed


def test_what_the_classifier_sees_is_never_refused() -> None:
    """A white knitted hat looks like no clothes to the detector, yet like a hat to the classifier."""
    hat = photos(0.1, log_odds=[19.0], items=({"шапка": 0.5, "юбка": 0.5},))
    verdict = POLICY.judge(hat, NamedThings(is_clothing=True, kinds=frozenset({"hat"})), TEXT)
    assert (verdict.passed, verdict.reason) == (True, Message("match-warned"))


def test_only_what_is_worn_on_the_body_is_mixed_up() -> None:
    assert widen(frozenset({"tee"})) > {"tee", "dress", "skirt"}
    assert "trousers" not in widen(frozenset({"tee"}))
    assert widen(frozenset({"skirt"})) > {"dress", "trousers"}
    assert "shoes" not in widen(frozenset({"tee"}))
    assert widen(frozenset({"shoes"})) == {"shoes"}
    assert widen(frozenset()) == frozenset()


@pytest.mark.parametrize(
    ("log_odds", "passed", "code"),
    [
        ([CLOTHES_LOG_ODDS - 1], False, "match-refused"),
        ([CLOTHES_LOG_ODDS - 1, UNDECIDED_LOG_ODDS - 1], True, "match-warned"),
        ([CLOTHES_LOG_ODDS - 1, UNDECIDED_LOG_ODDS + 1], True, None),
    ],
)
def test_kittens_are_no_clothes(log_odds: list[float], passed: bool, code: str | None) -> None:
    """One photo that may show them is enough."""
    verdict = POLICY.judge(photos(*[0.5] * len(log_odds), log_odds=log_odds), KITTENS, TEXT)
    assert (verdict.passed, verdict.reason) == (passed, Message(code) if code else None)
    assert 0 <= (verdict.score or 0) <= 1


def test_the_policy_comes_from_the_card() -> None:
    calibration = {
        "match_threshold": 0.1,
        "match_warn_threshold": 0.2,
        "match_photo_threshold": 0.07,
        "out_of_domain_threshold": 4.0,
    }
    card = Card(folder=Path("clip/mini"), family="f", version="1", calibration=calibration)
    assert MatchPolicy.from_card(card) == MatchPolicy(0.1, 0.2, 0.07, 4.0)


def test_without_a_threshold_on_the_card_every_pair_passes() -> None:
    policy = MatchPolicy.from_card(Card(folder=Path("clip/mini"), family="f", version="1"))
    assert policy.judge(photos(-0.9, log_odds=[9.0]), CLOTHES, TEXT).reason is None
    assert policy.find_out_of_domain(photos(0.5, log_odds=[99.0]), CLOTHES) == (False,)


def test_a_photo_without_clothes_fits_no_text() -> None:
    """The log-odds that there are no clothes in a photo cost similarity; what is usual among clothes costs none."""
    for log_odds, score in (
        (TYPICAL_LOG_ODDS, 0.8),
        (-9.0, 0.8),
        (TYPICAL_LOG_ODDS + 2, 0.8 - 2 * OUT_OF_DOMAIN_PENALTY),
    ):
        assert POLICY.judge(photos(0.8, log_odds=[log_odds]), CLOTHES, TEXT).score == pytest.approx(score)
    for log_odds, passed, code in ((6.0, True, "match-warned"), (WORN_LOG_ODDS + 6, False, "match-refused")):
        verdict = POLICY.judge(photos(0.8, log_odds=[log_odds]), CLOTHES, TEXT)
        assert (verdict.passed, verdict.reason) == (passed, Message(code))


def test_what_the_classifier_has_no_word_for_is_not_missed() -> None:
    socks = NamedThings(is_clothing=True, kinds=frozenset({"underwear"}))
    assert POLICY.judge(photos(0.6, items=({"футболка": 1.0},)), socks, TEXT).reason is None


def test_every_misfit_of_an_album_is_warned_of_by_its_number() -> None:
    policy = MatchPolicy(0.3, photo_threshold=-0.5)
    verdict = policy.judge(photos(0.8, 0.7, 0.9, log_odds=[9.0, -9.0, 9.0]), CLOTHES, TEXT)
    assert verdict.passed
    assert verdict.reason == Message("match-photos-warned", {"count": 2, "numbers": "1, 3"})


def test_other_clothes_in_an_album_are_no_misfit() -> None:
    policy = MatchPolicy(0.3, photo_threshold=-0.5)
    album = replace(photos(0.8, -0.7, log_odds=[-9.0, -9.0]), items=({"футболка": 1.0}, {"джинсы": 1.0}))
    things = NamedThings(is_clothing=True, kinds=frozenset({"tee"}))
    assert policy.judge(album, things, TEXT).reason is None


def test_an_album_of_one_unknown_thing_is_out_of_domain_as_a_whole() -> None:
    nothing = NamedThings()
    assert POLICY.find_out_of_domain(photos(0.5, 0.5, log_odds=[3.0, -5.0]), nothing) == (True, False)
    assert POLICY.find_out_of_domain(photos(*[0.5] * 4, log_odds=[2.0, 1.0, 1.5, 1.6]), nothing) == (True,) * 4
    assert POLICY.find_out_of_domain(photos(log_odds=[]), nothing) == ()
    assert POLICY.find_out_of_domain(photos(0.5), nothing) == (False,)


def test_the_seller_s_word_weighs_in_what_a_photo_shows() -> None:
    """More is needed against a seller who names clothes, less for one who names a lamp."""
    undecided, likely = photos(0.5, log_odds=[UNDECIDED_LOG_ODDS]), photos(0.5, log_odds=[2.9 + NAMED_LOG_ODDS])
    lamp = NamedThings(kinds=frozenset({"home"}))
    assert [POLICY.find_out_of_domain(undecided, each) for each in (lamp, NamedThings())] == [(True,), (False,)]
    assert [POLICY.find_out_of_domain(likely, each) for each in (NamedThings(), CLOTHES)] == [(True,), (False,)]
