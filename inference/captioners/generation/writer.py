"""How a language model of any family writes: within limits, repeatably, in a batch, and without a digit of its own.

It knows tokens and logits; what stands before the text (photos, fields) is the family's business.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any, ClassVar, Final

import torch
from torch import Tensor
from transformers import (
    GenerationConfig,
    LogitsProcessor,
    LogitsProcessorList,
    NoRepeatNGramLogitsProcessor,
    PreTrainedTokenizerBase,
    RepetitionPenaltyLogitsProcessor,
)

from inference.captioners.base import Prompt
from inference.captioners.generation.prompts import build_completion
from inference.checkpoints.registry import Card
from inference.errors import CheckpointError

NEVER: Final = float("-inf")

_BYTE = re.compile(r"<0x([0-9A-F]{2})>")  # how SentencePiece names a byte that is no piece of its own
_HALF: Final = "\ufffd"  # what is left of a letter whose bytes were cut apart
_UNFINISHED = re.compile(r"<[A-Z_0-9]*$")
_LAST_NAME = re.compile(r"(?<!\w)[A-Z_0-9]+$")


@dataclass(frozen=True, slots=True)
class Generation:
    """The table `generation` of a card. Seed 0 writes the likeliest text; any other seed varies it.

    max_new_tokens and no_repeat_ngram_size keep a text from never ending; temperature and top_k say how far a seed
    may lead from the likeliest text; stop: the text ends behind it.
    """

    max_new_tokens: int = 120
    min_new_tokens: int = 0
    num_beams: int = 1
    length_penalty: float = 1.0
    no_repeat_ngram_size: int = 5
    repetition_penalty: float = 1.0
    temperature: float = 0.8
    top_k: int = 30
    stop: str = ""

    LIMITS: ClassVar = {
        "max_new_tokens": (1, 512),
        "min_new_tokens": (0, 512),
        "num_beams": (1, 8),
        "length_penalty": (-5, 5),
        "no_repeat_ngram_size": (0, 20),
        "repetition_penalty": (1, 2),
        "temperature": (0.1, 2),
        "top_k": (1, 1000),
    }

    @classmethod
    def of(cls, card: Card) -> Generation:
        """What the card asks for. Raises `CheckpointError` for an unknown name or a value outside of its limits."""
        wanted = {each.name: type(each.default) for each in fields(cls)}
        for name, value in card.generation.items():
            kind = wanted.get(name)
            if kind is None or not (type(value) is kind or (kind is float and type(value) is int)):
                raise card.field_error(f"generation.{name}")
            least, most = cls.LIMITS.get(name, (0, 0))
            if isinstance(value, int | float) and not least <= value <= most:
                raise CheckpointError("card-generation", checkpoint=card.id, field=name, least=least, most=most)
        return cls(**card.generation)  # type: ignore[arg-type]


class Writer:
    """A tokenizer and what its texts are held to, for any model that writes its tokens."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, generation: Generation) -> None:
        self.tokenizer = tokenizer
        self.generation = generation

    def continue_embeddings(
        self, model: Any, rows: Sequence[Tensor], prompts: Sequence[Prompt], **more: Tensor
    ) -> list[str]:
        """The text that a decoder writes behind each row of input embeddings, (length, width).

        model: any causal language model of `transformers`, whose types do not say that it generates; `more` goes to it.
        """
        embeddings, mask = padded_left(rows)
        written = generate(
            model,
            inputs_embeds=embeddings,
            attention_mask=mask,
            generation_config=self.config(),
            logits_processor=self.processors(prompts),
            tokenizer=self.tokenizer,
            **more,
        )
        return self.spell(written, prompts)

    def prompt_ids(self, prompt: Prompt, room: int, template: str | None = None, *, special: bool = False) -> list[int]:
        """The ids of `wording.completion`, at most `room`: of fields that are too long the end is left out.

        special: with the tokens that the tokenizer puts around a text.
        """

        def spelled(asked: Prompt) -> list[int]:
            return self._ids(build_completion(asked, template), special=special)

        return fitted(self.readable(prompt), room, spelled, self.shorter)

    def shorter(self, prompt: Prompt, excess: int) -> Prompt:
        """A `readable` prompt without so many tokens at the end of its fields; no mask token is halved."""
        fields = self._ids(prompt.masked)
        kept = str(self.tokenizer.decode(fields[: max(0, len(fields) - excess)])).rstrip(_HALF)
        return replace(prompt, masked=unhalved(kept, self._unspelled(prompt)))

    def readable(self, prompt: Prompt) -> Prompt:
        """The prompt with fields as this vocabulary can say them.

        Without the model's own tokens: `<image>` or `</s>` of a seller's is no command. Mask tokens lose their brackets
        where there are none (T5 knows neither < nor >); `spell` gives them back.
        """
        written = [token for token in self.tokenizer.get_added_vocab() if token in prompt.masked]
        masked = prompt.masked
        for token in sorted(set(written) - prompt.mask_tokens, key=len, reverse=True):
            masked = masked.replace(token, " ")
        return replace(prompt, masked=without_brackets(masked, self._unspelled(prompt)))

    def _unspelled(self, prompt: Prompt) -> list[str]:
        """The mask tokens of a prompt that the vocabulary has no signs for."""
        unknown = self.tokenizer.unk_token_id
        return [token for token in prompt.mask_tokens if unknown is not None and unknown in self._ids(token)]

    def _spelling(self, prompt: Prompt) -> list[int]:
        """The ids that spell the mask tokens of a prompt, behind a space and without."""
        unspelled = self._unspelled(prompt)
        names = [without_brackets(token, unspelled) for token in prompt.mask_tokens]
        return [number for name in names for text in (name, f" {name}") for number in self._ids(text)]

    def _ids(self, text: str, *, special: bool = False) -> list[int]:
        ids: list[int] = self.tokenizer(text, add_special_tokens=special).input_ids
        return ids

    def config(self, ends: int | Sequence[int] | None = None, **more: object) -> GenerationConfig:
        """The settings for `generate`.

        ends: where a text ends besides the tokenizer's end, as a publisher says it; `more`: other ids of the model's
        own that its tokenizer does not tell.
        """
        asked, tokenizer = self.generation, self.tokenizer
        known = sorted({tokenizer.eos_token_id, *(ends if isinstance(ends, Sequence) else [ends])} - {None})
        settings: dict[str, object] = {
            "max_new_tokens": asked.max_new_tokens,
            "min_new_tokens": asked.min_new_tokens,
            "num_beams": asked.num_beams,
            "length_penalty": asked.length_penalty,
            "stop_strings": [asked.stop] if asked.stop else None,
            "eos_token_id": known or None,
            "pad_token_id": tokenizer.eos_token_id if tokenizer.pad_token_id is None else tokenizer.pad_token_id,
        }
        return GenerationConfig(**(settings | more))

    def processors(self, prompts: Sequence[Prompt], written_from: int = 0) -> LogitsProcessorList:
        """What is held against the logits of each prompt's rows; `written_from`: where in the ids the text begins."""
        asked = self.generation
        held = limits(asked, self._digits, prompts, [self._spelling(prompt) for prompt in prompts], written_from)
        if any(prompt.seed for prompt in prompts):
            held.append(Variety([prompt.seed for prompt in prompts], asked.temperature, asked.top_k))
        return held

    def spell(self, ids: Tensor, prompts: Sequence[Prompt] = ()) -> list[str]:
        """The texts of rows of ids, each cut behind `stop` and before a mask token that was not finished.

        prompts: what each was written for; without them mask tokens that lost their brackets do not get them back.
        """
        texts = [self._finished(text) for text in self.tokenizer.batch_decode(ids, skip_special_tokens=True)]
        if not prompts:
            return texts
        return [self._told(*each) for each in zip(texts, ids.tolist(), prompts, strict=True)]

    def _told(self, text: str, ids: Sequence[int], prompt: Prompt) -> str:
        """A text with the brackets of its mask tokens, but for one that its limit may have cut: PRICE of PRICE_2."""
        unspelled = self._unspelled(prompt)
        if unspelled and ids and ids[-1] not in self.tokenizer.all_special_ids:
            text = unhalved(text, unspelled)
        return with_brackets(text, unspelled)

    def _finished(self, text: str) -> str:
        stop = self.generation.stop
        head, found, _ = text.partition(stop) if stop else (text, "", "")
        return unhalved((head + found).strip())

    @cached_property
    def _digits(self) -> Tensor:
        """Ids whose text holds a digit."""
        digits = digit_ids(self.tokenizer.get_vocab())
        return digits[digits != self.tokenizer.eos_token_id]


