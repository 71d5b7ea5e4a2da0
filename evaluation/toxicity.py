"""Metrics of a toxicity classifier: ranking, refusals at the threshold, disguises, speed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter

import torch

from evaluation.ranking import roc_auc
from inference.moderation.texts import ToxicityClassifier


@dataclass(frozen=True, slots=True)
class ToxicityMetrics:
    """`auc`: toxic comments against their neutral rewrites; the other shares are of texts refused at the threshold.

    disguised: by name of the disguise; ms: median milliseconds per single text.
    """

    threshold: float
    comments: int
    auc: float
    toxic_refused: float
    rewrites_refused: float
    ads: int
    ads_refused: float
    disguised_refused: Mapping[str, float]
    ms: float


def measure_toxicity(
    moderation: ToxicityClassifier,
    toxic: Sequence[str],
    rewrites: Sequence[str],
    ads: Sequence[str],
    disguised: Mapping[str, Sequence[str]],
) -> ToxicityMetrics:
    """Compute the metrics on toxic comments, their neutral rewrites, plain ads and disguised obscenities."""
    insults, rewritten = moderation.predict_risks(toxic), moderation.predict_risks(rewrites)
    refused = {name: measure_refused_share(moderation, texts) for name, texts in disguised.items()}
    return ToxicityMetrics(
        threshold=moderation.threshold,
        comments=len(toxic),
        auc=roc_auc(torch.tensor(insults), torch.tensor(rewritten)),
        toxic_refused=_share(insults, moderation.threshold),
        rewrites_refused=_share(rewritten, moderation.threshold),
        ads=len(ads),
        ads_refused=measure_refused_share(moderation, ads),
        disguised_refused=refused,
        ms=_milliseconds(moderation, toxic[:200]),
    )


def measure_refused_share(moderation: ToxicityClassifier, texts: Sequence[str]) -> float:
    """Return the share of texts that are refused, in [0, 1]."""
    return _share(moderation.predict_risks(texts), moderation.threshold)


def _share(risks: Sequence[float], threshold: float) -> float:
    return sum(risk >= threshold for risk in risks) / max(1, len(risks))


def _milliseconds(moderation: ToxicityClassifier, texts: Sequence[str]) -> float:
    times = []
    for text in texts:
        start = perf_counter()
        moderation.judge([text])  # one by one, as texts come in a chat
        times.append(1000 * (perf_counter() - start))
    return float(torch.tensor(times).median()) if times else 0.0
