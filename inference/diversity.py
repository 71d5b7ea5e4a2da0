"""One thing or many: two ways to a score in [0, 1], both from what the dual encoder saw.

`DiversityClassifier` is trained on labelled albums; `zero_shot` asks the dual encoder with a few Russian phrases.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import cast

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

from inference.clip.dual_encoder import LOGIT_SCALE, Clip, ImageFeatures

MANY_PHRASES = ("разнообразие товаров", "много предметов", "много вещей")
ONE_PHRASES = ("один товар", "один продукт", "одна штука")
# The dual encoder's logits are cosines times this when phrases compete.


class DiversityClassifier(nn.Module):
    """Many, if a photo shows many things, if two photos show different things, or if the text says so.

    Three small heads, whose strongest evidence counts; the number of photos by itself is none.
    """

    def __init__(self, dim: int, width: int, hidden: int = 64) -> None:
        super().__init__()
        self.sizes = {"dim": dim, "width": width, "hidden": hidden}
        self.photo = nn.Sequential(nn.Linear(10 * width, hidden), nn.GELU(), nn.Dropout(0.3), nn.Linear(hidden, 1))
        self.pair = nn.Sequential(
            nn.Linear(2 * (dim + width), hidden), nn.GELU(), nn.Dropout(0.3), nn.Linear(hidden, 1)
        )
        self.text = nn.Linear(dim, 1)

    @classmethod
    def load(cls, folder: Path) -> DiversityClassifier:
        """The classifier of a checkpoint folder: `config.json` and `model.safetensors`."""
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        classifier = cls(config["dim"], config["width"], config["hidden"])
        weights = load_file(folder / "model.safetensors")
        classifier.load_state_dict({name: weight.float() for name, weight in weights.items()})
        return classifier.eval()

    def forward(self, views: ImageFeatures, text: Tensor | None) -> Tensor:
        """The logit of "many" of one listing with at least one photo, (); text: unit embedding (dim,) of the fields."""
        states = functional.normalize(views.states, dim=-1)
        evidence = self.photo(states.flatten(1))[:, 0]
        if len(views) > 1:
            seen = torch.cat((views.embeddings, states[:, 0]), 1)
            first, second = torch.triu_indices(len(views), len(views), 1)
            pairs = torch.cat(((seen[first] - seen[second]).abs(), seen[first] * seen[second]), 1)
            evidence = torch.cat((evidence, self.pair(pairs)[:, 0]))
        logit: Tensor = evidence.max()
        return logit if text is None else logit + cast(Tensor, self.text(text))[0]

    @torch.inference_mode()
    def score(self, views: ImageFeatures, text: Tensor | None = None) -> float:
        """How surely the listing is many different things."""
        return float(self(views, text).sigmoid())


def zero_shot(clip: Clip, views: ImageFeatures) -> float:
    """How much nearer the photos are to phrases of many things than to phrases of one, without any training."""
    phrases = clip.encode_texts((*MANY_PHRASES, *ONE_PHRASES)).embeddings
    logits = LOGIT_SCALE * views.embeddings.mean(0) @ phrases.T
    return float(logits.softmax(0)[: len(MANY_PHRASES)].sum())
