"""The decoders that a soft prompt may stand before: any of `transformers`, and ruDOLPH, whose left text goes on.

A speaker knows its tokenizer and how its model writes; what the photos look like is none of its business.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Protocol

import torch
from tokenizers import Tokenizer
from torch import Tensor

from inference.captioners.base import Prompt
from inference.captioners.generation.writer import Generation, Writer, limits
from inference.captioners.parts import positions
from inference.captioners.prefix.format import IMAGE_TOKENS
from inference.captioners.rudolph.decoding import Prefix, Sampling, generate_drafts
from inference.captioners.rudolph.model import Rudolph
from inference.captioners.rudolph.tokenizer import TASKS, RudolphTokenizer, format_sentence
from inference.checkpoints.tokenizers import read_tokenizer

FULL_NUCLEUS: Final = 1.0  # top_p: how far a seed may lead is the card's temperature and top_k


class Decoder(Protocol):
    """What writes behind a soft prompt.

    opening: the ids before the first photo; markers: the id before each photo, or none at all; room: how many places
    the opening, the photos and the words of a prompt may take together.
    """

    opening: Sequence[int]
    markers: Sequence[int]
    room: int

    def ids(self, prompt: Prompt, room: int) -> list[int]:
        """The ids of what stands behind the photos, at most `room`."""
        ...

    def write(self, rows: Sequence[Tensor], prompts: Sequence[Prompt]) -> list[str]:
        """The text behind each row of input embeddings, (length, width)."""
        ...


def build_decoder(language: Any, folder: Path, generation: Generation, template: str | None) -> Decoder:
    """The speaker of a loaded language model and the tokenizer in its folder."""
    if isinstance(language, Rudolph):
        return RudolphDecoder(language, Tokenizer.from_file(str(folder / "tokenizer.json")), generation, template)
    return TransformersDecoder(language, Writer(read_tokenizer(folder), generation), template)


class TransformersDecoder:
    """A causal language model of `transformers` that reads embeddings."""

    opening: Sequence[int] = ()

    def __init__(self, language: Any, writer: Writer, template: str | None) -> None:
        self._language = language
        self._writer = writer
        self._template = template
        found: Any = writer.tokenizer.convert_tokens_to_ids(list(IMAGE_TOKENS))
        self.markers: Sequence[int] = found
        self.room = positions(language.config) - writer.generation.max_new_tokens

    def ids(self, prompt: Prompt, room: int) -> list[int]:
        """The words of the template, the end of long fields left out."""
        return self._writer.prompt_ids(prompt, room, self._template)

    def write(self, rows: Sequence[Tensor], prompts: Sequence[Prompt]) -> list[str]:
        """All rows as one batch."""
        return self._writer.continue_embeddings(self._language, rows, prompts)


class RudolphDecoder:
    """ruDOLPH without an image: the soft prompt and the fields begin its left text, and it goes on there.

    Markers of photos are the first of its special text ids that no task uses; the first ruDOLPH has none. At most half
    of the left text, 64 ids in the smallest, is for what is written.
    """

    def __init__(self, model: Rudolph, tokenizer: Tokenizer, generation: Generation, template: str | None) -> None:
        self._model = model
        self._speller = RudolphTokenizer(tokenizer, special=model.config.text_special > 0)
        self._generation = generation
        self._template = template
        self.opening: Sequence[int] = self._speller.ids("", "<LT_T2T>")
        first = model.config.words + len(TASKS)
        self.markers: Sequence[int] = range(first, min(first + len(IMAGE_TOKENS), model.config.written))
        self.room = model.config.left - min(generation.max_new_tokens, model.config.left // 2)

    def ids(self, prompt: Prompt, room: int) -> list[int]:
        """The words of the template in pieces, the end of long fields left out."""
        begun = len(self.opening)
        return self._speller.told(prompt, self._template, "<LT_T2T>", begun + room)[begun:]

    def write(self, rows: Sequence[Tensor], prompts: Sequence[Prompt]) -> list[str]:
        """Rows of one length are written together."""
        texts: dict[int, str] = {}
        for length in dict.fromkeys(map(len, rows)):
            numbers = [number for number, row in enumerate(rows) if len(row) == length]
            written = self._written([rows[each] for each in numbers], [prompts[each] for each in numbers])
            texts |= dict(zip(numbers, written, strict=True))
        return [texts[number] for number in range(len(rows))]

    def _written(self, rows: Sequence[Tensor], prompts: Sequence[Prompt]) -> list[str]:
        asked = self._generation
        room = min(asked.max_new_tokens, self._model.config.left - len(rows[0]))
        chances = torch.stack([_draw_uniforms(prompt.seed, room) for prompt in prompts])
        sampling = Sampling(asked.top_k, FULL_NUCLEUS, asked.temperature, asked.min_new_tokens)
        spellings = [self._speller.spelling(prompt.mask_tokens) for prompt in prompts]
        held = limits(asked, self._speller.digits, prompts, spellings)
        drafts = generate_drafts(self._model, [Prefix(row) for row in rows], chances, sampling, held)
        return [self._told(several[0], prompt) for several, prompt in zip(drafts, prompts, strict=True)]

    def _told(self, ids: Sequence[int], prompt: Prompt) -> str:
        stop = self._generation.stop
        text = self._speller.unmasked(self._speller.text(ids), prompt.mask_tokens)
        head, found, _ = text.partition(stop) if stop else (text, "", "")
        return format_sentence(head + found)


def _draw_uniforms(seed: int, room: int) -> Tensor:
    """Draws of one prompt for one draft, (1, room): of seed 0 the likeliest id each time."""
    source = torch.Generator().manual_seed(seed)
    return torch.rand(1, room, generator=source) if seed else torch.zeros(1, room)
