"""A small sequence classifier on character n-grams: every run of one to five letters of a word has its own weight.

Character n-grams survive misspelling and disguise where whole words do not. They are weighted by tf-idf: rare ones
count more, each repetition counts less, and long texts count no more than short ones. Importing this module registers
the architecture with the auto classes of `transformers`.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import AutoConfig, AutoModelForSequenceClassification, PreTrainedConfig, PreTrainedModel
from transformers.modeling_outputs import SequenceClassifierOutput

SPACE_ID = 0  # also the padding id, so that the end of a text is the end of a word
_HASH_FACTOR = 1_000_003


class SpellingConfig(PreTrainedConfig):
    """Sizes of the model: n-grams of up to `longest` letters share `rows` weights by hash.

    Ids 1 to `alphabet` are lower-case letters, the next `alphabet` ids their capitals in the same order.
    """

    model_type = "spelling"

    def __init__(self, rows: int = 1 << 20, longest: int = 5, alphabet: int = 58, **kwargs: Any) -> None:
        super().__init__(**{"pad_token_id": SPACE_ID} | kwargs)
        self.rows, self.longest, self.alphabet = rows, longest, alphabet


class SpellingForSequenceClassification(PreTrainedModel):
    """One label, whose logit is a weighted sum of n-grams and of the share of consecutive capitals, plus a bias."""

    config_class = SpellingConfig
    base_model_prefix = "spelling"

    def __init__(self, config: SpellingConfig) -> None:
        super().__init__(config)
        self.weights = nn.Parameter(torch.zeros(config.rows))
        self.rarity = nn.Parameter(torch.ones(config.rows), requires_grad=False)
        self.loud = nn.Linear(1, 1)
        self.post_init()  # type: ignore[no-untyped-call]

    def forward(self, input_ids: Tensor, attention_mask: Tensor | None = None, **_: Any) -> SequenceClassifierOutput:
        """Return logits (batch, 1) of letter ids (batch, length); padding is recognised by its id, without the mask."""
        lower_case, capital_share = fold_capitals(input_ids, self.config.alphabet)
        texts, rows, counts = hash_ngrams(lower_case, self.config.longest, self.config.rows)
        values = compute_tf_idf(texts, counts, self.rarity[rows], len(input_ids))
        logits = torch.zeros(len(input_ids)).index_add(0, texts, values * self.weights[rows])
        return SequenceClassifierOutput(logits=logits[:, None] + self.loud(capital_share))


def compute_tf_idf(texts: Tensor, counts: Tensor, rarity: Tensor, batch_size: int) -> Tensor:
    """Return the tf-idf value of each n-gram of each text, (n_grams,) float32; each text's values have unit length.

    texts: the text index of each n-gram; counts, rarity: its count in that text and its idf; all (n_grams,).
    """
    values = (1 + counts.log()) * rarity
    norms = torch.zeros(batch_size).index_add(0, texts, values**2).sqrt().clamp(min=1e-6)
    return values / norms[texts]


def fold_capitals(input_ids: Tensor, alphabet: int) -> tuple[Tensor, Tensor]:
    """Return lower-case ids (batch, length) and the share of letters that are capitals behind a capital, (batch, 1).

    The share of «Москва» is 0.
    """
    is_capital = (input_ids > alphabet) & (input_ids <= 2 * alphabet)
    lower_case = torch.where(is_capital, input_ids - alphabet, input_ids)
    letters = ((lower_case > 0) & (lower_case <= alphabet)).sum(1, keepdim=True).clamp(min=1)
    return lower_case, (is_capital[:, 1:] & is_capital[:, :-1]).sum(1, keepdim=True) / letters


def hash_ngrams(input_ids: Tensor, longest: int, rows: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return text index, weight row and count of each distinct n-gram of ids (batch, length), (n_grams,) each.

    An n-gram may begin or end with a space, which marks the edge of a word, but holds none inside.
    """
    input_ids = functional.pad(input_ids, (1, 1), value=SPACE_ID)
    length = input_ids.shape[1]
    offsets = torch.arange(len(input_ids))[:, None] * rows
    hashes, inside_word = input_ids + 1, torch.ones_like(input_ids, dtype=torch.bool)
    following = functional.pad(input_ids, (0, longest), value=SPACE_ID)
    keys = [(offsets + _mix_bits(hashes) % rows)[input_ids != SPACE_ID]]
    for n in range(2, longest + 1):
        last = following[:, n - 1 : n - 1 + length]
        if n > 2:
            inside_word = inside_word & (following[:, n - 2 : n - 2 + length] != SPACE_ID)
        hashes = (hashes * _HASH_FACTOR + last + n) & 0x7FFF_FFFF
        two_spaces = (input_ids == SPACE_ID) & (last == SPACE_ID) if n == 2 else torch.zeros_like(inside_word)
        keys.append((offsets + _mix_bits(hashes) % rows)[inside_word & ~two_spaces])
    unique, counts = torch.cat(keys).unique(return_counts=True)
    return unique // rows, unique % rows, counts.float()


def _mix_bits(hashes: Tensor) -> Tensor:
    """Mix the high bits into the low ones: the row is picked by the low bits alone."""
    mixed = ((hashes ^ (hashes >> 15)) * 0x2C1B_3C6D) & 0x7FFF_FFFF
    return mixed ^ (mixed >> 12)


AutoConfig.register("spelling", SpellingConfig)
AutoModelForSequenceClassification.register(SpellingConfig, SpellingForSequenceClassification)
