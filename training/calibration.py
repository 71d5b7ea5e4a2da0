"""The match thresholds of a dual encoder: how badly a right pair of photos and text may fit."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path

import torch

from inference.checkpoints.registry import Card
from inference.clip.dual_encoder import Clip
from inference.masking.morphology import lemmas, part_of_speech
from inference.moderation.gallery import Gallery
from inference.moderation.match import MatchRule, fit
from inference.moderation.photos import SecondOpinion
from training.data.examples import Example, PhotoLabels

# Of right listings, at most these shares may be refused: as a whole, and for one of their photos.
WHOLE_REFUSED, PHOTO_REFUSED = 0.0165, 0.02
# The second opinion on nudity agrees with at most this share of clothes, and is asked from this ROC AUC on.
OPINION_REFUSES, OPINION_AUC = 0.02, 0.9


def collect_nouns(labels: Iterable[PhotoLabels]) -> list[str]:
    """The nouns of everything that the training photos show, as dictionary forms."""
    nouns = {_noun(row.item.lower().split()) for row in labels if row.split == "train"}
    # The dictionary takes «лонгслив», «худи» and «поло» for other parts of speech, whose lemmas are of no use.
    return sorted({form for noun in nouns for form in lemmas(noun)[: None if part_of_speech(noun) == "NOUN" else 1]})


def _noun(item: Sequence[str]) -> str:
    """The word of an item that names it: not «спортивные» of «спортивные штаны», nor «молнии» of «кофта на молнии»."""
    return next((word for word in item if part_of_speech(word) == "NOUN"), item[0])


def compute_fits(
    clip: Clip, rule: MatchRule, gallery: Gallery, examples: Sequence[Example], texts: Sequence[str]
) -> list[list[float]]:
    """How well each photo of a right pair fits, an album a list, where `match` judges it."""
    embeddings = clip.encode_texts(texts).embeddings
    return [
        fit(views, embedding, foreign)
        for example, text, embedding in zip(examples, texts, embeddings, strict=True)
        if rule.applies(text)
        for views, foreign in [gallery.album(example.photos)]
    ]


def choose_thresholds(kinds: Iterable[Sequence[Sequence[float]]]) -> dict[str, float]:
    """The two thresholds of `match`, each refusing at most its share of every kind of right pairs.

    One is for the photo of an album that fits best. The other is for each photo alone: it cannot be above the first.
    """
    judged = [kind for kind in kinds if kind]
    best = min(_quantile([max(fits) for fits in kind], WHOLE_REFUSED) for kind in judged)
    each = min(_quantile([min(fits) for fits in kind], PHOTO_REFUSED) for kind in judged)
    return {"match_threshold": best, "match_photo_threshold": min(best, each)}


def _quantile(values: Sequence[float], share: float) -> float:
    """Rounded down, for what is as low as the threshold passes."""
    found = float(torch.tensor(values).quantile(share, interpolation="lower"))
    return math.floor(found * 10_000) / 10_000


def measure_second_opinion(card: Card, clothes: Sequence[Path], nude: Sequence[Path]) -> dict[str, float]:
    """What a dual encoder, asked zero-shot, adds to the photo check: ROC AUC, threshold and share caught at it.

    `helps` is 1 where it tells the owner's examples from clothes well enough to be asked, else 0.
    """
    clip = Clip.load(card.folder)
    asked = SecondOpinion.asked(clip, card.languages, 1.0)
    plain, bare = (torch.tensor(asked.risks(Gallery.of(clip, None, paths).views)) for paths in (clothes, nude))
    least = float(plain.quantile(1 - OPINION_REFUSES))
    auc = float((bare[:, None] > plain).float().mean())
    caught = float((bare >= least).float().mean())
    return {
        "auc": round(auc, 4),
        "threshold": round(least, 4),
        "caught": round(caught, 4),
        "helps": float(auc >= OPINION_AUC),
    }
