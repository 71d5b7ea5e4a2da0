"""Decide whether photos and text belong together, only where the text names clothes, or things unlike any clothes.

Each photo gets a fit: its similarity to the text in the dual encoder's space, less a penalty for showing no clothes at
all, less a penalty for showing clothes of kinds that the text does not name. A poor fit is warned of. Only what is
certain is refused: photos of no clothes, or of shoes beside a text about a dress, but no blouse beside one about a
T-shirt. Thresholds come from the dual encoder's card.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import torch
from torch import Tensor

from inference.checkpoints.card import Card
from inference.errors import Message
from inference.facts.lexicon import get_specific_kinds
from inference.listing.types import Verdict
from inference.moderation.named_things import NamedThings
from inference.moderation.photo_index import PhotoEvidence
from inference.scoring import clipscore

# Many photos of clothes have out-of-domain log-odds up to this; each unit above it costs so much similarity.
TYPICAL_LOG_ODDS, OUT_OF_DOMAIN_PENALTY = -1.0, 0.1
# The kinds of a right text are often no more likely than this; each unit of log-probability below it costs so much
# similarity, and no more than so many units count: the classifier of photos is never that sure.
TYPICAL_LOG_PROBABILITY, KIND_PENALTY, LEAST_LOG_PROBABILITY = -1.0, 0.15, -7.0
# Kinds that are mixed up, by sellers as well: what is worn above the waist, and below it. Jeans are told from a dress
# with certainty, and both from shoes and hats.
ALIKE: Final = (
    frozenset({"tee", "shirt", "knitwear", "outerwear", "jacket", "dress", "skirt", "bodysuit", "suit"}),
    frozenset({"skirt", "shorts", "trousers", "bodysuit", "suit"}),
)
# Where the classifier of photos sees the kinds that are named with this probability, nothing is certain.
SEEN = 0.4
# The detectors know clothes that lie or hang. Worn ones look out of domain by up to so many log-odds: nothing certain.
WORN_LOG_ODDS = 5.0
NO_THRESHOLD = -math.inf
# Out-of-domain log-odds below which a photo surely shows clothes, and at which it may as well show something else.
CLOTHES_LOG_ODDS, UNDECIDED_LOG_ODDS = -2.0, 0.0
# What a seller's word for clothes weighs against a photo that seems to show none.
NAMED_LOG_ODDS = 2.0
# Photos of these things are never taken for clothes; those of scarves, bags, blankets and toys may be.
UNLIKE_CLOTHES: Final = frozenset(
    {"animal", "beauty", "book", "electronics", "furniture", "home", "instrument", "tool", "vehicle"}
)


@dataclass(frozen=True, slots=True)
class MatchPolicy:
    """Thresholds of the fit.

    threshold: of the best photo of an album and all kinds like those that are named, below which the album is refused;
    warn_threshold: of the best photo and the kinds themselves, below which it is warned of. photo_threshold: of the
    penalty of every photo, with a minus, below which that photo is warned of: a photo of a set need not show what the
    text names. All may be negative. domain_threshold: out-of-domain log-odds from which a photo shows nothing that is
    known.
    """

    threshold: float
    warn_threshold: float = NO_THRESHOLD
    photo_threshold: float = NO_THRESHOLD
    domain_threshold: float = math.inf

    @classmethod
    def from_card(cls, card: Card) -> MatchPolicy:
        """Build the policy from a dual encoder's card; a threshold that it lacks refuses nothing."""
        measured = card.calibration
        return cls(
            measured.get("match_threshold", NO_THRESHOLD),
            measured.get("match_warn_threshold", NO_THRESHOLD),
            measured.get("match_photo_threshold", NO_THRESHOLD),
            measured.get("out_of_domain_threshold", math.inf),
        )

    def override(self, best: float | None, warn: float | None, each: float | None) -> MatchPolicy:
        """Return the policy with the owner's thresholds; None keeps what the card says."""
        return replace(
            self,
            threshold=self.threshold if best is None else best,
            warn_threshold=self.warn_threshold if warn is None else warn,
            photo_threshold=self.photo_threshold if each is None else each,
        )

    def judge(self, photos: PhotoEvidence, things: NamedThings, text_embedding: Tensor | None) -> Verdict:
        """Return the verdict on photos and a text, whose score is a fit in [0, 1]; nothing to judge passes unscored.

        text_embedding: (dim,) float32, unit length, of the whole text, as the encoder was trained on whole field lists.
        """
        if text_embedding is None or not len(photos.features):
            return Verdict("match")
        if not things.is_clothing:
            return self._judge_other_things(photos, things)
        fits = compute_photo_fits(photos, things.kinds, text_embedding)
        best = max(fits)
        if self._is_certain(photos, things, text_embedding):
            return Verdict("match", passed=False, score=max(0.0, best), reason=Message("match-refused"))
        if best < self.warn_threshold:
            return Verdict("match", score=max(0.0, best), reason=Message("match-warned"))
        penalties = enumerate(compute_domain_penalties(photos), start=1)
        misfits = [str(number) for number, penalty in penalties if -penalty < self.photo_threshold]
        details: dict[str, str | int] = {"count": len(misfits), "numbers": ", ".join(misfits)}
        reason = Message("match-photos-warned", details) if misfits else None
        return Verdict("match", score=max(0.0, best), reason=reason)

    def _is_certain(self, photos: PhotoEvidence, things: NamedThings, text_embedding: Tensor) -> bool:
        """Return True where no photo can show what the text names."""
        seen = any(_probability(items, things.kinds) >= SEEN for items in photos.items)
        return not seen and max(compute_wide_fits(photos, things.kinds, text_embedding)) < self.threshold

    def find_out_of_domain(self, photos: PhotoEvidence, things: NamedThings) -> tuple[bool, ...]:
        """Return for each photo whether it shows nothing that the models know.

        Where the seller names clothes, more is needed; where the seller names other things, less.
        """
        if photos.out_of_domain is None or not len(photos.features):
            return (False,) * len(photos.features)
        limit = self.domain_threshold
        if things.is_clothing:
            limit += NAMED_LOG_ODDS
        elif things.kinds:
            limit = min(UNDECIDED_LOG_ODDS, limit)
        return tuple((pool_log_odds(photos.out_of_domain) >= limit).tolist())

    def _judge_other_things(self, photos: PhotoEvidence, things: NamedThings) -> Verdict:
        """Refuse clothes beside a text about things unlike any clothes; warn where the photos are unsure."""
        if photos.out_of_domain is None or not things.kinds or not things.kinds <= UNLIKE_CLOTHES:
            return Verdict("match")
        best = float(photos.out_of_domain.max())
        score = float(torch.sigmoid(torch.tensor(best)))
        if best < CLOTHES_LOG_ODDS:
            return Verdict("match", passed=False, score=score, reason=Message("match-refused"))
        return Verdict("match", score=score, reason=Message("match-warned") if best < UNDECIDED_LOG_ODDS else None)