def fitted(
    prompt: Prompt, room: int, spelled: Callable[[Prompt], list[int]], shorter: Callable[[Prompt, int], Prompt]
) -> list[int]:
    """The ids that spell a prompt, at most `room`: of fields that are too long the end is left out.

    shorter: the prompt without so many ids at the end of its fields.
    """
    ids = spelled(prompt)
    excess = len(ids) - room
    if excess <= 0 or not prompt.masked:
        return ids[:room]
    return fitted(shorter(prompt, excess), room, spelled, shorter)


def generate(model: Any, **told: Any) -> Tensor:
    """The ids that a model of `transformers` writes: as it is told, and in nothing as its publisher set it."""
    model.generation_config = GenerationConfig()  # would fill in whatever is not said
    written: Tensor = model.generate(**told)
    return written


def limits(
    asked: Generation,
    digits: Tensor,
    prompts: Sequence[Prompt],
    spellings: Sequence[Sequence[int]],
    written_from: int = 0,
) -> LogitsProcessorList:
    """What a text is held to whatever its seed: repetitions, and no digit of its own; see `Writer.processors`.

    spellings: the ids that spell each prompt's mask tokens; <SIZE_2> repeats most of <SIZE>, and has to be written.
    """
    repetitions = LogitsProcessorList()
    if asked.repetition_penalty != 1:
        repetitions.append(RepetitionPenaltyLogitsProcessor(asked.repetition_penalty))
    if asked.no_repeat_ngram_size:
        repetitions.append(NoRepeatNGramLogitsProcessor(asked.no_repeat_ngram_size))
    numbered = [any(c.isdigit() for token in prompt.mask_tokens for c in token) for prompt in prompts]
    behind = [Behind(written_from, repetitions, spellings)] if repetitions else []
    return LogitsProcessorList([*behind, NoDigits(digits, numbered)])


