"""Classify a listing as one thing or many, with a score in [0, 1], from features of the dual encoder.

`DiversityClassifier` is trained on labelled albums; `zero_shot` compares the photos with a few Russian phrases.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import cast

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

from inference.checkpoints.card import Card
from inference.checkpoints.weights import fill_model
from inference.clip.dual_encoder import LOGIT_SCALE, Clip, ImageFeatures

MANY_PHRASES = ("разнообразие товаров", "много предметов", "много вещей")
ONE_PHRASES = ("один товар", "один продукт", "одна штука")

# Keys of the card: the score below which a listing is surely one thing, and the one from which on it is surely many.
SURELY_ONE, SURELY_MANY = "surely_one", "surely_many"
# For a card without the keys: rather asked too often than wrong unasked.
DEFAULT_LIMITS = {SURELY_ONE: 0.25, SURELY_MANY: 0.75}


class DiversityClassifier(nn.Module):
    """Predicts "many" when one photo shows many things, two photos show different things, or the text says so.

    Three small heads, of which the strongest photo evidence counts; the number of photos itself is no evidence.
    """

    def __init__(self, dim: int, width: int, hidden: int = 64) -> None:
        super().__init__()
        self.sizes = {"dim": dim, "width": width, "hidden": hidden}
        self.limits: Mapping[str, float] = DEFAULT_LIMITS
        self.photo = nn.Sequential(nn.Linear(10 * width, hidden), nn.GELU(), nn.Dropout(0.3), nn.Linear(hidden, 1))
        self.pair = nn.Sequential(
            nn.Linear(2 * (dim + width), hidden), nn.GELU(), nn.Dropout(0.3), nn.Linear(hidden, 1)
        )
        self.text = nn.Linear(dim, 1)

    @classmethod
    def load(cls, card: Card) -> DiversityClassifier:
        """Load the classifier, in float32, from `config.json` and `model.safetensors` of a checkpoint."""
        config = json.loads((card.folder / "config.json").read_text(encoding="utf-8"))
        classifier = cls(config["dim"], config["width"], config["hidden"])
        classifier.limits = {**DEFAULT_LIMITS, **card.calibration}
        weights = load_file(card.folder / "model.safetensors")
        fill_model(classifier, {name: weight.float() for name, weight in weights.items()})
        return classifier.eval()

    def forward(self, features: ImageFeatures, text: Tensor | None) -> Tensor:
        """Return the logit of "many", shape (), for one listing with at least one photo.

        text: unit embedding (dim,) of the attributes, None without text.
        """
        states = functional.normalize(features.states, dim=-1)
        evidence = self.photo(states.flatten(1))[:, 0]
        if len(features) > 1:
            evidence = torch.cat((evidence, self._compare_pairs(features)))
        logit: Tensor = evidence.max()
        return logit if text is None else logit + cast(Tensor, self.text(text))[0]

    def _compare_pairs(self, features: ImageFeatures) -> Tensor:
        """Return the logits (pairs,) that two photos show different things, in the order of `torch.triu_indices`."""
        photos = torch.cat((features.embeddings, functional.normalize(features.states[:, 0], dim=-1)), 1)
        first, second = torch.triu_indices(len(features), len(features), 1)
        pairs = torch.cat(((photos[first] - photos[second]).abs(), photos[first] * photos[second]), 1)
        return cast(Tensor, self.pair(pairs))[:, 0]

    def is_unsure(self, score: float) -> bool:
        """Return whether the seller should be asked about a listing with this score."""
        return self.limits[SURELY_ONE] <= score < self.limits[SURELY_MANY]

    @torch.inference_mode()
    def score(self, features: ImageFeatures, text: Tensor | None = None) -> float:
        """Return the probability of "many" in [0, 1]; text: unit embedding (dim,)."""
        return float(self(features, text).sigmoid())

    @torch.inference_mode()
    def compare(self, features: ImageFeatures) -> Tensor:
        """Return the probabilities (photos, photos) float32 that two photos show different things, 0 for one photo."""
        differences = torch.zeros(len(features), len(features))
        first, second = torch.triu_indices(len(features), len(features), 1)
        differences[first, second] = differences[second, first] = self._compare_pairs(features).sigmoid()
        return differences


def zero_shot(clip: Clip, features: ImageFeatures) -> float:
    """Return the probability in [0, 1] that the mean photo matches phrases of many things rather than of one."""
    phrases = clip.encode_texts((*MANY_PHRASES, *ONE_PHRASES)).embeddings
    logits = LOGIT_SCALE * features.embeddings.mean(0) @ phrases.T
    return float(logits.softmax(0)[: len(MANY_PHRASES)].sum())
