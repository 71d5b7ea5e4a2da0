"""Calibrate a dual encoder: match thresholds, known nouns, and whether its second opinion on nudity is useful."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path

import torch

from evaluation.ranking import roc_auc
from inference.checkpoints.card import Card
from inference.clip.dual_encoder import Clip
from inference.masking.morphology import get_part_of_speech, lemmatize
from inference.moderation.match import MatchPolicy, compute_photo_fits
from inference.moderation.photo_index import PhotoIndex
from inference.moderation.photos import ZeroShotNudityClassifier
from training.data.examples import Example, PhotoLabels

# Maximum shares of right listings that may be refused: as a whole, and because of one of their photos.
WHOLE_REFUSED, PHOTO_REFUSED = 0.0165, 0.02
# The second opinion may agree on at most this share of clothes, and is used only from this ROC AUC.
OPINION_REFUSES, OPINION_AUC = 0.02, 0.9


def collect_nouns(labels: Iterable[PhotoLabels]) -> list[str]:
    """Return the dictionary forms of all nouns that name an item on the training photos, sorted."""
    nouns = {_noun(row.item.lower().split()) for row in labels if row.split == "train"}
    # The dictionary takes «лонгслив», «худи» and «поло» for other parts of speech, so their lemmas are wrong.
    return sorted(
        {form for noun in nouns for form in lemmatize(noun)[: None if get_part_of_speech(noun) == "NOUN" else 1]}
    )


def _noun(item: Sequence[str]) -> str:
    """Return the word that names an item: not «спортивные» in «спортивные штаны», nor «молнии» in «кофта на молнии»."""
    return next((word for word in item if get_part_of_speech(word) == "NOUN"), item[0])


def compute_fits(
    clip: Clip, rule: MatchPolicy, gallery: PhotoIndex, examples: Sequence[Example], texts: Sequence[str]
) -> list[list[float]]:
    """Return the fit of each photo with the right text, one list per album, for the texts that `match` judges.

    A fit is a cosine similarity minus the out-of-domain penalty: at most 1, unbounded below.
    """
    embeddings = clip.encode_texts(texts).embeddings
    return [
        compute_photo_fits(views, embedding, out_of_domain)
        for example, text, embedding in zip(examples, texts, embeddings, strict=True)
        if rule.applies_to(text)
        for views, out_of_domain in [gallery.get_album(example.photos)]
    ]


def choose_thresholds(kinds: Iterable[Sequence[Sequence[float]]]) -> dict[str, float]:
    """Return the two thresholds of `match`, each refusing at most its share of every kind of right pairs.

    kinds: per kind of text, the fits of each album's photos. `match_threshold` is for the best photo of an album,
    `match_photo_threshold` for single photos; the second never exceeds the first.
    """
    judged_kinds = [kind for kind in kinds if kind]
    best = min(_quantile([max(fits) for fits in kind], WHOLE_REFUSED) for kind in judged_kinds)
    each = min(_quantile([min(fits) for fits in kind], PHOTO_REFUSED) for kind in judged_kinds)
    return {"match_threshold": best, "match_photo_threshold": min(best, each)}


def _quantile(values: Sequence[float], share: float) -> float:
    """Return the quantile rounded down to four digits, so that a value equal to the threshold passes."""
    value = float(torch.tensor(values).quantile(share, interpolation="lower"))
    return math.floor(value * 10_000) / 10_000


def measure_second_opinion(card: Card, clothes: Sequence[Path], nude: Sequence[Path]) -> dict[str, float]:
    """Measure how well the zero-shot dual encoder tells nudity from clothes.

    Returns `auc` (ROC AUC in [0, 1]), `threshold`, `caught` (share of nude photos at it) and `helps`: 1 if the AUC is
    high enough for the encoder to be used, else 0.
    """
    clip = Clip.load(card.folder)
    opinion = ZeroShotNudityClassifier.from_languages(clip, card.languages, 1.0)
    plain, bare = (
        torch.tensor(opinion.predict_risks(PhotoIndex.build(clip, None, paths).features)) for paths in (clothes, nude)
    )
    least = float(plain.quantile(1 - OPINION_REFUSES))
    auc = roc_auc(bare, plain)
    caught = float((bare >= least).float().mean())
    return {
        "auc": round(auc, 4),
        "threshold": round(least, 4),
        "caught": round(caught, 4),
        "helps": float(auc >= OPINION_AUC),
    }
