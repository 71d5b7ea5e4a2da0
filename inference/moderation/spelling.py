"""A small sequence classifier that reads letters: every run of one to six letters of a word has a vector of its own.

Runs of letters outlive misspelling and disguise where whole words do not. The vectors of the runs at each letter are
added, neighbours are looked at together, and the strongest evidence of the text counts beside the sum of all of it.
`transformers` loads it as any other architecture once this module is imported.
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
    """Sizes: `rows` vectors of `width` that runs of up to `longest` letters share by hash, `channels` of the layers."""

    model_type = "spelling"

    def __init__(self, rows: int = 1 << 17, width: int = 32, channels: int = 96, longest: int = 6, **rest: Any) -> None:
        super().__init__(**{"pad_token_id": SPACE} | rest)
        self.rows, self.width, self.channels, self.longest = rows, width, channels, longest


class SpellingForSequenceClassification(PreTrainedModel):
    """Runs of letters → vectors at each letter → two layers over neighbours → the strongest and the sum → logits."""

    config_class = SpellingConfig
    base_model_prefix = "spelling"

    def __init__(self, config: SpellingConfig) -> None:
        super().__init__(config)
        # The last column is the plain weight of a run, for the sum over all runs.
        self.runs = nn.Embedding(config.rows, config.width + 1)
        self.near = nn.Conv1d(config.width, config.channels, 5, padding=2)
        self.far = nn.Conv1d(config.channels, config.channels, 5, padding=8, dilation=4)
        self.answer = nn.Sequential(
            nn.Dropout(0.2),
            nn.Linear(2 * config.channels, config.channels),
            nn.GELU(),
            nn.Dropout(0.2),
            nn.Linear(config.channels, len(config.id2label or {})),
        )
        self.left_out = 0.0  # the share of runs that training leaves out
        self.post_init()  # type: ignore[no-untyped-call]

    def forward(self, input_ids: Tensor, attention_mask: Tensor | None = None, **_: Any) -> SequenceClassifierOutput:
        """Logits (n, labels) of letters (n, length); padding is recognised by its id."""
        letters = functional.pad(input_ids, (1, 1), value=SPACE)
        runs, valid = _runs(letters, self.config.longest, self.config.rows)
        if self.training and self.left_out:
            valid = valid & (torch.rand(valid.shape, device=valid.device) >= self.left_out)
        found = self.runs(runs) * valid[..., None]
        weight = found[..., -1].sum((1, 2)) / valid.sum((1, 2)).clamp(min=1).sqrt()
        seen = (letters != SPACE)[:, None]
        states = functional.gelu(self.near(found[..., :-1].sum(1).transpose(1, 2))) * seen
        states = states + functional.gelu(self.far(states)) * seen
        strongest = states.amax(2)
        mean = states.sum(2) / seen.sum(2).clamp(min=1).sqrt()
        return SequenceClassifierOutput(logits=self.answer(torch.cat((strongest, mean), 1)) + weight[:, None])


def _runs(letters: Tensor, longest: int, rows: int) -> tuple[Tensor, Tensor]:
    """Row and validity of the run of each length at each letter, (n, longest, length) both.

    A run may begin or end with a space, which marks the edge of a word, but holds none inside.
    """
    hashed, inside = letters, torch.ones_like(letters, dtype=torch.bool)
    rest = functional.pad(letters, (0, longest), value=SPACE)
    found, valid = [hashed % rows], [letters != SPACE]
    for count in range(2, longest + 1):
        last = rest[:, count - 1 : count - 1 + letters.shape[1]]
        if count > 2:
            inside = inside & (rest[:, count - 2 : count - 2 + letters.shape[1]] != SPACE)
        hashed = (hashed * _FACTOR + last + count) & 0x7FFF_FFFF
        # Neighbouring products share low bits: the high ones are mixed in.
        found.append((hashed ^ (hashed >> 15)) % rows)
        valid.append(inside & ((letters != SPACE) | (last != SPACE)))
    return torch.stack(found, 1), torch.stack(valid, 1)


AutoConfig.register("spelling", SpellingConfig)
AutoModelForSequenceClassification.register(SpellingConfig, SpellingForSequenceClassification)
