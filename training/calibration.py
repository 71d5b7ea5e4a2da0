"""Calibrate a dual encoder: match thresholds, known nouns, and whether its second opinion on nudity is useful."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import torch

from evaluation.ranking import roc_auc
from inference.checkpoints.card import Card
from inference.clip.dual_encoder import Clip
from inference.listing.attributes import parse_attributes
from inference.masking.morphology import get_part_of_speech, lemmatize
from inference.moderation.match import compute_domain_penalties, compute_photo_fits, compute_wide_fits, pool_log_odds
from inference.moderation.named_things import read_named_things
from inference.moderation.photo_index import PhotoEvidence, PhotoIndex
from inference.moderation.photos import ZeroShotNudityClassifier
from training.data.examples import Example, PhotoLabels
from training.facts.calibration import split_senders

Half = Literal["choosing", "measured"]
HALVES: tuple[Half, ...] = ("choosing", "measured")
# Maximum share of albums of clothes that may be taken for something else.
OUT_OF_DOMAIN = 0.01
# The second opinion may agree on at most this share of clothes, and is used only from this ROC AUC.
OPINION_REFUSES, OPINION_AUC = 0.02, 0.9


@dataclass(frozen=True, slots=True)
class Shares:
    """Maximum shares of right listings that `match` may refuse, refuse or warn of, and warn of a single photo of."""

    refused: float = 0.005
    warned: float = 0.01
    photos: float = 0.005


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


def select_senders(examples: Sequence[Example], labels: Mapping[str, PhotoLabels], half: Half) -> list[Example]:
    """Return the examples of the senders that choose thresholds, or of those that are measured; all without labels."""
    held_out = [(name, row) for name, row in labels.items() if row.split == "val"]
    choosing, measured = split_senders([row for _, row in held_out])
    kept = {held_out[number][0] for number in (choosing if half == "choosing" else measured)}
    return [each for each in examples if not labels or each.photos[0].stem in kept]


class Fits(NamedTuple):
    """The fit of each photo of an album with its text, with the kinds that it names and with all like them.

    penalties: what each photo loses for showing no clothes.
    """

    own: Sequence[float]
    wide: Sequence[float]
    penalties: Sequence[float]


def compute_fits(clip: Clip, gallery: PhotoIndex, examples: Sequence[Example], texts: Sequence[str]) -> list[Fits]:
    """Return the fits of each album with the right text, for the texts that `match` judges.

    A fit is a cosine similarity minus the penalties: at most 1, unbounded below.
    """
    embeddings = clip.encode_texts(texts).embeddings
    return [
        Fits(
            compute_photo_fits(album, things.kinds, embedding),
            compute_wide_fits(album, things.kinds, embedding),
            compute_domain_penalties(album),
        )
        for example, text, embedding in zip(examples, texts, embeddings, strict=True)
        if (things := read_named_things(parse_attributes(text))).is_clothing
        for album in [gallery.get_album(example.photos)]
    ]


def choose_thresholds(fits: Sequence[Fits], shares: Shares) -> dict[str, float]:
    """Return the thresholds of `match`, each refusing or warning of at most its share of right pairs.

    `match_threshold` and `match_warn_threshold` are for the best photo of an album, `match_photo_threshold` is for
    the penalties of single photos.
    """
    # A fit above zero speaks for the text, however rare it is among right pairs.
    refused = min(0.0, _quantile([max(each.wide) for each in fits], shares.refused))
    warned = _quantile([max(each.own) for each in fits], shares.warned)
    alone = _quantile([-max(each.penalties) for each in fits], shares.photos)
    return {"match_threshold": refused, "match_warn_threshold": warned, "match_photo_threshold": alone}


def choose_domain_threshold(albums: Sequence[PhotoEvidence], share: float) -> dict[str, float]:
    """Return the log-odds that at most this share of albums of clothes reaches; nothing without a detector."""
    log_odds = [album.out_of_domain for album in albums if album.out_of_domain is not None]
    if not log_odds:
        return {}
    return {"out_of_domain_threshold": -_quantile([-float(pool_log_odds(each).max()) for each in log_odds], share)}


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
        torch.tensor(opinion.predict_risks(PhotoIndex.build(clip, None, paths).evidence.features))
        for paths in (clothes, nude)
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
