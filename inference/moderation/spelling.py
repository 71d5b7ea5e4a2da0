"""A small sequence classifier that reads letters: every run of one to five letters of a word has a weight of its own.

Runs of letters outlive misspelling and disguise where whole words do not. A run counts the more the rarer it is, each
repetition less than the one before, and long texts no more than short ones (tf-idf). `transformers` loads it as any
architecture once this module is imported.
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


class SpellingConfig(PreTrainedConfig):
    """Sizes: `rows` of weights that runs of up to `longest` letters share by hash.

    Ids 1 to `alphabet` are small letters, the next `alphabet` their capitals, in the same order.
    """

    model_type = "spelling"

    def __init__(self, rows: int = 1 << 20, longest: int = 5, alphabet: int = 58, **rest: Any) -> None:
        super().__init__(**{"pad_token_id": SPACE} | rest)
        self.rows, self.longest, self.alphabet = rows, longest, alphabet


class SpellingForSequenceClassification(PreTrainedModel):
    """One label, whose logit is the weighted sum of the runs of letters, of the share of capitals, and a constant."""

    config_class = SpellingConfig
    base_model_prefix = "spelling"

    def __init__(self, config: SpellingConfig) -> None:
        super().__init__(config)
        self.weights = nn.Parameter(torch.zeros(config.rows))
        self.rarity = nn.Parameter(torch.ones(config.rows), requires_grad=False)
        self.loud = nn.Linear(1, 1)
        self.post_init()  # type: ignore[no-untyped-call]

    def forward(self, input_ids: Tensor, attention_mask: Tensor | None = None, **_: Any) -> SequenceClassifierOutput:
        """Logits (n, 1) of letters (n, length); padding is recognised by its id."""
        small, shouting = without_capitals(input_ids, self.config.alphabet)
        texts, rows, counts = runs(small, self.config.longest, self.config.rows)
        values = values_of(texts, counts, self.rarity[rows], len(input_ids))
        logits = torch.zeros(len(input_ids)).index_add(0, texts, values * self.weights[rows])
        return SequenceClassifierOutput(logits=logits[:, None] + self.loud(shouting))


def values_of(texts: Tensor, counts: Tensor, rarity: Tensor, number: int) -> Tensor:
    """What each run of each text is worth, (runs,); the values of one of the `number` texts have a length of 1."""
    values = (1 + counts.log()) * rarity
    lengths = torch.zeros(number).index_add(0, texts, values**2).sqrt().clamp(min=1e-6)
    return values / lengths[texts]


def without_capitals(letters: Tensor, alphabet: int) -> tuple[Tensor, Tensor]:
    """Small letters, and the share of capitals that follow another one, (n, 1): none in «Москва»."""
    capital = (letters > alphabet) & (letters <= 2 * alphabet)
    small = torch.where(capital, letters - alphabet, letters)
    known = ((small > 0) & (small <= alphabet)).sum(1, keepdim=True).clamp(min=1)
    return small, (capital[:, 1:] & capital[:, :-1]).sum(1, keepdim=True) / known


def runs(letters: Tensor, longest: int, rows: int) -> tuple[Tensor, Tensor, Tensor]:
    """The different runs of letters (n, length): number of the text, row, and how often, (runs,) each.

    A run may begin or end with a space, which marks the edge of a word, but holds none inside.
    """
    letters = functional.pad(letters, (1, 1), value=SPACE)
    keys = torch.arange(len(letters))[:, None] * rows
    hashed, inside = letters + 1, torch.ones_like(letters, dtype=torch.bool)
    rest = functional.pad(letters, (0, longest), value=SPACE)
    found = [(keys + _stirred(hashed) % rows)[letters != SPACE]]
    for count in range(2, longest + 1):
        last = rest[:, count - 1 : count - 1 + letters.shape[1]]
        if count > 2:
            inside = inside & (rest[:, count - 2 : count - 2 + letters.shape[1]] != SPACE)
        hashed = (hashed * _FACTOR + last + count) & 0x7FFF_FFFF
        two_spaces = (letters == SPACE) & (last == SPACE) if count == 2 else torch.zeros_like(inside)
        found.append((keys + _stirred(hashed) % rows)[inside & ~two_spaces])
    different, counts = torch.cat(found).unique(return_counts=True)
    return different // rows, different % rows, counts.float()


def _stirred(hashed: Tensor) -> Tensor:
    """High bits mixed into the low ones, which alone pick a row."""
    mixed = ((hashed ^ (hashed >> 15)) * 0x2C1B_3C6D) & 0x7FFF_FFFF
    return mixed ^ (mixed >> 12)


AutoConfig.register("spelling", SpellingConfig)
AutoModelForSequenceClassification.register(SpellingConfig, SpellingForSequenceClassification)
