"""Measure the photo and match checks: right and wrong refusals, and the threshold at which they happen.

Every judgement keeps its photos and text, so that a report can show those nearest to the threshold.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from evaluation.ranking import roc_auc
from inference.clip.dual_encoder import Clip
from inference.listing.attributes import parse_attributes
from inference.listing.types import Verdict
from inference.moderation.match import MatchPolicy
from inference.moderation.named_things import read_named_things
from inference.moderation.nudity import Detection
from inference.moderation.photo_index import PhotoIndex
from inference.moderation.photos import PhotoPolicy

ALBUM = 5


@dataclass(frozen=True, slots=True)
class Judgement:
    """One judgement of a check. `wrong`: it should have been refused."""

    kind: str
    photos: tuple[Path, ...]
    text: str
    wrong: bool
    verdict: Verdict

    @property
    def is_refused(self) -> bool:
        """True if the check refused it."""
        return not self.verdict.passed

    @property
    def is_warned(self) -> bool:
        """True if the check passed it with a warning."""
        return self.verdict.passed and self.verdict.reason is not None


@dataclass(frozen=True, slots=True)
class Pair:
    """Photos and a text that belong together."""

    photos: tuple[Path, ...]
    text: str


@dataclass(frozen=True, slots=True)
class MatchEvaluator:
    """A dual encoder, its match rule, and the features of all photos in question."""

    clip: Clip
    rule: MatchPolicy
    gallery: PhotoIndex

    def judge_pairs(self, kind: str, pairs: Sequence[Pair], wrong: bool) -> list[Judgement]:
        """Judge pairs with `match`, all texts encoded as one batch."""
        embeddings = self.clip.encode_texts([pair.text for pair in pairs]).embeddings
        return [
            Judgement(kind, pair.photos, pair.text, wrong, self._verdict(pair, embedding))
            for pair, embedding in zip(pairs, embeddings, strict=True)
        ]

    def _verdict(self, pair: Pair, embedding: Tensor) -> Verdict:
        things = read_named_things(parse_attributes(pair.text))
        return self.rule.judge(self.gallery.get_album(pair.photos), things, embedding)


def name_other_things(first: str, second: str) -> bool:
    """Return True where two texts name clothes of no common kind."""
    one, other = (read_named_things(parse_attributes(text)) for text in (first, second))
    return one.excludes(other)


def swap_texts(pairs: Sequence[Pair], differs: Callable[[str, str], bool], rnd: random.Random) -> list[Pair]:
    """Return each photo with the text of another thing; pairs without a candidate are left out."""
    swapped = []
    for pair in pairs:
        # A sample, because comparing all pairs would take time quadratic in their number.
        candidates = [other.text for other in rnd.sample(pairs, min(len(pairs), 60)) if differs(pair.text, other.text)]
        swapped += [Pair(pair.photos, candidates[0])] if candidates else []
    return swapped


def pair_out_of_domain(photos: Sequence[Path], texts: Sequence[str], rnd: random.Random) -> list[Pair]:
    """Return each photo of something else with a text about clothes."""
    return [Pair((photo,), rnd.choice(texts)) for photo in photos]


def build_mixed_albums(pairs: Sequence[Pair], photos: Sequence[Path], rnd: random.Random) -> Iterator[tuple[Pair, int]]:
    """Yield albums of `ALBUM` photos, and the number (from 1) of the out-of-domain photo in each."""
    single = [pair for pair in pairs if len(pair.photos) == 1]
    for photo in photos:
        neighbours = rnd.sample(single, ALBUM - 1)
        place = rnd.randrange(ALBUM)
        album = [pair.photos[0] for pair in neighbours]
        yield Pair((*album[:place], photo, *album[place:]), " ".join(pair.text for pair in neighbours)), place + 1


def measure_naming(judgements: Sequence[Judgement], numbers: Sequence[int]) -> tuple[float, float]:
    """Return the share of albums whose out-of-domain photo is named, and the share in which it alone is named."""
    named_numbers = [_numbers(each.verdict) for each in judgements]
    among = [str(number) in each for each, number in zip(named_numbers, numbers, strict=True)]
    alone = [{str(number)} == each for each, number in zip(named_numbers, numbers, strict=True)]
    return sum(among) / max(1, len(among)), sum(alone) / max(1, len(alone))


def _numbers(verdict: Verdict) -> set[str]:
    return set(str(verdict.reason.details.get("numbers", "")).split(", ")) if verdict.reason else set()


def summarise_by_kind(judgements: Sequence[Judgement]) -> dict[str, dict[str, float]]:
    """Return per kind the count, the number of judged pairs, and the shares refused and warned of."""
    kinds: dict[str, list[Judgement]] = {}
    for each in judgements:
        kinds.setdefault(each.kind, []).append(each)
    return {
        kind: {
            "count": len(rows),
            "judged": sum(row.verdict.score is not None for row in rows),
            "refused": round(sum(row.is_refused for row in rows) / len(rows), 4),
            "warned": round(sum(row.is_warned for row in rows) / len(rows), 4),
        }
        for kind, rows in kinds.items()
    }


def judge_photos(
    rule: PhotoPolicy, detections: Sequence[tuple[Path, Sequence[Detection]]], kind: str, wrong: bool
) -> list[Judgement]:
    """Judge single photos with the photo check, without the second opinion."""
    return [Judgement(kind, (path,), "", wrong, rule.judge([each])) for path, each in detections]


def count_labels(detections: Sequence[tuple[Path, Sequence[Detection]]]) -> dict[str, dict[str, int]]:
    """Return per label the number of photos with a detection, and with a score of at least 0.4 and 0.5."""
    counts: dict[str, dict[str, int]] = {}
    for least in (0.25, 0.4, 0.5):
        labels = Counter(label for _, each in detections for label in {one.label for one in each if one.score >= least})
        for label, count in labels.items():
            counts.setdefault(label, {})[f"{least:.2f}"] = count
    return dict(sorted(counts.items()))


def compute_auc(judgements: Sequence[Judgement], higher_is_worse: bool) -> float | None:
    """Return the ROC AUC of wrong against right judgements; None if one of the two is missing."""
    scores = {wrong: _scores(judgements, wrong) for wrong in (False, True)}
    if not len(scores[False]) or not len(scores[True]):
        return None
    return roc_auc(scores[higher_is_worse], scores[not higher_is_worse])


def compute_roc(judgements: Sequence[Judgement], higher_is_worse: bool, points: int = 60) -> list[tuple[float, float]]:
    """Return the ROC curve as (share of right ones refused, share of wrong ones refused), from no refusals to all."""
    sign = 1 if higher_is_worse else -1  # after this a higher score is refused
    right, wrong = (sign * _scores(judgements, each) for each in (False, True))
    if not len(right) or not len(wrong):
        return []
    levels = torch.cat((right, wrong)).quantile(torch.linspace(1, 0, points))
    shares = [[float((scores >= least).float().mean()) for least in levels] for scores in (right, wrong)]
    return [(0.0, 0.0), *zip(*shares, strict=True)]


def find_nearest(judgements: Sequence[Judgement], threshold: float, count: int) -> list[Judgement]:
    """Return the judgements with scores nearest to a threshold, nearest first; at zero nothing was detected."""
    scored = [each for each in judgements if each.verdict.score]
    return sorted(scored, key=lambda each: abs((each.verdict.score or 0.0) - threshold))[:count]


def _scores(judgements: Sequence[Judgement], wrong: bool) -> Tensor:
    return torch.tensor([e.verdict.score for e in judgements if e.wrong == wrong and e.verdict.score is not None])
