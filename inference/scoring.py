"""Similarity scores of a generated text to its photos and its source text, each in [0, 1]."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from inference.clip.dual_encoder import ImageFeatures
from inference.listing.types import Scores


class EncodedText(NamedTuple):
    """A text as the dual encoder encodes it.

    embedding: (dim,) float32, unit length, comparable with photos.
    tokens: (length, width) float32, hidden states of its tokens, special tokens at both ends included.
    """

    embedding: Tensor
    tokens: Tensor


def compute_scores(
    features: ImageFeatures, source: EncodedText | None, result: EncodedText, numbers_kept: float | None = None
) -> Scores:
    """Return all scores of a description, floats in [0, 1]; None where there is no photo or no source text.

    numbers_kept: what `masking.measure_kept` says of the texts, None for a source without numbers.
    """
    clipscores = clipscore(features.embeddings, result.embedding)
    similarities = photo_similarities(features.embeddings)
    return Scores(
        clipscore_mean=_mean(clipscores),
        clipscore_max=_max(clipscores),
        photo_similarity_mean=_mean(similarities),
        photo_similarity_max=_max(similarities),
        source_similarity=None if source is None else float(clipscore(source.embedding[None], result.embedding)[0]),
        bertscore=None if source is None else bertscore(result.tokens, source.tokens),
        numbers_kept=numbers_kept,
    )


def clipscore(photos: Tensor, text: Tensor) -> Tensor:
    """Return max(0, cosine) of unit embeddings (photos, dim) and (dim,) as (photos,) in [0, 1].

    CLIPScore (Hessel et al., 2021) without its factor of 2.5.
    """
    return (photos @ text).clamp(0, 1)


def photo_similarities(photos: Tensor) -> Tensor:
    """Return max(0, cosine) of each pair of unit embeddings (photos, dim) as (photos · (photos - 1) / 2,)."""
    first, second = torch.triu_indices(len(photos), len(photos), 1)
    return (photos[first] * photos[second]).sum(1).clamp(0, 1)


def bertscore(candidate: Tensor, reference: Tensor) -> float:
    """Return the F1 of greedy token matches in [0, 1] (BERTScore, Zhang et al., 2020), without idf and baseline.

    candidate, reference: (length, width) hidden states with special tokens at both ends. As in the `bert-score`
    package, special tokens can be matched but do not count themselves. A text without other tokens scores 0.
    """
    if len(candidate) <= 2 or len(reference) <= 2:
        return 0.0
    candidate, reference = (torch.nn.functional.normalize(states, dim=-1) for states in (candidate, reference))
    similarity = candidate @ reference.T
    precision, recall = similarity.amax(1)[1:-1].mean(), similarity.amax(0)[1:-1].mean()
    return float((2 * precision * recall / (precision + recall)).clamp(0, 1))


def select_photos(photos: Tensor, source: Tensor | None, count: int) -> list[int]:
    """Return the indices of the `count` most typical photos, best first, for captioners that take no more.

    photos: unit embeddings (photos, dim); source: unit embedding (dim,) of the source text. Photos rank by their
    CLIPScore against the source text, or, without one, by their similarity to the mean photo.
    """
    query = photos.mean(0) if source is None else source
    return (photos @ query).argsort(descending=True, stable=True)[:count].tolist()


def _mean(values: Tensor) -> float | None:
    return float(values.mean()) if len(values) else None


def _max(values: Tensor) -> float | None:
    return float(values.max()) if len(values) else None
