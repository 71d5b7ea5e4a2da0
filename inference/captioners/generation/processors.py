"""Logits processors: no digit but the seller's, no excluded thing, no endless repetition, sampling seeded by prompt."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import torch
from torch import Tensor
from transformers import (
    LogitsProcessor,
    LogitsProcessorList,
    NoBadWordsLogitsProcessor,
    NoRepeatNGramLogitsProcessor,
    RepetitionPenaltyLogitsProcessor,
)

from inference.captioners.base import Prompt
from inference.captioners.generation.settings import GenerationSettings

NEVER: Final = float("-inf")
_BYTE = re.compile(r"<0x([0-9A-F]{2})>")  # SentencePiece's name for a byte that is not in a piece of its own


def build_processors(
    settings: GenerationSettings,
    digit_ids: Tensor,
    prompts: Sequence[Prompt],
    mask_token_ids: Sequence[Sequence[int]],
    start: int = 0,
) -> LogitsProcessorList:
    """Build the processors that apply with every seed: against repetitions and against digits of the model's own.

    digit_ids: (digits,) from `find_digit_ids`; mask_token_ids: the ids that spell the mask tokens of each prompt,
    which may be repeated, because `<SIZE_2>` consists mostly of `<SIZE>`; start: position in the ids at which the text
    begins.
    """
    repetitions = LogitsProcessorList()
    if settings.repetition_penalty != 1:
        repetitions.append(RepetitionPenaltyLogitsProcessor(settings.repetition_penalty))
    if settings.no_repeat_ngram_size:
        repetitions.append(NoRepeatNGramLogitsProcessor(settings.no_repeat_ngram_size))
    has_numbers = [any(c.isdigit() for token in prompt.mask_tokens for c in token) for prompt in prompts]
    after_prompt = [AfterPrompt(start, repetitions, mask_token_ids)] if repetitions else []
    return LogitsProcessorList([*after_prompt, NoDigits(digit_ids, has_numbers)])


def find_digit_ids(vocabulary: Mapping[str, int]) -> Tensor:
    """Return the sorted ids of the pieces that contain a digit, (digits,) int64."""
    return torch.tensor(sorted({number for piece, number in vocabulary.items() if _has_digit(piece)}), dtype=torch.long)


class AfterPrompt(LogitsProcessor):
    """Apply other processors to the generated ids only: the text may repeat what its prompt contains.

    exempt_ids: ids of each prompt whose scores stay as they are.
    """

    def __init__(self, start: int, processors: LogitsProcessorList, exempt_ids: Sequence[Sequence[int]]) -> None:
        self._start = start
        self._processors = processors
        self._exempt = _TokenMask([torch.tensor(ids, dtype=torch.long) for ids in exempt_ids])

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """Process scores: (rows, length), (rows, vocabulary) → (rows, vocabulary)."""
        generated: Any = input_ids[:, self._start :]  # the types of `transformers` want a LongTensor
        if not generated.shape[1]:
            return scores
        return torch.where(self._exempt.build(scores), scores, self._processors(generated, scores))


class NoDigits(LogitsProcessor):
    """Ban digits in the rows of prompts whose mask tokens have none: every number of a text is the seller's."""

    def __init__(self, digit_ids: Tensor, is_allowed: Sequence[bool]) -> None:
        self._banned = _TokenMask([digit_ids[:0] if each else digit_ids for each in is_allowed])

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """Process scores: (rows, length), (rows, vocabulary) → (rows, vocabulary)."""
        return scores.masked_fill(self._banned.build(scores), NEVER)


class NoExcludedThings(LogitsProcessor):
    """Ban the names of things that a prompt's seller rules out, such as «платье» where the category is «Обувь».

    names: for each prompt the ids that spell each name; start: position in the ids at which the text begins.
    """

    def __init__(self, names: Sequence[Sequence[Sequence[int]]], start: int = 0) -> None:
        self._start = start
        banned = ([list(name) for name in each] for each in names)
        self._processors = [NoBadWordsLogitsProcessor(each) if each else None for each in banned]

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """Process scores: (rows, length), (rows, vocabulary) → (rows, vocabulary); each prompt has as many rows."""
        count = len(self._processors)
        rows: Any = zip(self._processors, input_ids[:, self._start :].chunk(count), scores.chunk(count), strict=True)
        return torch.cat([process(ids, own) if process else own for process, ids, own in rows])


class SeededSampling(LogitsProcessor):
    """Sample in a greedy or beam search by adding noise from each prompt's own seed: other rows have no influence.

    The maximum of logits / temperature + Gumbel noise is a sample (Gumbel, 1954; Kool et al., 2019). Seed 0 adds none.
    """

    def __init__(self, seeds: Sequence[int], temperature: float, top_k: int) -> None:
        self._generators = [torch.Generator().manual_seed(seed) if seed else None for seed in seeds]
        self._temperature = temperature
        self._top_k = top_k

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """Process scores: (rows, length), (rows, vocabulary) → (rows, vocabulary)."""
        chunks = scores.chunk(len(self._generators))
        return torch.cat([self._add_noise(*pair) for pair in zip(self._generators, chunks, strict=True)])

    def _add_noise(self, generator: torch.Generator | None, scores: Tensor) -> Tensor:
        if generator is None:
            return scores
        noise = -torch.empty(scores.shape).exponential_(generator=generator).log()
        least = scores.topk(min(self._top_k, scores.shape[1])).values[:, -1:]
        return (scores + self._temperature * noise.to(scores)).masked_fill(scores < least, NEVER)


class _TokenMask:
    """A mask over the vocabulary for each prompt of a batch. ids: (tokens,) int64 of each prompt."""

    def __init__(self, ids: Sequence[Tensor]) -> None:
        self._ids = ids
        self._mask: Tensor | None = None

    def build(self, scores: Tensor) -> Tensor:
        """Return the mask for scores, (rows, vocabulary) bool, on their device; each prompt has as many rows."""
        if self._mask is None:
            mask = torch.zeros(len(self._ids), scores.shape[1], dtype=torch.bool)
            for row, ids in zip(mask, self._ids, strict=True):
                row[ids[ids < len(row)]] = True  # a tokenizer may have more ids than the model has logits
            self._mask = mask.to(scores.device).repeat_interleave(len(scores) // len(mask), 0)
        return self._mask


def _has_digit(piece: str) -> bool:
    # Not `isdigit`: byte-level vocabularies spell the second bytes of «в», «г» and «й» as «²», «³» and «¹».
    byte = _BYTE.fullmatch(piece)
    return chr(int(byte[1], 16)).isdecimal() if byte else any(c.isdecimal() for c in piece)
