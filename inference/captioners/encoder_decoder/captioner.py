"""Captioner of a ViT and a GPT-2 with cross-attention: ViT + ruGPT (tuman), ViT + GPT-2 (nlpconnect) and the like.

Cross-attention covers the states of any number of photos, one after the other. Without a prompt in the card's settings
the decoder starts at once, as the published captioners do. A prompt without photos always includes its fields, because
nothing else conditions the text.
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
from inference.captioners.generation.microbatches import MicrobatchCaptioner
from inference.captioners.generation.settings import GenerationSettings
from inference.captioners.generation.writer import Writer
from inference.captioners.parts import cast_parameters, check_prompt_budget
from inference.checkpoints.adapters import merge_adapters
from inference.checkpoints.card import Card
from inference.checkpoints.settings import parse_settings
from inference.checkpoints.tokenizers import load_tokenizer
from inference.clip.preprocessing import ImagePreprocessor

_FIELDS = re.compile(r"\{attributes\}[\s,.;]*")


@dataclass(frozen=True, slots=True)
class Settings:
    """The `settings` table of a card.

    prompt: template of the decoder's prompt, with `{attributes}` and `{token}`; empty for none, except without photos.
    separator: joins two fields in the prompt.
    """

    prompt: str = ""
    separator: str = "\n"


class EncoderDecoderCaptioner(MicrobatchCaptioner):
    """A loaded checkpoint of the family `encoder-decoder`."""

    def __init__(
        self,
        model: VisionEncoderDecoderModel,
        writer: Writer,
        preprocessor: ImagePreprocessor,
        settings: Settings,
        card: Card,
    ) -> None:
        super().__init__(card)
        self.model = MultiPhotoDecoder(model)
        self._writer = writer
        self._preprocessor = preprocessor
        self._settings = settings
        self._max_prompt_tokens = check_prompt_budget(card, self.model.positions - writer.settings.max_new_tokens - 1)
        self._config, self._start = _build_generation_config(model.generation_config, writer)

    @classmethod
    def load(cls, card: Card, context: LoadContext) -> EncoderDecoderCaptioner:
        """Load a checkpoint folder: `config.json`, safetensors, a tokenizer, `preprocessor_config.json`, adapters.

        Raises `CheckpointError` for settings and adapters that do not fit and for texts longer than the decoder's
        context, and `UnfitWeights`.
        """
        settings, generation = parse_settings(Settings, card), GenerationSettings.from_card(card)
        writer = Writer(load_tokenizer(card.folder), generation)
        preprocessor = ImagePreprocessor.from_file(card.folder / "preprocessor_config.json")
        dtype = context.device.dtype
        model: Any = merge_adapters(load(card.folder, "auto" if card.adapters else dtype), card)
        cast_parameters(model, dtype)
        return cls(model.to(context.device.name), writer, preprocessor, settings, card)

    def _generate_batch(self, prompts: Sequence[Prompt]) -> list[str]:
        input_ids = self.build_input_ids(prompts)
        output_ids = self.model.generate(
            input_ids,
            self.encode_photos(prompts),
            generation_config=self._config,
            logits_processor=self._writer.build_processors(prompts, start=max(map(len, input_ids))),
            tokenizer=self._writer.tokenizer,
        )
        return self._writer.decode(output_ids, prompts)

    def encode_photos(self, prompts: Sequence[Prompt]) -> list[Tensor]:
        """Return the encoder states of each prompt's photos, (photos · states, width) in the dtype of the model."""
        pixels = self._preprocessor.preprocess([image for prompt in prompts for image in prompt.images])
        if not len(pixels):  # a ViT takes no empty batch
            return [torch.zeros(0, 0) for _ in prompts]
        hidden_states = self.model.encode_images(pixels)
        return [part.flatten(0, 1) for part in hidden_states.split([len(prompt.images) for prompt in prompts])]

    def build_input_ids(self, prompts: Sequence[Prompt]) -> list[list[int]]:
        """Return the decoder's input ids of each prompt, start token first."""
        return [[self._start, *self._encode_text(prompt)] for prompt in prompts]

    def _encode_text(self, prompt: Prompt) -> list[int]:
        template = self._settings.prompt
        if prompt.images and not template:
            return []
        joined = replace(prompt, masked=prompt.masked.replace("\n", self._settings.separator))
        if not prompt.masked:
            template = _FIELDS.sub("", template)
        return self._writer.encode_prompt(joined, self._max_prompt_tokens, template or None)


def _build_generation_config(published: GenerationConfig | None, writer: Writer) -> tuple[GenerationConfig, int]:
    """Return the generation settings and the start token, as published or else from the tokenizer."""
    tokenizer = writer.tokenizer
    named = (published.decoder_start_token_id, published.bos_token_id) if published else ()
    start = next(number for number in (*named, tokenizer.bos_token_id, tokenizer.eos_token_id) if number is not None)
    return writer.build_config(published.eos_token_id if published else None), start
