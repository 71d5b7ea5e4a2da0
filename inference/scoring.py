"""What a text is worth beside its photos and its source: similarities, each in [0, 1]."""

from __future__ import annotations

import torch
from torch import Tensor

from inference.clip.dual_encoder import ImageFeatures
from inference.listing.types import Scores


def score(views: ImageFeatures, source: tuple[Tensor, Tensor] | None, result: tuple[Tensor, Tensor]) -> Scores:
    """All scores of a description.

    source, result: embedding (dim,) of unit length and token states (length, width) of a text; no source text, None.
    """
    clipscores = clipscore(views.embeddings, result[0])
    pairs = photo_similarities(views.embeddings)
    return Scores(
        clipscore_mean=_mean(clipscores),
        clipscore_max=_max(clipscores),
        photo_similarity_mean=_mean(pairs),
        photo_similarity_max=_max(pairs),
        source_similarity=None if source is None else float(clipscore(source[0][None], result[0])[0]),
        bertscore=None if source is None else bertscore(result[1], source[1]),
    )


def clipscore(photos: Tensor, text: Tensor) -> Tensor:
    """max(0, cosine) of unit embeddings (photos, dim) and (dim,): (photos,).

    CLIPScore (Hessel et al., 2021) without its factor of 2.5.
    """
    return (photos @ text).clamp(0, 1)


def photo_similarities(photos: Tensor) -> Tensor:
    """max(0, cosine) of every pair of photos: (photos · (photos - 1) / 2,)."""
    first, second = torch.triu_indices(len(photos), len(photos), 1)
    return (photos[first] * photos[second]).sum(1).clamp(0, 1)


def bertscore(candidate: Tensor, reference: Tensor) -> float:
    """F1 of greedy token matches (BERTScore, Zhang et al., 2020), without idf weights and baseline.

    candidate, reference: (length, width) token states with the special tokens at both ends, which may be matched but
    do not count themselves, as in the `bert-score` package. 0 for a text without tokens of its own.
    """
    if len(candidate) <= 2 or len(reference) <= 2:
        return 0.0
    candidate, reference = (torch.nn.functional.normalize(states, dim=-1) for states in (candidate, reference))
    similarity = candidate @ reference.T
    precision, recall = similarity.amax(1)[1:-1].mean(), similarity.amax(0)[1:-1].mean()
    return float((2 * precision * recall / (precision + recall)).clamp(0, 1))


def best_photos(photos: Tensor, source: Tensor | None, count: int) -> list[int]:
    """The `count` photos to show a captioner that reads no more, best first.

    The highest CLIPScores against the source text, or, without one, against the other photos.
    """
    like = photos.mean(0) if source is None else source
    return (photos @ like).argsort(descending=True, stable=True)[:count].tolist()


def _mean(values: Tensor) -> float | None:
    return float(values.mean()) if len(values) else None


def _max(values: Tensor) -> float | None:
    return float(values.max()) if len(values) else None
