"""The family `soft-prompt`: photos as embeddings that a ViT and a linear layer make, then a decoder writes.

A prompt is read in this order, which is that of the training:

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
from inference.captioners.generation.microbatches import split_microbatches
from inference.captioners.generation.writer import Generation
from inference.captioners.parts import cast, enough
from inference.captioners.settings import read_settings
from inference.captioners.soft_prompt.decoders import Decoder, build_decoder
from inference.captioners.soft_prompt.model import SoftPrompt, load
from inference.checkpoints.adapters import merge_adapters
from inference.checkpoints.registry import Card
from inference.clip.preprocessing import PixelRule
from inference.devices import Device

MIN_PROMPT_TOKENS: Final = 12  # beside the photos; ruDOLPH's whole left text has as few as 64 tokens


@dataclass(frozen=True, slots=True)
class Settings:
    """The table `settings` of a card. prompt: another template for what stands behind the photos."""

    prompt: str | None = None


class SoftPromptCaptioner:
    """A loaded checkpoint of the family `soft-prompt`."""

    def __init__(self, model: SoftPrompt, speaker: Decoder, rule: PixelRule, device: Device, card: Card) -> None:
        self.name = card.name
        cast(model, device.dtype)
        self._model = model.to(device.name)
        self._speaker = speaker
        self._rule = rule
        self._device = device
        photo = model.photo_vectors + bool(speaker.markers)
        room = enough(card, speaker.room - len(speaker.opening), photo + MIN_PROMPT_TOKENS)
        self.max_photos = min(card.max_photos, (room - MIN_PROMPT_TOKENS) // photo)

    @classmethod
    def load(cls, card: Card, context: LoadContext) -> SoftPromptCaptioner:
        """The captioner of a checkpoint folder: `config.json`, `model.safetensors`, a tokenizer, the rule of pixels.

        Raises `CheckpointError` for settings that are not known and for texts that leave no room for a photo.
        """
        model = load(card.folder)
        merge_adapters(model, card)
        writes = build_decoder(model.language, card.folder, Generation.of(card), read_settings(Settings, card).prompt)
        rule = PixelRule.read(card.folder / "preprocessor_config.json")
        return cls(model, writes, rule, context.device, card)

    @torch.inference_mode()
    def generate(self, prompts: Sequence[Prompt]) -> list[str]:
        """One draft a prompt; the photos of many prompts are looked at together."""
        return [text for part in split_microbatches(prompts) for text in self._written(part)]

    def _written(self, prompts: Sequence[Prompt]) -> list[str]:
        seen = self._look([image for prompt in prompts for image in prompt.images])
        parts = seen.split([len(prompt.images) for prompt in prompts])
        rows = [self._row(*each) for each in zip(prompts, parts, strict=True)]
        return self._speaker.write(rows, prompts)

    def _look(self, images: Sequence[Image.Image]) -> Tensor:
        """(photos, photo_vectors, width)."""
        if not images:
            return torch.zeros(0, self._model.photo_vectors, self._model.projection.out_features)
        return self._model.look(self._rule.pixels(images).to(self._device.name, self._device.dtype))

    def _row(self, prompt: Prompt, photos: Tensor) -> Tensor:
        """What the text of a prompt stands behind, (length, width)."""
        parts = [self._embed(self._speaker.opening)]
        for marker, vectors in zip_longest(self._speaker.markers[: len(photos)], photos):
            parts += [vectors] if marker is None else [self._embed([marker]), vectors]
        room = self._speaker.room - sum(map(len, parts))
        return torch.cat([*parts, self._embed(self._speaker.ids(prompt, room))])

    def _embed(self, ids: Sequence[int]) -> Tensor:
        return self._model.embed(torch.tensor(list(ids), dtype=torch.long, device=self._device.name))
