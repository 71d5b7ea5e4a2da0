"""Calibrate the classifier of photos: temperatures, thresholds for a precision, and figures of unseen senders.

Half of the held-out senders choose, the other half is measured: nothing is chosen by what it is measured on.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Final

import torch
from torch import Tensor

from evaluation.ranking import roc_auc
from inference.facts.lexicon import get_colour_families, get_specific_kinds, load_groups
from inference.facts.photos import (
    SOFTMAX_GROUPS,
    SURE_ITEM,
    Logits,
    PhotoClassifier,
    PhotoClassifierConfig,
    compute_probabilities,
    normalize,
    split_logits,
)
from inference.listing.photos import load_photo
from training.data.examples import PhotoLabels
from training.facts.labels import Targets, encode_targets, name_item

NEVER: Final = 1.01  # a threshold that no probability reaches
MIN_RIGHT: Final = 3
LIKELY: Final = 0.5  # the least probability of anything that is said
REFUSED: Final = 0.004  # share of garments that may be taken for something else
_RESAMPLES: Final = 1000
_DECADES: Final = 0.6  # temperatures are between 1/4 and 4
_BATCH: Final = 16


@dataclass(frozen=True, slots=True)
class Sample:
    """Held-out photos with their logits and labels.

    truth: group → what is right, (photos, values) bool; the first of several colours only.
    """

    logits: Logits
    rows: Sequence[PhotoLabels]
    truth: Mapping[str, Tensor]

    @classmethod
    def predict(cls, classifier: PhotoClassifier, paths: Sequence[Path], rows: Sequence[PhotoLabels]) -> Sample:
        """Run the classifier on photos with these labels."""
        labels = classifier.config.labels
        targets = encode_targets(rows, labels)
        return cls(predict_logits(classifier, paths), rows, _read_truth(targets, classifier.config))

    def select(self, chosen: Iterable[int]) -> Sample:
        """Return some of the photos, by number."""
        numbers = list(chosen)
        logits = Logits(*(values[numbers] for values in self.logits))
        truth = {group: values[numbers] for group, values in self.truth.items()}
        return Sample(logits, [self.rows[number] for number in numbers], truth)


def _read_truth(targets: Targets, config: PhotoClassifierConfig) -> dict[str, Tensor]:
    first = [(values == values.amax(1, keepdim=True)) & (values > 0) for values in targets[: len(SOFTMAX_GROUPS)]]
    sizes = [len(values) for values in config.properties.values()]
    properties = targets.properties.bool().split(sizes, dim=1)
    return dict(zip((*SOFTMAX_GROUPS, *config.properties), (*first, *properties), strict=True))


@torch.inference_mode()
def predict_logits(classifier: PhotoClassifier, paths: Iterable[Path]) -> Logits:
    """Return the logits of photos."""
    images, parts = map(load_photo, paths), []
    while batch := list(islice(images, _BATCH)):
        parts.append(classifier(classifier.preprocess(batch)))
    return Logits(*(torch.cat(values) for values in zip(*parts, strict=True)))


def split_senders(rows: Sequence[PhotoLabels]) -> tuple[list[int], list[int]]:
    """Return the numbers of the photos that choose and of those that are measured: about half each, no sender in both.

    The order of the senders is that of their hashes, so it does not change when others are added.
    """
    senders = sorted({row.sender for row in rows}, key=lambda sender: hashlib.sha256(sender.encode()).digest())
    choosing: list[int] = []
    while 2 * len(choosing) < len(rows) and len(senders) > 1:
        sender = senders.pop(0)
        choosing += [number for number, row in enumerate(rows) if row.sender == sender]
    return sorted(choosing), [number for number, row in enumerate(rows) if row.sender in set(senders)]


def choose_temperatures(sample: Sample, config: PhotoClassifierConfig) -> dict[str, float]:
    """Return the temperature of each group that makes what is right most likely, within a factor of four of 1."""
    return {
        group: _choose_temperature(group, logits, sample.truth[group])
        for group, logits in split_logits(sample.logits, config).items()
    }


def _choose_temperature(group: str, logits: Tensor, truth: Tensor) -> float:
    candidates: list[float] = torch.logspace(-_DECADES, _DECADES, 121).tolist()
    losses = [_measure_loss(group, logits / candidate, truth) for candidate in candidates]
    return round(candidates[losses.index(min(losses))], 3)


def _measure_loss(group: str, logits: Tensor, truth: Tensor) -> float:
    probabilities = normalize(group, logits).clamp(1e-6, 1 - 1e-6)
    if group in SOFTMAX_GROUPS:
        return float(-probabilities[truth].log().mean())
    return float(torch.nn.functional.binary_cross_entropy(probabilities, truth.float()))


def choose_thresholds(sample: Sample, config: PhotoClassifierConfig, precision: float) -> dict[str, float]:
    """Return the least probability at which the claims of all properties together have the precision, by `group.value`.

    The temperatures make probabilities of all groups comparable, and rare values have too few photos for a threshold of
    their own. What is likelier false than true is never said. The audience has its own threshold, for its likeliest
    value; item and colour are said in any case.
    """
    groups = compute_probabilities(sample.logits, config)
    best, value = groups["audience"].max(1)
    right = sample.truth["audience"][torch.arange(len(value)), value]
    probabilities = torch.cat([groups[group].flatten() for group in config.properties])
    truth = torch.cat([sample.truth[group].flatten() for group in config.properties])
    least = max(LIKELY, find_threshold(probabilities, truth, precision))
    names = [f"{group}.{value}" for group, values in config.properties.items() for value in values]
    return {"audience": find_threshold(best, right, precision), **dict.fromkeys(names, least)}


def choose_sure_item(sample: Sample, config: PhotoClassifierConfig, share: float) -> float:
    """Return the probability of the likeliest item from which on this share of items is right."""
    best, value = compute_probabilities(sample.logits, config)["item"].max(1)
    names = [config.labels["item"][number] for number in value.tolist()]
    right = [name == name_item(row) for name, row in zip(names, sample.rows, strict=True)]
    return find_threshold(best, torch.tensor(right), share)


def find_threshold(probabilities: Tensor, truth: Tensor, precision: float) -> float:
    """Return the least probability from which on the share of right claims is at least the precision.

    probabilities, truth: (claims,). `NEVER` with fewer than `MIN_RIGHT` right ones.
    """
    ordered, order = probabilities.sort(descending=True)
    right = truth[order].cumsum(0)
    said = torch.arange(1, len(order) + 1)
    enough = (right / said >= precision) & (right >= MIN_RIGHT)
    if not enough.any():
        return NEVER
    # Rounded down, so that the claim that sets the threshold passes it.
    return math.floor(float(ordered[enough.nonzero().max()]) * 10_000) / 10_000


def select_claims(
    sample: Sample, config: PhotoClassifierConfig, thresholds: Mapping[str, float]
) -> list[dict[tuple[str, str], bool]]:
    """Return (group, value) → right of each photo's claims: of exclusive groups the likeliest value only.

    Values that captions have no words for are no claims.
    """
    claims: list[dict[tuple[str, str], bool]] = [{} for _ in sample.rows]
    groups = compute_probabilities(sample.logits, config)
    for group, values in config.properties.items():
        probabilities, lexicon = groups[group], load_groups()[group]
        least = torch.tensor([thresholds[f"{group}.{value}"] for value in values])
        for row, (said, truth) in enumerate(zip(probabilities, sample.truth[group], strict=True)):
            over = (said >= least).nonzero().flatten().tolist()
            if lexicon.is_exclusive and over:
                over = [max(over, key=said.__getitem__)]
            claims[row] |= {
                (group, values[number]): bool(truth[number]) for number in over if lexicon.say[values[number]]
            }
    return claims


def measure(sample: Sample, config: PhotoClassifierConfig, thresholds: Mapping[str, float]) -> dict[str, object]:
    """Return the figures of photos, each with its 95 % interval over senders (`…_interval`).

    item_unasked: right items among those that the seller is not asked about; item_asked: share of photos of which the
    seller is asked what they show.
    """
    probabilities = compute_probabilities(sample.logits, config)
    items = [config.labels["item"][number] for number in probabilities["item"].argmax(1).tolist()]
    sure = (probabilities["item"].amax(1) >= thresholds[SURE_ITEM]).tolist()
    colours = [
        [config.labels["colour"][number] for number in row] for row in probabilities["colour"].topk(2).indices.tolist()
    ]
    claims = select_claims(sample, config, thresholds)
    pairs = list(zip(items, colours, claims, sample.rows, strict=True))
    rights = [item == name_item(row) for item, row in zip(items, sample.rows, strict=True)]
    measured = {
        "item": [(float(right), 1.0) for right in rights],
        "item_unasked": [(float(right and known), float(known)) for right, known in zip(rights, sure, strict=True)],
        "item_asked": [(float(not known), 1.0) for known in sure],
        "family": [(float(is_same_kind(item, name_item(row))), 1.0) for item, _, _, row in pairs],
        "colour": [(float(is_same_colour(said[:1], row)), 1.0) for _, said, _, row in pairs],
        "colour_of_two": [(float(is_same_colour(said, row)), 1.0) for _, said, _, row in pairs],
        "claims": [(float(len(said)), 1.0) for _, _, said, _ in pairs],
        "claims_right": [(float(sum(said.values())), float(len(said))) for _, _, said, _ in pairs],
    }
    senders = [row.sender for row in sample.rows]
    figures: dict[str, object] = {"photos": len(senders), "senders": len(set(senders))}
    for name, counts in measured.items():
        figures[name], figures[f"{name}_interval"] = resample(counts, senders)
    return figures


def is_same_kind(first: str, second: str) -> bool:
    """Return whether two nouns are equal or name a thing of the same kind: «футболка» and «майка»."""
    return first == second or bool(get_specific_kinds(first) & get_specific_kinds(second))


def is_same_colour(said: Iterable[str], row: PhotoLabels) -> bool:
    """Return whether one of the colour words is the main colour of a photo or of its family."""
    main = row.colors[0]
    return any(colour == main or get_colour_families(colour) & get_colour_families(main) for colour in said)


def resample(counts: Sequence[tuple[float, float]], senders: Sequence[str]) -> tuple[float, list[float]]:
    """Return a ratio of sums and its 95 % interval, senders drawn with replacement.

    counts: numerator and denominator of each photo.
    """
    names = {sender: number for number, sender in enumerate(dict.fromkeys(senders))}
    sums = torch.zeros(len(names), 2, dtype=torch.float64)
    sums.index_add_(0, torch.tensor([names[s] for s in senders]), torch.tensor(counts, dtype=torch.float64))
    drawn = torch.randint(len(names), (_RESAMPLES, len(names)), generator=torch.Generator().manual_seed(0))
    total, samples = sums.sum(0), sums[drawn].sum(1)
    ratios = samples[:, 0] / samples[:, 1].clamp(min=1e-9)
    interval = [round(float(ratios.quantile(share)), 3) for share in (0.025, 0.975)]
    return round(float(total[0] / total[1].clamp(min=1e-9)), 3), interval


def calibrate(
    classifier: PhotoClassifier, paths: Sequence[Path], rows: Sequence[PhotoLabels], precision: float, sure: float
) -> tuple[PhotoClassifierConfig, dict[str, float], dict[str, object]]:
    """Return the configuration with temperatures, the thresholds, and the figures, of held-out photos.

    Temperatures and thresholds are of one half of the senders, figures of the other. precision: share of right claims;
    sure: share of right items among those that the seller is not asked about.
    """
    sample = Sample.predict(classifier, paths, rows)
    choosing, measured = (sample.select(numbers) for numbers in split_senders(rows))
    config = replace(classifier.config, temperatures=choose_temperatures(choosing, classifier.config))
    thresholds = choose_thresholds(choosing, config, precision)
    thresholds[SURE_ITEM] = choose_sure_item(choosing, config, sure)
    garments = choosing.logits.garment[:, 0].sigmoid()
    thresholds["garment"] = math.floor(float(garments.quantile(REFUSED)) * 10_000) / 10_000
    return config, thresholds, {"precision": precision, "sure": sure, **measure(measured, config, thresholds)}


def measure_garment(
    classifier: PhotoClassifier, clothes: Sequence[Path], others: Sequence[Path], threshold: float
) -> dict[str, float]:
    """Return the ROC AUC of garments against other things, and the share of both that the threshold refuses."""
    right, wrong = (predict_logits(classifier, paths).garment[:, 0].sigmoid() for paths in (clothes, others))
    return {
        "garment_auc": round(roc_auc(right, wrong), 4),
        "garments_refused": round(float((right < threshold).float().mean()), 4),
        "others_refused": round(float((wrong < threshold).float().mean()), 4),
    }
