"""Whether photos and text belong together, judged only where the text speaks of clothes.

Two things are asked of each photo: how like the text the dual encoder finds it, and how surely it shows no clothes at
all. The first less a share of the second is how well the photo fits.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from inference.checkpoints.registry import Card
from inference.clip.dual_encoder import ImageFeatures
from inference.errors import Message
from inference.listing.types import Verdict
from inference.masking.morphology import lemmatize
from inference.scoring import clipscore

_WORD = re.compile(r"[а-яёa-z]+", re.IGNORECASE)
# Log-odds of being foreign that many a photo of clothes has, and what each unit above costs in similarity.
USUAL, FOREIGN_COSTS = -1.0, 0.2
# A threshold below every fit.
NEVER = -math.inf
# A rack for dresses is no dress, nor is a belt from one.
_SERVES = frozenset({"для", "под", "от"})
# Words that only an ad for clothes is about; many are too colloquial or too general for the nouns on a card.
_GARMENTS = """
анорак бандана безрукавка бермуды блузон боксеры ботиночки брючки бюстгальтер варежки ветровочка водолазочка
вьетнамки галифе гольф джинсики джинсовка дутики жилетка кимоно китель колготки комбез косуха косынка кроссы
купальник курточка лосины маечка носки обувь одежда панамка пижама платьице платьишко полупальто ремень
рубашечка рашгард сарафанчик сапожки свитерок спецовка тапки тельняшка топик тренчкот трикотаж треники туфельки
футболочка шапочка шарф шаровары шляпка шортики шубка юбочка
"""
GARMENTS = frozenset(_GARMENTS.split())


@dataclass(frozen=True, slots=True)
class MatchRule:
    """What the dual encoder's card says: how well a right pair fits at least, and the nouns that it knows.

    threshold: for the photo of an album that fits best; photo_threshold: for each photo of it. Both may be below zero,
    as the fit of a photo of something else is.
    """

    threshold: float
    knows: frozenset[str]
    photo_threshold: float = NEVER

    @classmethod
    def of(cls, card: Card) -> MatchRule:
        """The rule on a dual encoder's card."""
        least = card.calibration
        best, each = (least.get(name, NEVER) for name in ("match_threshold", "match_photo_threshold"))
        return cls(best, frozenset(card.knows), each)

    def named(self, text: str) -> frozenset[str]:
        """The known things that a text names, as dictionary forms."""
        return self.knows.intersection(_lemmas(text))

    def of_other_things(self, first: str, second: str) -> bool:
        """Whether both texts name known things, and none in common."""
        ours, theirs = self.named(first), self.named(second)
        return bool(ours and theirs) and ours.isdisjoint(theirs)

    def applies(self, text: str) -> bool:
        """Whether a text speaks of clothes, so that its photos have to show some."""
        return bool(self.knows) and not (self.knows | GARMENTS).isdisjoint(_lemmas(text))

    def judge(
        self, views: ImageFeatures, text: str, embedding: Tensor | None, foreign: Tensor | None = None
    ) -> Verdict:
        """The verdict on photos and a text with its embedding (dim,); nothing to judge passes.

        The whole text is compared: that is how the encoder has learned to read fields. foreign: the log-odds that each
        photo shows no clothes, (photos,); None where nobody can tell. The score is a fit within [0, 1].
        """
        if embedding is None or not len(views) or not self.applies(text):
            return Verdict("match")
        fits = fit(views, embedding, foreign)
        best = max(fits)
        if best < self.threshold:
            return Verdict("match", passed=False, score=_score(best), reason=Message("match-refused"))
        unfit = [number for number, each in enumerate(fits, start=1) if each < self.photo_threshold]
        if unfit:
            return Verdict("match", passed=False, score=_score(min(fits)), reason=_naming(unfit))
        return Verdict("match", score=_score(best))


def fit(views: ImageFeatures, embedding: Tensor, foreign: Tensor | None) -> list[float]:
    """How well each photo fits a text, at most 1: its CLIPScore, less where it is foreign by more than is usual."""
    likeness = clipscore(views.embeddings, embedding)
    if foreign is not None:
        likeness = likeness - FOREIGN_COSTS * (foreign - USUAL).clamp(min=0)
    fits: list[float] = likeness.tolist()
    return fits


def _score(fit: float) -> float:
    return max(0.0, fit)


def _naming(unfit: Sequence[int]) -> Message:
    return Message("match-photos-refused", {"count": len(unfit), "numbers": ", ".join(map(str, unfit))})


def _lemmas(text: str) -> set[str]:
    """Every lemma of every word, but for words that say what a thing is for."""
    words = _WORD.findall(text.lower())
    kept = [word for before, word in zip(["", *words], words, strict=False) if before not in _SERVES]
    return {lemma for word in kept for lemma in lemmatize(word)}
