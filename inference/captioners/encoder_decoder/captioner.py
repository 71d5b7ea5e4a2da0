"""A ViT and a GPT-2 with cross-attention: ViT + ruGPT (tuman), ViT + GPT-2 (nlpconnect), smaller ones of that layout.

Photos stand behind each other in what cross-attention sees, so there may be any number of them. A card may say in
`settings` what the decoder reads before it writes; without it the decoder begins at once, as the published captioners
do, and describes the one photo that it gets. A prompt without photos is always told its fields: a GPT-2 that sees
nothing has nothing else to go on.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from transformers import GenerationConfig, VisionEncoderDecoderModel

from inference.captioners.base import LoadContext, Prompt
from inference.captioners.encoder_decoder.model import MultiPhotoDecoder, load
from inference.captioners.generation.microbatches import split_microbatches
from inference.captioners.generation.writer import Generation, Writer
from inference.captioners.parts import cast, enough
from inference.captioners.settings import read_settings
from inference.checkpoints.adapters import merge_adapters
from inference.checkpoints.registry import Card
from inference.checkpoints.tokenizers import read_tokenizer
from inference.clip.preprocessing import ImagePreprocessor

_FIELDS = re.compile(r"\{attributes\}[\s,.;]*")


@dataclass(frozen=True, slots=True)
class Settings:
    """The table `settings` of a card.

    prompt: what the decoder reads before it writes, with `{attributes}` and `{token}` (empty: nothing, but for prompts
    without photos); separator: what stands between two fields there.
    """

    prompt: str = ""
    separator: str = "\n"


class EncoderDecoderCaptioner:
    """A loaded checkpoint of the family `encoder-decoder`."""

    def __init__(
        self,
        model: VisionEncoderDecoderModel,
        writer: Writer,
        preprocessor: ImagePreprocessor,
        settings: Settings,
        card: Card,
    ) -> None:
        self.name = card.name
        self.max_photos = card.max_photos
        self.model = MultiPhotoDecoder(model)
        self._writer = writer
        self._preprocessor = preprocessor
        self._settings = settings
        self._max_prompt_tokens = enough(card, self.model.positions - writer.generation.max_new_tokens - 1)
        self._config, self._start = _build_generation_config(model.generation_config, writer)

    @classmethod
    def load(cls, card: Card, context: LoadContext) -> EncoderDecoderCaptioner:
        """The captioner of a folder: `config.json`, safetensors, a tokenizer, `preprocessor_config.json`, adapters.

        Raises `CheckpointError` for settings and adapters that do not fit and for texts longer than the decoder can
        write, `ValueError` for weights that are missing.
        """
        settings, generation = read_settings(Settings, card), Generation.of(card)
        writer = Writer(read_tokenizer(card.folder), generation)
        preprocessor = ImagePreprocessor.read(card.folder / "preprocessor_config.json")
        dtype = context.device.dtype
        model: Any = merge_adapters(load(card.folder, "auto" if card.adapters else dtype), card)
        cast(model, dtype)
        return cls(model.to(context.device.name), writer, preprocessor, settings, card)

    @torch.inference_mode()
    def generate(self, prompts: Sequence[Prompt]) -> list[str]:
        """One draft a prompt; the photos of many prompts go through the encoder together."""
        return [text for part in split_microbatches(prompts) for text in self._generate_batch(part)]

    def _generate_batch(self, prompts: Sequence[Prompt]) -> list[str]:
        rows = self.ids(prompts)
        output_ids = self.model.write(
            rows,
            self.states(prompts),
            generation_config=self._config,
            logits_processor=self._writer.processors(prompts, written_from=max(map(len, rows))),
            tokenizer=self._writer.tokenizer,
        )
        return self._writer.spell(output_ids, prompts)

    def states(self, prompts: Sequence[Prompt]) -> list[Tensor]:
        """What the decoder sees of each prompt's photos, (photos · states, width)."""
        images = [image for prompt in prompts for image in prompt.images]
        if not images:
            return [torch.zeros(0, 0) for _ in prompts]
        seen = self.model.look(self._preprocessor.pixels(images))
        return [part.flatten(0, 1) for part in seen.split([len(prompt.images) for prompt in prompts])]

    def ids(self, prompts: Sequence[Prompt]) -> list[list[int]]:
        """What the decoder reads of each prompt before it writes."""
        return [[self._start, *self._told(prompt)] for prompt in prompts]

    def _told(self, prompt: Prompt) -> list[int]:
        template = self._settings.prompt
        if prompt.images and not template:
            return []
        joined = replace(prompt, masked=prompt.masked.replace("\n", self._settings.separator))
        if not prompt.masked:
            template = _FIELDS.sub("", template)
        return self._writer.prompt_ids(joined, self._max_prompt_tokens, template or None)


def _build_generation_config(published: GenerationConfig | None, writer: Writer) -> tuple[GenerationConfig, int]:
    """The settings for `generate` and the id that every text begins with, as the publisher says, else the tokenizer."""
    tokenizer = writer.tokenizer
    named = (published.decoder_start_token_id, published.bos_token_id) if published else ()
    start = next(number for number in (*named, tokenizer.bos_token_id, tokenizer.eos_token_id) if number is not None)
    return writer.config(published.eos_token_id if published else None), start
