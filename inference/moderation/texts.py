"""Decide whether a text insults, with any sequence classifier of the kind `toxicity`.

The module knows logits, labels and the function that reduces them to one risk. A few words that are rude in any ad are
in `rude.toml`; all others only the weights know.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Self

import torch
from safetensors.torch import load_file
from tokenizers import Encoding, Tokenizer
from torch import Tensor
from transformers import AutoConfig, AutoModelForSequenceClassification, PreTrainedModel

import inference.moderation.spelling  # noqa: F401 - registers its architecture with transformers
from inference.checkpoints.card import Card
from inference.checkpoints.weights import fill_model
from inference.errors import CheckpointError, Message
from inference.listing.types import Verdict
from inference.moderation.disguises import strip_decoration, uncover

BATCH_SIZE = 32
# Consecutive windows of a long text share this part of a window, so that no phrase is cut in two.
WINDOW_OVERLAP = 0.25
FAMILY = "sequence-classifier"
PIECE_WORDS = 6


def max_probability(probabilities: Tensor, labels: Mapping[str, int]) -> Tensor:
    """Return the highest probability of any label, (batch, labels) → (batch,)."""
    return probabilities.amax(1)


def probability_of_harm(probabilities: Tensor, labels: Mapping[str, int]) -> Tensor:
    """Return 1 − p(non-toxic) · (1 − p(dangerous)), (batch, labels) → (batch,).

    As the model card of `cointegrated/rubert-tiny-toxicity` recommends.
    """
    return 1 - probabilities[:, labels["non-toxic"]] * (1 - probabilities[:, labels["dangerous"]])


RiskFunction = Callable[[Tensor, Mapping[str, int]], Tensor]
# A card names one of these in its field `risk`.
RISK_FUNCTIONS: Mapping[str, RiskFunction] = {"largest": max_probability, "not-harmless": probability_of_harm}


def split_pieces(text: str) -> list[str]:
    """Return the lines of a text, and of a longer line also all runs of `PIECE_WORDS` words, which overlap by half.

    One rude word drowns among the words of other fields.
    """
    pieces = []
    for line in text.splitlines():
        words = line.split()
        step = PIECE_WORDS // 2
        starts = range(0, max(1, len(words) - step), step)
        pieces += [" ".join(words[start : start + PIECE_WORDS]) for start in starts] if len(words) > PIECE_WORDS else []
        pieces.append(line)
    return list(dict.fromkeys(piece for piece in pieces if piece.strip()))


@cache
def _load_rude_words() -> tuple[tuple[re.Pattern[str], re.Pattern[str] | None], ...]:
    rows = tomllib.loads(Path(__file__).with_name("rude.toml").read_text("utf-8"))["words"]
    return tuple(
        (re.compile(rf"\b(?:{row['stems']})"), re.compile(rf"\b(?:{row['unless']})") if row["unless"] else None)
        for row in rows
    )


def holds_rude_word(text: str) -> bool:
    """Return True for a text with a word that is rude in any ad, disguised or not."""
    plain = uncover(text).lower().replace("ё", "е")
    return any(stems.search(plain) and not (unless and unless.search(plain)) for stems, unless in _load_rude_words())


class ToxicityClassifier:
    """A sequence classifier, its risk function and the risk in [0, 1] from which a text is refused."""

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: Tokenizer,
        window: int,
        risk_function: RiskFunction,
        threshold: float,
    ) -> None:
        self.model, self.tokenizer = model, tokenizer
        self.risk_function, self.threshold = risk_function, threshold
        self.labels = {str(label): int(index) for label, index in (model.config.label2id or {}).items()}
        tokenizer.enable_truncation(window, stride=round(window * WINDOW_OVERLAP))
        tokenizer.no_padding()

    @classmethod
    def load(cls, card: Card, threshold: float | None = None) -> Self:
        """Load the classifier of a card; `threshold` overrides the card's. Raises `CheckpointError`."""
        if card.family != FAMILY:
            raise CheckpointError("checkpoint-family", checkpoint=card.id, family=card.family)
        if card.risk not in RISK_FUNCTIONS:
            raise CheckpointError("card-field", card=str(card.folder), field="risk")
        config = AutoConfig.from_pretrained(card.folder, local_files_only=True, trust_remote_code=False)
        model = AutoModelForSequenceClassification.from_config(
            config, dtype=torch.float32, trust_remote_code=False
        ).eval()
        fill_model(model, load_file(card.folder / "model.safetensors"))
        tokenizer = Tokenizer.from_file(str(card.folder / "tokenizer.json"))
        window = json.loads((card.folder / "tokenizer_config.json").read_text("utf-8"))["model_max_length"]
        threshold = card.calibration.get("toxicity_threshold", 0.5) if threshold is None else threshold
        return cls(model, tokenizer, window, RISK_FUNCTIONS[card.risk], threshold)

    def judge(self, texts: Sequence[str]) -> list[Verdict]:
        """Return the verdict on each text; an empty one passes without a score."""
        risks = iter(self.predict_risks([text for text in texts if text.strip()]))
        return [self._build_verdict(next(risks)) if text.strip() else Verdict("text") for text in texts]

    def _build_verdict(self, risk: float) -> Verdict:
        if risk < self.threshold:
            return Verdict("text", score=risk)
        return Verdict("text", passed=False, score=risk, reason=Message("text-refused"))

    def predict_risks(self, texts: Sequence[str]) -> list[float]:
        """Return the risk of each text in [0, 1]: 1 with a rude word, else the highest of its windows.

        Each window is classified as written and uncovered.
        """
        windows = [
            (index, window)
            for index, text in enumerate(texts)
            for piece in split_pieces(text)
            for variant in sorted({strip_decoration(piece), uncover(piece)})
            for window in self._encode(variant)
        ]
        risks = torch.zeros(len(texts))
        if windows:
            logits = self.compute_logits([window for _, window in windows])
            window_risks = self.risk_function(logits.sigmoid(), self.labels)
            risks.scatter_reduce_(0, torch.tensor([index for index, _ in windows]), window_risks, "amax")
        return [1.0 if holds_rude_word(text) else risk for text, risk in zip(texts, risks.tolist(), strict=True)]

    def _encode(self, text: str) -> list[Encoding]:
        first = self.tokenizer.encode(text)
        return [first, *first.overflowing]

    @torch.inference_mode()
    def compute_logits(self, windows: Sequence[Encoding]) -> Tensor:
        """Return the logits (windows, labels) float32 of encoded texts; texts of like length share a batch."""
        order = sorted(range(len(windows)), key=lambda index: len(windows[index].ids))
        batches = [
            self._forward([windows[index] for index in order[start : start + BATCH_SIZE]])
            for start in range(0, len(order), BATCH_SIZE)
        ]
        return torch.cat(batches)[torch.tensor(order).argsort()]

    def _forward(self, windows: Sequence[Encoding]) -> Tensor:
        pad_token_id = self.model.config.pad_token_id or 0
        length = max(len(window.ids) for window in windows)
        input_ids = torch.tensor([window.ids + [pad_token_id] * (length - len(window.ids)) for window in windows])
        attention_mask = torch.tensor([[1] * len(window.ids) + [0] * (length - len(window.ids)) for window in windows])
        logits: Tensor = self.model(input_ids=input_ids, attention_mask=attention_mask).logits
        return logits
