"""Whether photos and text belong together, judged only where the dual encoder knows what the text names."""

from __future__ import annotations

import re
from dataclasses import dataclass

from torch import Tensor

from inference.clip import PhotoViews
from inference.errors import Message
from inference.listing import Attributes, Verdict
from inference.masking.morphology import lemmas
from inference.scoring import clipscore

_WORD = re.compile(r"[а-яёa-z]+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class MatchRule:
    """What the dual encoder's card says: the least similarity of a right pair, and the nouns that it knows."""

    threshold: float
    knows: frozenset[str]

    def judged_text(self, attributes: Attributes) -> str:
        """The attributes that name something known to the encoder, one a line; empty if none does."""
        lines = [f"{name}: {value}" if name else value for name, value in attributes.items]
        return "\n".join(line for line in lines if self._names_something(line))

    def _names_something(self, line: str) -> bool:
        return any(not self.knows.isdisjoint(lemmas(word)) for word in _WORD.findall(line.lower()))

    def judge(self, views: PhotoViews, text: Tensor | None) -> Verdict:
        """The verdict on photos and the embedding (dim,) of the judged text; nothing to judge passes.

        One photo that fits is enough: a set's text names things that no other photo shows.
        """
        if text is None or not len(views):
            return Verdict("match")
        similarity = float(clipscore(views.embeddings, text).max())
        if similarity >= self.threshold:
            return Verdict("match", score=similarity)
        return Verdict("match", passed=False, score=similarity, reason=Message("match-refused"))
