"""Generate with a language model of any family: encode prompts, configure `generate`, decode texts.

A `Writer` knows tokens and logits; the family adds photos and builds the model's inputs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, Final

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from transformers import GenerationConfig, LogitsProcessorList, PreTrainedTokenizerBase

from inference.captioners.base import Prompt
from inference.captioners.generation.mask_tokens import drop_cut_token, remove_brackets, restore_brackets
from inference.captioners.generation.processors import (
    NoExcludedThings,
    SeededSampling,
    build_processors,
    find_digit_ids,
)
from inference.captioners.generation.prompts import build_completion
from inference.captioners.generation.settings import GenerationSettings
from inference.facts.lexicon import list_clothes

_REPLACEMENT_CHARACTER: Final = "\ufffd"  # decoded from a letter whose bytes were cut apart


class Writer:
    """A tokenizer and generation settings, for any model that generates ids of this tokenizer."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, settings: GenerationSettings) -> None:
        self.tokenizer = tokenizer
        self.settings = settings

    def continue_embeddings(
        self, model: Any, rows: Sequence[Tensor], prompts: Sequence[Prompt], **model_kwargs: Tensor
    ) -> list[str]:
        """Generate a text after each row of input embeddings, (length, width).

        model: any causal language model of `transformers`, whose types do not tell that it generates; it is called
        with model_kwargs.
        """
        embeddings, mask = pad_left(rows)
        output_ids = generate(
            model,
            inputs_embeds=embeddings,
            attention_mask=mask,
            generation_config=self.build_config(),
            logits_processor=self.build_processors(prompts),
            tokenizer=self.tokenizer,
            **model_kwargs,
        )
        return self.decode(output_ids, prompts)

    def encode_prompt(
        self, prompt: Prompt, max_tokens: int, template: str | None = None, *, special: bool = False
    ) -> list[int]:
        """Encode the completion of a prompt into at most max_tokens ids; fields that are too long lose their end.

        special: add the tokens that the tokenizer puts around a text.
        """

        def encode(candidate: Prompt) -> list[int]:
            return self._encode(build_completion(candidate, template), special=special)

        return fit_prompt(self.adapt_fields(prompt), max_tokens, encode, self.shorten)

    def shorten(self, prompt: Prompt, excess: int) -> Prompt:
        """Return a prompt from `adapt_fields` with fields shorter by `excess` tokens; no mask token is cut."""
        ids = self._encode(prompt.masked)
        kept = str(self.tokenizer.decode(ids[: max(0, len(ids) - excess)])).rstrip(_REPLACEMENT_CHARACTER)
        return replace(prompt, masked=drop_cut_token(kept, self._find_unspellable(prompt)))

    def adapt_fields(self, prompt: Prompt) -> Prompt:
        """Return a prompt with fields that this vocabulary can spell and that contain none of the model's tokens.

        `<image>` or `</s>` in a seller's field is no command. Mask tokens lose brackets that the vocabulary lacks (T5
        knows neither < nor >); `decode` restores them.
        """
        used = [token for token in self.tokenizer.get_added_vocab() if token in prompt.masked]
        masked = prompt.masked
        for token in sorted(set(used) - prompt.mask_tokens, key=len, reverse=True):
            masked = masked.replace(token, " ")
        return replace(prompt, masked=remove_brackets(masked, self._find_unspellable(prompt)))

    def build_config(self, eos_ids: int | Sequence[int] | None = None, **more: object) -> GenerationConfig:
        """Build the configuration for `generate`.

        eos_ids: ends of a text besides the tokenizer's, from the publisher's configuration; more: other values of
        `GenerationConfig`, such as ids that the tokenizer does not know.
        """
        chosen, tokenizer = self.settings, self.tokenizer
        ends = sorted({tokenizer.eos_token_id, *(eos_ids if isinstance(eos_ids, Sequence) else [eos_ids])} - {None})
        values: dict[str, object] = {
            "max_new_tokens": chosen.max_new_tokens,
            "min_new_tokens": chosen.min_new_tokens,
            "num_beams": chosen.num_beams,
            "length_penalty": chosen.length_penalty,
            "stop_strings": [chosen.stop] if chosen.stop else None,
            "eos_token_id": ends or None,
            "pad_token_id": tokenizer.eos_token_id if tokenizer.pad_token_id is None else tokenizer.pad_token_id,
        }
        return GenerationConfig(**(values | more))

    def build_processors(self, prompts: Sequence[Prompt], start: int = 0) -> LogitsProcessorList:
        """Build the logits processors of a batch. start: position in the ids at which the text begins."""
        mask_token_ids = [self._encode_mask_tokens(prompt) for prompt in prompts]
        processors = build_processors(self.settings, self._digit_ids, prompts, mask_token_ids, start)
        excluded = [self._encode_excluded_things(prompt) for prompt in prompts]
        if any(excluded):
            processors.append(NoExcludedThings(excluded, start))
        if any(prompt.seed for prompt in prompts):
            seeds = [prompt.seed for prompt in prompts]
            processors.append(SeededSampling(seeds, self.settings.temperature, self.settings.top_k))
        return processors

    def decode(self, ids: Tensor, prompts: Sequence[Prompt] = ()) -> list[str]:
        """Decode ids, (rows, length), to texts that end after `stop` and before a mask token that was cut.

        prompts: one per row; without them mask tokens that lost their brackets do not get them back.
        """
        decoded = self.tokenizer.batch_decode(ids, skip_special_tokens=True)
        texts = [drop_cut_token(self.settings.cut_at_stop(text).strip()) for text in decoded]
        if not prompts:
            return texts
        return [self._restore_brackets(*each) for each in zip(texts, ids.tolist(), prompts, strict=True)]

    def _find_unspellable(self, prompt: Prompt) -> list[str]:
        """Return the mask tokens of a prompt that contain characters unknown to the vocabulary."""
        unknown = self.tokenizer.unk_token_id
        return [token for token in prompt.mask_tokens if unknown is not None and unknown in self._encode(token)]

    def _encode_mask_tokens(self, prompt: Prompt) -> list[int]:
        """Return the ids that spell the mask tokens of a prompt, with and without a space before them."""
        unspellable = self._find_unspellable(prompt)
        names = [remove_brackets(token, unspellable) for token in prompt.mask_tokens]
        return [number for name in names for text in (name, f" {name}") for number in self._encode(text)]

    def _encode_excluded_things(self, prompt: Prompt) -> list[list[int]]:
        """Return the ids that spell each name of clothes that the seller of one thing rules out, as a word begins."""
        sheet = prompt.sheets[0] if len(prompt.sheets) == 1 else None
        if sheet is None or sheet.kinds is None:
            return []
        nouns = [noun for noun in list_clothes() if not sheet.allows_item(noun)]
        texts = [text for noun in nouns for text in (f" {noun}", noun.capitalize())]
        spelled: list[list[int]] = self.tokenizer(texts, add_special_tokens=False).input_ids
        return [ids for ids in spelled if ids and self.tokenizer.unk_token_id not in ids]

    def _encode(self, text: str, *, special: bool = False) -> list[int]:
        ids: list[int] = self.tokenizer(text, add_special_tokens=special).input_ids
        return ids

    def _restore_brackets(self, text: str, ids: Sequence[int], prompt: Prompt) -> str:
        unspellable = self._find_unspellable(prompt)
        if unspellable and ids and ids[-1] not in self.tokenizer.all_special_ids:
            text = drop_cut_token(text, unspellable)  # the length limit may have left PRICE of PRICE_2
        return restore_brackets(text, unspellable)

    @cached_property
    def _digit_ids(self) -> Tensor:
        ids = find_digit_ids(self.tokenizer.get_vocab())
        return ids[ids != self.tokenizer.eos_token_id]


