"""The family `soft-prompt`: a ViT and a linear layer turn photos into embeddings for a decoder.

The order of a prompt, as in training:

    <IMG_1> vectors of the first photo <IMG_2> vectors of the second … <SINGLE>|<VARIATIVE>, masked fields, «Описание:»
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Final

import torch
from PIL import Image
from torch import Tensor

from inference.captioners.base import LoadContext, Prompt
from inference.captioners.generation.microbatches import MicrobatchCaptioner
from inference.captioners.generation.settings import GenerationSettings
from inference.captioners.parts import cast_parameters, check_prompt_budget
from inference.captioners.soft_prompt.decoders import Decoder, build_decoder
from inference.captioners.soft_prompt.model import SoftPrompt, load
from inference.checkpoints.adapters import merge_adapters
from inference.checkpoints.card import Card
from inference.checkpoints.settings import parse_settings
from inference.clip.preprocessing import ImagePreprocessor
from inference.devices import Device

MIN_PROMPT_TOKENS: Final = 12  # beside the photos; ruDOLPH's whole left text has as few as 64 tokens


@dataclass(frozen=True, slots=True)
class Settings:
    """The table `settings` of a card. prompt: a custom template for the text behind the photos."""

    prompt: str | None = None


class SoftPromptCaptioner(MicrobatchCaptioner):
    """A checkpoint of the family `soft-prompt`."""

    def __init__(
        self, model: SoftPrompt, decoder: Decoder, preprocessor: ImagePreprocessor, device: Device, card: Card
    ) -> None:
        super().__init__(card)
        cast_parameters(model, device.dtype)
        self._model = model.to(device.name)
        self._decoder = decoder
        self._preprocessor = preprocessor
        self._device = device
        photo = model.photo_vectors + bool(decoder.markers)
        max_tokens = check_prompt_budget(card, decoder.max_tokens - len(decoder.start_ids), photo + MIN_PROMPT_TOKENS)
        self.max_photos = min(card.max_photos, (max_tokens - MIN_PROMPT_TOKENS) // photo)

    @classmethod
    def load(cls, card: Card, context: LoadContext) -> SoftPromptCaptioner:
        """Load a checkpoint folder: `config.json`, `model.safetensors`, a tokenizer and `preprocessor_config.json`.

        Raises `CheckpointError` for unknown settings and where the context is too short for a photo.
        """
        model = load(card.folder)
        merge_adapters(model, card)
        decoder = build_decoder(
            model.language, card.folder, GenerationSettings.from_card(card), parse_settings(Settings, card).prompt
        )
        preprocessor = ImagePreprocessor.from_file(card.folder / "preprocessor_config.json")
        return cls(model, decoder, preprocessor, context.device, card)

    def _generate_batch(self, prompts: Sequence[Prompt]) -> list[str]:
        photos = self._encode_images([image for prompt in prompts for image in prompt.images])
        parts = photos.split([len(prompt.images) for prompt in prompts])
        rows = [self._build_embeddings(*each) for each in zip(prompts, parts, strict=True)]
        return self._decoder.generate(rows, prompts)

    def _encode_images(self, images: Sequence[Image.Image]) -> Tensor:
        """Encode RGB images as (photos, photo_vectors, width)."""
        if not images:  # a ViT takes no empty batch
            return torch.zeros(0, self._model.photo_vectors, self._model.projection.out_features)
        pixels = self._preprocessor.preprocess(images)
        return self._model.encode_images(pixels.to(self._device.name, self._device.dtype))

    def _build_embeddings(self, prompt: Prompt, photos: Tensor) -> Tensor:
        """Build the input embeddings (length, width) of a prompt."""
        parts = [self._embed(self._decoder.start_ids)]
        # The first ruDOLPH has no markers: its photos follow one another directly.
        for marker, vectors in zip_longest(self._decoder.markers[: len(photos)], photos):
            parts += [vectors] if marker is None else [self._embed([marker]), vectors]
        max_tokens = self._decoder.max_tokens - sum(map(len, parts))
        return torch.cat([*parts, self._embed(self._decoder.encode_prompt(prompt, max_tokens))])

    def _embed(self, ids: Sequence[int]) -> Tensor:
        return self._model.embed(torch.tensor(list(ids), dtype=torch.long, device=self._device.name))
