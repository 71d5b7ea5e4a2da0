"""Flamingo: a language model that looks at photos between its layers, OpenFlamingo's and any made the same way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from inference.captioners.base import LoadContext, Prompt
from inference.captioners.flamingo.attention import Media
from inference.captioners.flamingo.model import IMAGE, LANGUAGE, PIXELS, VISION, Flamingo, load
from inference.captioners.generation import prompts
from inference.captioners.generation.microbatches import split_microbatches
from inference.captioners.generation.writer import Generation, Writer
from inference.captioners.parts import cast, enough, positions
from inference.captioners.settings import read_settings
from inference.checkpoints.adapters import merge_adapters
from inference.checkpoints.registry import Card
from inference.checkpoints.tokenizers import read_tokenizer
from inference.clip.preprocessing import ImagePreprocessor

Photos = Literal["together", "interleaved"]


@dataclass(frozen=True, slots=True)
class Settings:
    """The table `settings` of a card.

    photos: "together" shows all photos of an ad at one `<image>`, so that every word sees all of them, though no
    OpenFlamingo was trained so; "interleaved" writes an `<image>` a photo, and the text sees the last of them, as in
    training. prompt, prompt_photos: templates for `wording.completion`, with and without fields; `<image>` stands where
    they have it, once, or before everything. post_layernorm: see `model.Flamingo`.
    """

    photos: Photos = "together"
    prompt: str | None = None
    prompt_photos: str | None = None
    post_layernorm: bool = False


class FlamingoCaptioner:
    """A loaded checkpoint of the family `flamingo`."""

    def __init__(
        self, model: Flamingo, writer: Writer, preprocessor: ImagePreprocessor, settings: Settings, card: Card
    ) -> None:
        self.name = card.name
        self.max_photos = card.max_photos
        self.model = model
        self._writer = writer
        self._preprocessor = preprocessor
        self._settings = settings
        self._image: int = writer.tokenizer.convert_tokens_to_ids(IMAGE)  # type: ignore[assignment]  # one token, one id
        self._max_prompt_tokens = enough(card, positions(model.language.config) - writer.generation.max_new_tokens)

    @classmethod
    def load(cls, card: Card, context: LoadContext) -> FlamingoCaptioner:
        """The captioner of a checkpoint folder: `model.safetensors`, `config.json`, `language/`, `vision/`.

        Raises `CheckpointError` for settings that are not known and for texts longer than the language model can write,
        `ValueError` for weights that do not fit.
        """
        settings, generation = read_settings(Settings, card), Generation.of(card)
        device = context.device
        dtype = "auto" if card.adapters else device.dtype
        model = load(card.folder, dtype, post_layernorm=settings.post_layernorm)
        merge_adapters(model, card)
        cast(model, device.dtype)
        preprocessor = ImagePreprocessor.read(card.folder / VISION / PIXELS)
        writer = Writer(read_tokenizer(card.folder / LANGUAGE), generation)
        return cls(model.to(device.name).eval(), writer, preprocessor, settings, card)

    @torch.inference_mode()
    def generate(self, prompts: Sequence[Prompt]) -> list[str]:
        """One draft a prompt; without photos the text alone is continued."""
        return [text for part in split_microbatches(prompts) for text in self._generate_batch(part)]

    def _generate_batch(self, prompts: Sequence[Prompt]) -> list[str]:
        device = self.model.perceiver.latents.device
        rows = [self.ids(prompt).to(device) for prompt in prompts]
        media = Media.of(
            self._latents(prompts), [row == self._image for row in rows], together=self._settings.photos == "together"
        )
        words = self.model.language.get_input_embeddings()
        with self.model.seeing(media) as language:
            return self._writer.continue_embeddings(language, [words(row) for row in rows], prompts)

    def ids(self, prompt: Prompt) -> Tensor:
        """What the language model reads, (length,); fields that are too long for it are cut at their end."""
        ids = self._writer.prompt_ids(prompt, self._max_prompt_tokens, self._template(prompt), special=True)
        return torch.tensor(ids, dtype=torch.long)

    def _template(self, prompt: Prompt) -> str:
        """The card's template or the common one; with an `<image>` a photo, or one for all of them."""
        asked = self._settings.prompt if prompt.masked else self._settings.prompt_photos
        template = asked or prompts.load_prompts()["completion" if prompt.masked else "completion-photos"]
        shown = min(len(prompt.images), 1) if self._settings.photos == "together" else len(prompt.images)
        return (template if IMAGE in template else IMAGE + template).replace(IMAGE, IMAGE * shown, 1)

    def _latents(self, prompts: Sequence[Prompt]) -> list[Tensor]:
        """(photos, latents, width) of each prompt; all photos are looked at as one batch."""
        images = [image for prompt in prompts for image in prompt.images]
        empty = self.model.perceiver.latents
        seen = self.model.look(self._preprocessor.pixels(images).to(empty)) if images else empty[None][:0]
        return list(seen.split([len(prompt.images) for prompt in prompts]))
