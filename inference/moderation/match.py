"""Whether photos and text belong together, judged only where the dual encoder knows what the text names."""

from __future__ import annotations

import re
from dataclasses import dataclass

from torch import Tensor

from inference.checkpoints import Card
from inference.clip import PhotoViews
from inference.errors import Message
from inference.listing import Verdict
from inference.masking.morphology import lemmas
from inference.scoring import clipscore

_WORD = re.compile(r"[а-яёa-z]+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class MatchRule:
    """What the dual encoder's card says: the least similarity of a right pair, and the nouns that it knows."""

    threshold: float
    knows: frozenset[str]

    @classmethod
    def of(cls, card: Card) -> MatchRule:
        """The rule on a dual encoder's card."""
        return cls(card.calibration.get("match_threshold", 0.0), frozenset(card.knows))

    def named(self, text: str) -> frozenset[str]:
        """The known things that a text names, as dictionary forms."""
        words = _WORD.findall(text.lower())
        return self.knows.intersection(lemma for word in words for lemma in lemmas(word))

    def of_other_things(self, first: str, second: str) -> bool:
        """Whether both texts name known things, and none in common."""
        ours, theirs = self.named(first), self.named(second)
        return bool(ours and theirs) and ours.isdisjoint(theirs)

    def judge(self, views: PhotoViews, text: str, embedding: Tensor | None) -> Verdict:
        """The verdict on photos and a text with its embedding (dim,); nothing to judge passes.

        The whole text is compared, once it names something known: that is how the encoder has learned to read fields.
        One photo that fits is enough: a set's text names things that no other photo shows.
        """
        if embedding is None or not len(views) or not self.named(text):
            return Verdict("match")
        similarity = float(clipscore(views.embeddings, embedding).max())
        if similarity >= self.threshold:
            return Verdict("match", score=similarity)
        return Verdict("match", passed=False, score=similarity, reason=Message("match-refused"))
