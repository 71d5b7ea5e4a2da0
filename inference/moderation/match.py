"""Decide whether photos and text belong together, only where the text is about clothes.

Each photo gets a fit: its similarity to the text in the dual encoder's space, less a penalty for showing no clothes at
all. Thresholds come from the dual encoder's card.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from torch import Tensor

from inference.checkpoints.card import Card
from inference.clip.dual_encoder import ImageFeatures
from inference.errors import Message
from inference.listing.types import Verdict
from inference.masking.morphology import lemmatize
from inference.scoring import clipscore

_WORD = re.compile(r"[а-яёa-z]+", re.IGNORECASE)
# Many photos of clothes have out-of-domain log-odds up to this; each unit above it costs so much similarity.
TYPICAL_LOG_ODDS, OUT_OF_DOMAIN_PENALTY = -1.0, 0.2
NO_THRESHOLD = -math.inf
# The noun behind these is what a thing is for, not the thing: a rack for dresses is not a dress.
_PURPOSE_PREPOSITIONS = frozenset({"для", "под", "от"})
# Only ads for clothes use these words. Many are too colloquial or too general for the nouns on a card.
_GARMENTS = """
анорак бандана безрукавка бермуды блузон боксеры ботиночки брючки бюстгальтер варежки ветровочка водолазочка
вьетнамки галифе гольф джинсики джинсовка дутики жилетка кимоно китель колготки комбез косуха косынка кроссы
купальник курточка лосины маечка носки обувь одежда панамка пижама платьице платьишко полупальто ремень
рубашечка рашгард сарафанчик сапожки свитерок спецовка тапки тельняшка топик тренчкот трикотаж треники туфельки
футболочка шапочка шарф шаровары шляпка шортики шубка юбочка
"""
GARMENTS = frozenset(_GARMENTS.split())


@dataclass(frozen=True, slots=True)
class MatchPolicy:
    """Thresholds of a dual encoder's fits and the nouns that it was trained on.

    threshold: for the best photo of an album; photo_threshold: for every photo of it. Both may be negative, as the fit
    of an out-of-domain photo is.
    """

    threshold: float
    known_nouns: frozenset[str]
    photo_threshold: float = NO_THRESHOLD

    @classmethod
    def from_card(cls, card: Card) -> MatchPolicy:
        """Build the policy from a dual encoder's card; a threshold that it lacks refuses nothing."""
        return cls(
            threshold=card.calibration.get("match_threshold", NO_THRESHOLD),
            known_nouns=frozenset(card.knows),
            photo_threshold=card.calibration.get("match_photo_threshold", NO_THRESHOLD),
        )

    def find_known_nouns(self, text: str) -> frozenset[str]:
        """Return the known nouns that a text holds, as lemmas."""
        return self.known_nouns.intersection(_lemmatize(text))

    def names_other_things(self, first: str, second: str) -> bool:
        """Return whether both texts hold known nouns and none in common."""
        nouns, others = self.find_known_nouns(first), self.find_known_nouns(second)
        return bool(nouns and others) and nouns.isdisjoint(others)

    def applies_to(self, text: str) -> bool:
        """Return whether a text is about clothes, so that its photos have to show some."""
        return bool(self.known_nouns) and not (self.known_nouns | GARMENTS).isdisjoint(_lemmatize(text))

    def judge(
        self, features: ImageFeatures, text: str, text_embedding: Tensor | None, out_of_domain: Tensor | None = None
    ) -> Verdict:
        """Return the verdict on photos and a text, whose score is a fit in [0, 1]; nothing to judge passes unscored.

        text_embedding: (dim,) float32, unit length, of the whole text, as the encoder was trained on whole field lists.
        out_of_domain: log-odds (photos,) that a photo shows no clothes; None without a detector.
        """
        if text_embedding is None or not len(features) or not self.applies_to(text):
            return Verdict("match")
        fits = compute_photo_fits(features, text_embedding, out_of_domain)
        best = max(fits)
        if best < self.threshold:
            return Verdict("match", passed=False, score=max(0.0, best), reason=Message("match-refused"))
        misfits = [str(number) for number, fit in enumerate(fits, start=1) if fit < self.photo_threshold]
        if misfits:
            reason = Message("match-photos-refused", {"count": len(misfits), "numbers": ", ".join(misfits)})
            return Verdict("match", passed=False, score=max(0.0, min(fits)), reason=reason)
        return Verdict("match", score=max(0.0, best))


def compute_photo_fits(features: ImageFeatures, text_embedding: Tensor, out_of_domain: Tensor | None) -> list[float]:
    """Return the fit of each photo to a text embedding (dim,), at most 1: CLIPScore less the out-of-domain penalty.

    out_of_domain: log-odds (photos,) or None.
    """
    fits = clipscore(features.embeddings, text_embedding)
    if out_of_domain is not None:
        fits = fits - OUT_OF_DOMAIN_PENALTY * (out_of_domain - TYPICAL_LOG_ODDS).clamp(min=0)
    values: list[float] = fits.tolist()
    return values


def _lemmatize(text: str) -> set[str]:
    """Return every lemma of every word, except for words that say what a thing is for."""
    words = _WORD.findall(text.lower())
    kept = [word for before, word in zip(["", *words], words, strict=False) if before not in _PURPOSE_PREPOSITIONS]
    return {lemma for word in kept for lemma in lemmatize(word)}