def digit_ids(vocabulary: Mapping[str, int]) -> Tensor:
    """The ids of a vocabulary whose text holds a digit, in order."""
    return torch.tensor(sorted({number for piece, number in vocabulary.items() if _has_digit(piece)}), dtype=torch.long)


def without_brackets(text: str, tokens: Collection[str]) -> str:
    """A text with these mask tokens as a vocabulary without < and > can spell them: PRICE."""
    for token in sorted(tokens, key=len, reverse=True):
        text = text.replace(token, token.strip("<>"))
    return text


def unhalved(text: str, unspelled: Collection[str] = ()) -> str:
    """A text that was cut, without the mask token it may have been cut in; `unspelled`: those without brackets."""
    text = _UNFINISHED.sub("", text)
    last = _LAST_NAME.search(text)
    names = [token.strip("<>") for token in unspelled]
    if last and any(name != last[0] and name.startswith(last[0]) for name in names):
        text = text[: last.start()]
    return text.rstrip()


def with_brackets(text: str, tokens: Collection[str], flags: int = 0) -> str:
    """A text that was written in such a vocabulary, with these mask tokens as all the world spells them: <PRICE>."""
    for token in sorted(tokens, key=len, reverse=True):
        text = re.sub(rf"(?<![\w<]){re.escape(token.strip('<>'))}(?![\w>])", token, text, flags=flags)
    return text


