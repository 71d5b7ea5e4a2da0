"""A small sequence classifier that reads letters: every run of one to six letters of a word has a say of its own.

Runs of letters outlive misspelling and disguise where whole words do not. Two readers answer, and their logits are
averaged: one adds up a weight for each run, the other gives each run a vector, looks at neighbours together and takes
the strongest evidence beside the sum. `transformers` loads it as any architecture once this module is imported.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import AutoConfig, AutoModelForSequenceClassification, PreTrainedConfig, PreTrainedModel
from transformers.modeling_outputs import SequenceClassifierOutput

SPACE = 0  # the id of a space, and of padding: a text ends as a word does
_FACTOR = 1_000_003
_SCALE = 5.0  # lets weights that learn as fast as all others reach as far as a sum over runs needs


class SpellingConfig(PreTrainedConfig):
    """Sizes: `weights` and `vectors` (of `width`) that runs of up to `longest` letters share by hash.

    Ids 1 to `alphabet` are small letters, the next `alphabet` their capitals, in the same order.
    """

    model_type = "spelling"

    def __init__(
        self,
        weights: int = 1 << 20,
        vectors: int = 1 << 17,
        width: int = 32,
        channels: int = 96,
        longest: int = 6,
        alphabet: int = 58,
        **rest: Any,
    ) -> None:
        super().__init__(**{"pad_token_id": SPACE} | rest)
        self.weights, self.vectors, self.width = weights, vectors, width
        self.channels, self.longest, self.alphabet = channels, longest, alphabet


class SpellingForSequenceClassification(PreTrainedModel):
    """Two readers of the runs of letters: sums of weights, and two layers over vectors. One label."""

    config_class = SpellingConfig
    base_model_prefix = "spelling"

    def __init__(self, config: SpellingConfig) -> None:
        super().__init__(config)
        self.weights = nn.Embedding(config.weights, 1)
        self.loud = nn.Linear(1, 1)
        self.vectors = nn.Embedding(config.vectors, config.width)
        self.near = nn.Conv1d(config.width, config.channels, 5, padding=2)
        self.far = nn.Conv1d(config.channels, config.channels, 5, padding=8, dilation=4)
        self.answer = nn.Sequential(
            nn.Dropout(0.2),
            nn.Linear(2 * config.channels + 1, config.channels),
            nn.GELU(),
            nn.Dropout(0.2),
            nn.Linear(config.channels, 1),
        )
        self.left_out = 0.0  # the share of runs that training leaves out
        self.post_init()  # type: ignore[no-untyped-call]

    def forward(self, input_ids: Tensor, attention_mask: Tensor | None = None, **_: Any) -> SequenceClassifierOutput:
        """Logits (n, 1) of letters (n, length); padding is recognised by its id."""
        return SequenceClassifierOutput(logits=self.answers(input_ids).mean(1, keepdim=True))

    def answers(self, input_ids: Tensor) -> Tensor:
        """The logit of each of the two readers, (n, 2)."""
        letters = functional.pad(input_ids, (1, 1), value=SPACE)
        letters, shouting = _small(letters, self.config.alphabet)
        runs, valid = _runs(letters, self.config.longest)
        if self.training and self.left_out:
            valid = valid & (torch.rand(valid.shape) >= self.left_out)
        summed = self._sum(runs, valid) + self.loud(shouting)[:, 0]
        return torch.stack((summed, self._look(runs, valid, letters != SPACE, shouting)), 1)

    def _sum(self, runs: Tensor, valid: Tensor) -> Tensor:
        weights = self.weights(runs % self.config.weights)[..., 0] * valid
        added: Tensor = _SCALE * weights.sum((1, 2)) / valid.sum((1, 2)).clamp(min=1).sqrt()
        return added

    def _look(self, runs: Tensor, valid: Tensor, seen: Tensor, shouting: Tensor) -> Tensor:
        seen = seen[:, None]
        # (n, longest, length) → one bag of runs a letter, summed without a tensor of all vectors.
        rows = (runs % self.config.vectors).transpose(1, 2).flatten(0, 1)
        counts = valid.transpose(1, 2).flatten(0, 1).to(self.vectors.weight.dtype)
        vectors = functional.embedding_bag(rows, self.vectors.weight, per_sample_weights=counts, mode="sum")
        states = functional.gelu(self.near(vectors.view(len(runs), -1, self.config.width).transpose(1, 2))) * seen
        states = states + functional.gelu(self.far(states)) * seen
        added = states.sum(2) / seen.sum(2).clamp(min=1).sqrt()
        answer: Tensor = self.answer(torch.cat((states.amax(2), added, shouting), 1))[:, 0]
        return answer


def _small(letters: Tensor, alphabet: int) -> tuple[Tensor, Tensor]:
    """The letters without capitals, and the share of capitals behind another one, (n, 1): none in «Москва»."""
    capital = (letters > alphabet) & (letters <= 2 * alphabet)
    small = torch.where(capital, letters - alphabet, letters)
    known = ((small > 0) & (small <= alphabet)).sum(1, keepdim=True).clamp(min=1)
    return small, (capital[:, 1:] & capital[:, :-1]).sum(1, keepdim=True) / known


def _runs(letters: Tensor, longest: int) -> tuple[Tensor, Tensor]:
    """Hash and validity of the run of each length at each letter, (n, longest, length) both.

    A run may begin or end with a space, which marks the edge of a word, but holds none inside.
    """
    hashed, inside = letters + 1, torch.ones_like(letters, dtype=torch.bool)
    rest = functional.pad(letters, (0, longest), value=SPACE)
    found, valid = [_stirred(hashed)], [letters != SPACE]
    for count in range(2, longest + 1):
        last = rest[:, count - 1 : count - 1 + letters.shape[1]]
        if count > 2:
            inside = inside & (rest[:, count - 2 : count - 2 + letters.shape[1]] != SPACE)
        hashed = (hashed * _FACTOR + last + count) & 0x7FFF_FFFF
        found.append(_stirred(hashed))
        valid.append(inside & ((letters != SPACE) | (last != SPACE)))
    return torch.stack(found, 1), torch.stack(valid, 1)


def _stirred(hashed: Tensor) -> Tensor:
    """High bits mixed into the low ones, which alone pick a row."""
    mixed = ((hashed ^ (hashed >> 15)) * 0x2C1B_3C6D) & 0x7FFF_FFFF
    return mixed ^ (mixed >> 12)


AutoConfig.register("spelling", SpellingConfig)
AutoModelForSequenceClassification.register(SpellingConfig, SpellingForSequenceClassification)
