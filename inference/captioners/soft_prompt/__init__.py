"""The family `soft-prompt`: photos as embeddings that a ViT and a linear layer make, then a decoder writes.

A prompt is read in this order, which is that of the training:

    <IMG_1> vectors of the first photo <IMG_2> vectors of the second … <SINGLE>|<VARIATIVE>, masked fields, «Описание:»

`settings.prompt` of a card is another template for what stands behind the photos.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import torch
from PIL import Image
from torch import Tensor
from transformers import AutoTokenizer

from inference.captioners import Prompt, Surroundings
from inference.captioners.adapters import adapted
from inference.captioners.generation import Generation, Writer
from inference.captioners.prefix.format import IMAGE_TOKENS
from inference.captioners.soft_prompt.model import SoftPrompt, read
from inference.checkpoints import Card
from inference.clip.pixels import PixelRule
from inference.devices import Device
from inference.errors import CheckpointError

AT_ONCE: Final = 16  # photos that the ViT sees as one batch
FEWEST_WORDS: Final = 32  # tokens that a prompt has room for beside its photos


class SoftPromptCaptioner:
    """A loaded checkpoint of the family `soft-prompt`."""

    def __init__(self, model: SoftPrompt, writer: Writer, rule: PixelRule, device: Device, card: Card) -> None:
        self.name = card.name
        self._model = model.to(device.name, device.dtype)
        self._writer = writer
        self._rule = rule
        self._device = device
        self._template = _template(card)
        self._markers: Any = writer.tokenizer.convert_tokens_to_ids(list(IMAGE_TOKENS))  # one id a name
        self._room = model.positions - writer.generation.max_new_tokens
        most = (self._room - FEWEST_WORDS) // (1 + model.photo_vectors)
        self.max_photos = max(0, min(card.max_photos, most, len(IMAGE_TOKENS)))

    @classmethod
    def load(cls, card: Card, surroundings: Surroundings) -> SoftPromptCaptioner:
        """The captioner of a checkpoint folder: `config.json`, `model.safetensors`, a tokenizer, the rule of pixels."""
        model = read(card.folder)
        adapted(model, card)
        writer = Writer(AutoTokenizer.from_pretrained(card.folder, local_files_only=True), Generation.of(card))
        rule = PixelRule.read(card.folder / "preprocessor_config.json")
        return cls(model, writer, rule, surroundings.device, card)

    @torch.inference_mode()
    def generate(self, prompts: Sequence[Prompt]) -> list[str]:
        """One draft a prompt; the photos of all prompts are looked at together."""
        if not prompts:
            return []
        seen = self._look([image for prompt in prompts for image in prompt.images])
        parts = seen.split([len(prompt.images) for prompt in prompts])
        rows = [self._row(*each) for each in zip(prompts, parts, strict=True)]
        return self._writer.continue_embeddings(self._model.language, rows, prompts)

    def _look(self, images: Sequence[Image.Image]) -> Tensor:
        """(photos, photo_vectors, width)."""
        parts = [self._seen(images[start : start + AT_ONCE]) for start in range(0, len(images), AT_ONCE)]
        width = self._model.projection.out_features
        return torch.cat(parts) if parts else torch.zeros(0, self._model.photo_vectors, width)

    def _seen(self, images: Sequence[Image.Image]) -> Tensor:
        return self._model.look(self._rule.pixels(images).to(self._device.name, self._device.dtype))

    def _row(self, prompt: Prompt, photos: Tensor) -> Tensor:
        """What the text of a prompt stands behind, (length, width)."""
        parts = []
        for marker, vectors in zip(self._markers, photos, strict=False):
            parts += [self._embed([marker]), vectors]
        room = self._room - sum(map(len, parts))
        return torch.cat([*parts, self._embed(self._writer.prompt_ids(prompt, room, self._template))])

    def _embed(self, ids: Sequence[int]) -> Tensor:
        return self._model.embed(torch.tensor(ids, dtype=torch.long, device=self._device.name))


def _template(card: Card) -> str | None:
    for name, value in card.settings.items():
        if name != "prompt" or not isinstance(value, str):
            raise CheckpointError("card-field", card=str(card.folder / "card.toml"), field=f"settings.{name}")
    found = card.settings.get("prompt")
    return None if found is None else str(found)
