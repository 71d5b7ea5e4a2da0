"""Whether a text insults: any sequence classifier of the kind `toxicity`, read through one door.

It knows logits, labels and the rule that makes one risk of them; which words are rude, the weights know.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Self

import torch
from safetensors.torch import load_file
from tokenizers import Encoding, Tokenizer
from torch import Tensor
from transformers import AutoConfig, AutoModelForSequenceClassification, PreTrainedModel

import inference.moderation.spelling  # noqa: F401 - makes its architecture known to transformers
from inference.checkpoints.registry import Card
from inference.errors import CheckpointError, Message
from inference.listing.types import Verdict
from inference.moderation.disguises import uncover

AT_ONCE = 32
# Of a text longer than a window, this share of a window is read twice, so that no phrase is torn.
OVERLAP = 0.25
FAMILY = "sequence-classifier"


def largest(probabilities: Tensor, labels: Mapping[str, int]) -> Tensor:
    """The strongest of all labels, (n, labels) → (n,)."""
    return probabilities.amax(1)


def not_harmless(probabilities: Tensor, labels: Mapping[str, int]) -> Tensor:
    """1 − p(non-toxic) · (1 − p(dangerous)), as the card of `cointegrated/rubert-tiny-toxicity` says."""
    return 1 - probabilities[:, labels["non-toxic"]] * (1 - probabilities[:, labels["dangerous"]])


Rule = Callable[[Tensor, Mapping[str, int]], Tensor]
# How labels make one risk: a card names one of these.
RISKS: Mapping[str, Rule] = {"largest": largest, "not-harmless": not_harmless}


class TextModeration:
    """A classifier, its labels, its rule and the risk from which on a text is refused."""

    def __init__(self, model: PreTrainedModel, tokenizer: Tokenizer, window: int, rule: Rule, threshold: float) -> None:
        self.model, self.tokenizer, self.rule, self.threshold = model, tokenizer, rule, threshold
        self.labels = {str(label): int(number) for label, number in (model.config.label2id or {}).items()}
        tokenizer.enable_truncation(window, stride=round(window * OVERLAP))
        tokenizer.no_padding()

    @classmethod
    def load(cls, card: Card, threshold: float | None = None) -> Self:
        """The classifier on a card; a `threshold` given here goes before the card's. Raises `CheckpointError`."""
        if card.family != FAMILY:
            raise CheckpointError("checkpoint-family", checkpoint=card.id, family=card.family)
        if card.risk not in RISKS:
            raise CheckpointError("card-field", card=str(card.folder), field="risk")
        config = AutoConfig.from_pretrained(card.folder, local_files_only=True, trust_remote_code=False)
        model = AutoModelForSequenceClassification.from_config(
            config, dtype=torch.float32, trust_remote_code=False
        ).eval()
        model.load_state_dict(load_file(card.folder / "model.safetensors"))
        tokenizer = Tokenizer.from_file(str(card.folder / "tokenizer.json"))
        window = json.loads((card.folder / "tokenizer_config.json").read_text("utf-8"))["model_max_length"]
        return cls(model, tokenizer, window, RISKS[card.risk], _threshold(card, threshold))

    def judge(self, texts: Sequence[str]) -> list[Verdict]:
        """The verdict on each text; an empty one passes without a score."""
        risks = iter(self.risks([text for text in texts if text.strip()]))
        return [self._verdict(next(risks)) if text.strip() else Verdict("text") for text in texts]

    def _verdict(self, risk: float) -> Verdict:
        if risk < self.threshold:
            return Verdict("text", score=risk)
        return Verdict("text", passed=False, score=risk, reason=Message("text-refused"))

    def risks(self, texts: Sequence[str]) -> list[float]:
        """The risk in [0, 1] of each text: the greatest of its windows, read as it stands and uncovered."""
        readings = [sorted({text, uncover(text)}) for text in texts]
        windows = [(n, window) for n, each in enumerate(readings) for read in each for window in self._windows(read)]
        risks = torch.zeros(len(texts))
        if windows:
            found = self.rule(self.logits([window for _, window in windows]).sigmoid(), self.labels)
            risks.scatter_reduce_(0, torch.tensor([number for number, _ in windows]), found, "amax")
        return risks.tolist()

    def _windows(self, text: str) -> list[Encoding]:
        first = self.tokenizer.encode(text)
        return [first, *first.overflowing]

    @torch.inference_mode()
    def logits(self, windows: Sequence[Encoding]) -> Tensor:
        """The logits of encoded texts, (n, labels); texts of like lengths are read together."""
        order = sorted(range(len(windows)), key=lambda n: len(windows[n].ids))
        parts = [self._batch([windows[n] for n in order[at : at + AT_ONCE]]) for at in range(0, len(order), AT_ONCE)]
        return torch.cat(parts)[torch.tensor(order).argsort()]

    def _batch(self, windows: Sequence[Encoding]) -> Tensor:
        padding = self.model.config.pad_token_id or 0
        length = max(len(window.ids) for window in windows)
        ids = torch.tensor([window.ids + [padding] * (length - len(window.ids)) for window in windows])
        mask = torch.tensor([[1] * len(window.ids) + [0] * (length - len(window.ids)) for window in windows])
        answer: Tensor = self.model(input_ids=ids, attention_mask=mask).logits
        return answer


def _threshold(card: Card, given: float | None) -> float:
    return card.calibration.get("toxicity_threshold", 0.5) if given is None else given