def widen(kinds: frozenset[str]) -> frozenset[str]:
    """Return kinds with all those that they may be mixed up with."""
    return kinds.union(*(group for group in ALIKE if not kinds.isdisjoint(group)))


def pool_log_odds(log_odds: Tensor) -> Tensor:
    """Return the out-of-domain log-odds (photos,) of one album, each at least what the whole album says.

    The mean of n photos varies as much less as the square root of n says.
    """
    return log_odds.maximum(log_odds.mean() * len(log_odds) ** 0.5)


def compute_wide_fits(photos: PhotoEvidence, kinds: frozenset[str], text_embedding: Tensor) -> list[float]:
    """Return the best fit that each photo may have, were its thing worn and named by a word for a similar one."""
    log_odds = None if photos.out_of_domain is None else photos.out_of_domain - WORN_LOG_ODDS
    return compute_photo_fits(replace(photos, out_of_domain=log_odds), widen(kinds), text_embedding)


def compute_photo_fits(photos: PhotoEvidence, kinds: frozenset[str], text_embedding: Tensor) -> list[float]:
    """Return the fit of each photo to a text embedding (dim,), at most 1: CLIPScore less the two penalties.

    kinds: of things that the text names; none for any. Kinds that the classifier does not know («носки») count as any.
    """
    fits = clipscore(photos.features.embeddings, text_embedding)
    fits = fits - torch.tensor(compute_domain_penalties(photos))
    if any(not kinds.isdisjoint(get_specific_kinds(noun)) for noun in next(iter(photos.items), ())):
        least = math.exp(LEAST_LOG_PROBABILITY)
        log_probabilities = torch.tensor([math.log(max(_probability(items, kinds), least)) for items in photos.items])
        fits = fits - KIND_PENALTY * (TYPICAL_LOG_PROBABILITY - log_probabilities).clamp(min=0)
    values: list[float] = fits.tolist()
    return values


def compute_domain_penalties(photos: PhotoEvidence) -> list[float]:
    """Return what each photo's fit loses for showing no clothes, at least 0."""
    if photos.out_of_domain is None:
        return [0.0] * len(photos.features)
    penalties: list[float] = (OUT_OF_DOMAIN_PENALTY * (photos.out_of_domain - TYPICAL_LOG_ODDS).clamp(min=0)).tolist()
    return penalties


def _probability(items: Mapping[str, float], kinds: frozenset[str]) -> float:
    """Return the probability that a photo shows a thing of one of the kinds."""
    return sum(value for noun, value in items.items() if not kinds.isdisjoint(get_specific_kinds(noun)))