class Behind(LogitsProcessor):
    """Other processors, which see only what was written: what the prompt holds may be said again.

    spared: ids of each prompt whose scores they leave as they are.
    """

    def __init__(self, start: int, processors: LogitsProcessorList, spared: Sequence[Sequence[int]]) -> None:
        self._start = start
        self._processors = processors
        self._spared = _Words([torch.tensor(ids, dtype=torch.long) for ids in spared])

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """(rows, length), (rows, words) → (rows, words)."""
        written: Any = input_ids[:, self._start :]  # the types of `transformers` want a LongTensor
        if not written.shape[1]:
            return scores
        return torch.where(self._spared.among(scores), scores, self._processors(written, scores))


class NoDigits(LogitsProcessor):
    """No number but the seller's: a digit may be written only in rows whose mask tokens are numbered."""

    def __init__(self, digits: Tensor, allowed: Sequence[bool]) -> None:
        self._banned = _Words([digits[:0] if each else digits for each in allowed])

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """(rows, length), (rows, words) → (rows, words)."""
        return scores.masked_fill(self._banned.among(scores), NEVER)


class _Words:
    """Some words of each prompt of a batch, as a mask that is made once, where the scores are.

    ids: (words,) of each prompt.
    """

    def __init__(self, ids: Sequence[Tensor]) -> None:
        self._ids = ids
        self._mask: Tensor | None = None

    def among(self, scores: Tensor) -> Tensor:
        """(rows, words) scores → which of them are such words, (rows, words); each prompt has as many rows."""
        if self._mask is None:
            mask = torch.zeros(len(self._ids), scores.shape[1], dtype=torch.bool)
            for row, ids in zip(mask, self._ids, strict=True):
                row[ids[ids < len(row)]] = True  # a vocabulary may be longer than what is written
            self._mask = mask.to(scores.device).repeat_interleave(len(scores) // len(mask), 0)
        return self._mask


class Variety(LogitsProcessor):
    """Sampling for a greedy or a beam search: noise drawn from each prompt's own seed, so that no neighbour matters.

    The largest of logits / temperature + Gumbel noise is a sample (Gumbel, 1954; Kool et al., 2019).
    """

    def __init__(self, seeds: Sequence[int], temperature: float, top_k: int) -> None:
        self._sources = [torch.Generator().manual_seed(seed) if seed else None for seed in seeds]
        self._temperature = temperature
        self._top_k = top_k

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """(rows, length), (rows, words) → (rows, words)."""
        return torch.cat(
            [self._varied(*pair) for pair in zip(self._sources, scores.chunk(len(self._sources)), strict=True)]
        )

    def _varied(self, source: torch.Generator | None, scores: Tensor) -> Tensor:
        if source is None:
            return scores
        noise = -torch.empty(scores.shape).exponential_(generator=source).log()
        least = scores.topk(min(self._top_k, scores.shape[1])).values[:, -1:]
        varied = scores + self._temperature * noise.to(scores)
        return varied.masked_fill(scores < least, NEVER)


def padded_left(rows: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Rows of (length, width) → (rows, longest, width), zeros before the shorter ones, and the mask of what counts."""
    longest = max(len(row) for row in rows)
    embeddings = torch.stack([torch.nn.functional.pad(row, (0, 0, longest - len(row), 0)) for row in rows])
    mask = torch.zeros(len(rows), longest, dtype=torch.long, device=embeddings.device)
    for number, row in enumerate(rows):
        mask[number, longest - len(row) :] = 1
    return embeddings, mask


def _has_digit(piece: str) -> bool:
    # Not `isdigit`: byte-level vocabularies spell the second bytes of «в», «г» and «й» as «²», «³» and «¹».
    byte = _BYTE.fullmatch(piece)
    return chr(int(byte[1], 16)).isdecimal() if byte else any(c.isdecimal() for c in piece)