def fit_prompt(
    prompt: Prompt, max_tokens: int, encode: Callable[[Prompt], list[int]], shorten: Callable[[Prompt, int], Prompt]
) -> list[int]:
    """Encode a prompt into at most max_tokens ids; fields that are too long lose their end.

    shorten: returns a prompt with fields shorter by a number of ids.
    """
    ids = encode(prompt)
    excess = len(ids) - max_tokens
    if excess <= 0 or not prompt.masked:
        return ids[:max_tokens]
    return fit_prompt(shorten(prompt, excess), max_tokens, encode, shorten)


def generate(model: Any, **kwargs: Any) -> Tensor:
    """Generate ids, (rows, length) int64, with a model of `transformers` and without the publisher's defaults."""
    model.generation_config = GenerationConfig()  # fills in every value that kwargs lack
    output_ids: Tensor = model.generate(**kwargs)
    return output_ids


def pad_left(rows: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Pad rows of ids (length,) or embeddings (length, width) with zeros on the left.

    Returns them as (rows, longest, …), and the attention mask (rows, longest) int64.
    """
    ones = [torch.ones(len(row), dtype=torch.long, device=row.device) for row in rows]
    padded, mask = (pad_sequence(list(each), batch_first=True, padding_side="left") for each in (rows, ones))
    return padded, mask
