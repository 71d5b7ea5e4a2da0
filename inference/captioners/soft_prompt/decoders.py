"""Decoders behind a soft prompt: any causal model of `transformers`, and ruDOLPH, which continues its left text.

A decoder knows its tokenizer and how its model generates, and nothing of photos.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Protocol

import torch
from tokenizers import Tokenizer
from torch import Tensor

from inference.captioners.base import Prompt
from inference.captioners.generation.processors import build_processors
from inference.captioners.generation.settings import GenerationSettings
from inference.captioners.generation.writer import Writer
from inference.captioners.parts import get_max_positions
from inference.captioners.prefix.format import IMAGE_TOKENS
from inference.captioners.rudolph.decoding import Prefix, Sampling, generate_drafts
from inference.captioners.rudolph.model import Rudolph
from inference.captioners.rudolph.tokenizer import TASKS, RudolphTokenizer, format_sentence
from inference.checkpoints.tokenizers import load_tokenizer

TOP_P: Final = 1.0  # no nucleus: the card sets temperature and top_k only


class Decoder(Protocol):
    """A decoder of soft prompts.

    start_ids: the ids before the first photo; markers: the id before each photo, or none at all; max_tokens: limit of
    the whole prompt, photos included.
    """

    start_ids: Sequence[int]
    markers: Sequence[int]
    max_tokens: int

    def encode_prompt(self, prompt: Prompt, max_tokens: int) -> list[int]:
        """Return at most `max_tokens` ids of the prompt behind the photos."""
        ...

    def generate(self, rows: Sequence[Tensor], prompts: Sequence[Prompt]) -> list[str]:
        """Return the generated text of each row of input embeddings (length, width)."""
        ...


def build_decoder(language: Any, folder: Path, generation: GenerationSettings, template: str | None) -> Decoder:
    """Build the decoder of a loaded language model with the tokenizer in its folder."""
    if isinstance(language, Rudolph):
        return RudolphDecoder(language, Tokenizer.from_file(str(folder / "tokenizer.json")), generation, template)
    return TransformersDecoder(language, Writer(load_tokenizer(folder), generation), template)


class TransformersDecoder:
    """A causal language model of `transformers` that accepts `inputs_embeds`."""

    start_ids: Sequence[int] = ()

    def __init__(self, language: Any, writer: Writer, template: str | None) -> None:
        self._language = language
        self._writer = writer
        self._template = template
        markers: Any = writer.tokenizer.convert_tokens_to_ids(list(IMAGE_TOKENS))
        self.markers: Sequence[int] = markers
        self.max_tokens = get_max_positions(language.config) - writer.settings.max_new_tokens

    def encode_prompt(self, prompt: Prompt, max_tokens: int) -> list[int]:
        """Return the ids of the template; long fields lose their end."""
        return self._writer.encode_prompt(prompt, max_tokens, self._template)

    def generate(self, rows: Sequence[Tensor], prompts: Sequence[Prompt]) -> list[str]:
        """Generate a text after each row of input embeddings, (length, width), as one batch."""
        return self._writer.continue_embeddings(self._language, rows, prompts)


class RudolphDecoder:
    """ruDOLPH without an image: the soft prompt and the fields start its left text, which it continues.

    Photo markers are the first special text ids that no task uses; the first ruDOLPH has none. At most half of the left
    text, which has 64 ids in the smallest model, is generated.
    """

    def __init__(
        self, model: Rudolph, tokenizer: Tokenizer, generation: GenerationSettings, template: str | None
    ) -> None:
        self._model = model
        self._tokenizer = RudolphTokenizer(tokenizer, special=model.config.text_special > 0)
        self._generation = generation
        self._template = template
        self.start_ids: Sequence[int] = self._tokenizer.encode("", "<LT_T2T>")
        first = model.config.words + len(TASKS)
        self.markers: Sequence[int] = range(first, min(first + len(IMAGE_TOKENS), model.config.text_vocab_size))
        self.max_tokens = model.config.left - min(generation.max_new_tokens, model.config.left // 2)

    def encode_prompt(self, prompt: Prompt, max_tokens: int) -> list[int]:
        """Return the ids of the template; long fields lose their end."""
        offset = len(self.start_ids)
        return self._tokenizer.encode_prompt(prompt, self._template, "<LT_T2T>", offset + max_tokens)[offset:]

    def generate(self, rows: Sequence[Tensor], prompts: Sequence[Prompt]) -> list[str]:
        """Generate a text after each row of input embeddings, (length, width); rows of one length share a batch."""
        # ruDOLPH has no attention mask, so rows cannot be padded.
        texts: dict[int, str] = {}
        for length in dict.fromkeys(map(len, rows)):
            numbers = [number for number, row in enumerate(rows) if len(row) == length]
            generated = self._generate([rows[each] for each in numbers], [prompts[each] for each in numbers])
            texts |= dict(zip(numbers, generated, strict=True))
        return [texts[number] for number in range(len(rows))]

    def _generate(self, rows: Sequence[Tensor], prompts: Sequence[Prompt]) -> list[str]:
        generation = self._generation
        max_tokens = min(generation.max_new_tokens, self._model.config.left - len(rows[0]))
        uniforms = torch.stack([_draw_uniforms(prompt.seed, max_tokens) for prompt in prompts])
        sampling = Sampling(generation.top_k, TOP_P, generation.temperature, generation.min_new_tokens)
        spellings = [self._tokenizer.encode_mask_tokens(prompt.mask_tokens) for prompt in prompts]
        logits_processor = build_processors(generation, self._tokenizer.digits, prompts, spellings)
        drafts = generate_drafts(self._model, [Prefix(row) for row in rows], uniforms, sampling, logits_processor)
        return [self._decode(several[0], prompt) for several, prompt in zip(drafts, prompts, strict=True)]

    def _decode(self, ids: Sequence[int], prompt: Prompt) -> str:
        text = self._tokenizer.restore_mask_tokens(self._tokenizer.decode(ids), prompt.mask_tokens)
        return format_sentence(self._generation.cut_at_stop(text))


def _draw_uniforms(seed: int, max_tokens: int) -> Tensor:
    """Draw uniform numbers (1, max_tokens) for one draft of one prompt; those of seed 0 are zeros, which is greedy."""
    source = torch.Generator().manual_seed(seed)
    return torch.rand(1, max_tokens, generator=source) if seed else torch.zeros(1, max_tokens)
