"""Tests of the moderation metrics, on judgements with a known outcome."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from evaluation.moderation import (
    ALBUM,
    Judgement,
    MatchEvaluator,
    Pair,
    build_mixed_albums,
    compute_auc,
    compute_roc,
    count_labels,
    find_nearest,
    judge_photos,
    measure_naming,
    pair_out_of_domain,
    summarise_by_kind,
    swap_texts,
)
from inference.clip.dual_encoder import Clip
from inference.errors import Message
from inference.listing.types import Verdict
from inference.moderation.match import MatchPolicy
from inference.moderation.nudity import Detection
from inference.moderation.photo_index import PhotoIndex
from inference.moderation.photos import Limits, PhotoPolicy
from tests.support.models import tiny


def judged(
    score: float | None, wrong: bool = False, passed: bool = True, numbers: str = "", kind: str = "k"
) -> Judgement:
    reason = Message("match-photos-warned", {"count": 1, "numbers": numbers}) if numbers else None
    return Judgement(kind, (), "", wrong, Verdict("match", passed=passed, score=score, reason=reason))


PAIRS = [Pair((Path(f"{n}.jpg"),), text) for n, text in enumerate(("куртка", "платье", "синяя куртка", "платье"))]


def test_a_photo_gets_the_text_of_another_thing() -> None:
    made = swap_texts(PAIRS, lambda first, second: first.split()[-1] != second.split()[-1], random.Random(0))
    assert [pair.photos for pair in made] == [pair.photos for pair in PAIRS]
    assert all(pair.text.split()[-1] != own.text.split()[-1] for pair, own in zip(made, PAIRS, strict=True))
    assert swap_texts(PAIRS, lambda first, second: False, random.Random(0)) == []


def test_out_of_domain_photos_come_alone_and_in_albums() -> None:
    photos = [Path("bottle.jpg"), Path("can.jpg")]
    assert [pair.photos for pair in pair_out_of_domain(photos, ["куртка"], random.Random(0))] == [
        (photo,) for photo in photos
    ]
    for (album, number), photo in zip(build_mixed_albums(PAIRS, photos, random.Random(0)), photos, strict=True):
        assert len(album.photos) == ALBUM
        assert album.photos[number - 1] == photo
        assert album.text.count("платье") + album.text.count("куртка") == ALBUM - 1


def test_a_number_counts_alone_and_among_others() -> None:
    answers = [judged(0.1, numbers="2"), judged(0.1, numbers="2, 12"), judged(0.1, numbers="12"), judged(0.9)]
    assert measure_naming(answers, [2, 2, 2, 2]) == (0.5, 0.25)


def test_kinds_are_counted_by_themselves() -> None:
    """What is not judged counts as not refused."""
    rows = [judged(0.5), judged(None), judged(0.1, passed=False), judged(0.1, passed=False, kind="other")]
    assert summarise_by_kind(rows) == {
        "k": {"count": 3, "judged": 2, "refused": 0.3333, "warned": 0.0},
        "other": {"count": 1, "judged": 1, "refused": 1.0, "warned": 0.0},
    }


@pytest.mark.parametrize("higher_is_worse", [True, False])
def test_ranks_and_curve_go_the_way_of_the_score(higher_is_worse: bool) -> None:
    """A check that tells all wrong ones from all right ones refuses all of them before the first right one."""
    low, high = (
        (judged(0.1, wrong=not higher_is_worse), judged(0.2, wrong=not higher_is_worse)),
        (
            judged(0.8, wrong=higher_is_worse),
            judged(0.9, wrong=higher_is_worse),
        ),
    )
    rows = [*low, *high, judged(None)]
    assert compute_auc(rows, higher_is_worse) == 1.0
    assert compute_auc(rows, not higher_is_worse) == 0.0
    curve = compute_roc(rows, higher_is_worse)
    assert (0.0, 1.0) in curve
    assert curve[0] == (0.0, 0.0)
    assert curve[-1] == (1.0, 1.0)
    assert curve == sorted(curve)


def test_without_wrong_ones_there_is_no_curve() -> None:
    assert compute_auc([judged(0.5)], True) is None
    assert compute_roc([judged(0.5)], True) == []


def test_the_nearest_to_the_threshold_come_first() -> None:
    rows = [judged(0.9), judged(None), judged(0.45), judged(0.2), judged(0.52)]
    assert [each.verdict.score for each in find_nearest(rows, 0.5, 3)] == [0.52, 0.45, 0.2]


def test_labels_are_counted_once_a_photo() -> None:
    part = Detection("FEET_EXPOSED", 0.4, (0, 0, 1, 1))
    found = [(Path("a"), [part, part]), (Path("b"), [part]), (Path("c"), [])]
    assert count_labels(found) == {"FEET_EXPOSED": {"0.25": 2, "0.40": 2}}
    rule = PhotoPolicy({"FEET_EXPOSED": Limits(refuse=0.4)})
    assert [each.is_refused for each in judge_photos(rule, found, "clothes", wrong=False)] == [True, True, False]


def test_pairs_are_judged_as_in_serving(tiny_clip: Clip, tmp_path: Path) -> None:
    """A text that speaks of no clothes is not judged."""
    tiny.picture(0).save(tmp_path / "0.png")
    gallery = PhotoIndex.build(tiny_clip, None, [tmp_path / "0.png"])
    matching = MatchEvaluator(tiny_clip, MatchPolicy(1.1), gallery)
    pairs = [Pair((tmp_path / "0.png",), text) for text in ("куртка", "табурет")]
    refused, silent = matching.judge_pairs("caption", pairs, wrong=False)
    assert (refused.is_refused, refused.kind, refused.text) == (True, "caption", "куртка")
    assert (silent.is_refused, silent.verdict.score) == (False, None)
