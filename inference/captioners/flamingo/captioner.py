"""Flamingo captioner: a language model with cross-attention to photos between its layers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from inference.captioners.base import LoadContext, Prompt
from inference.captioners.flamingo.attention import Media
from inference.captioners.flamingo.model import IMAGE, LANGUAGE, PIXELS, VISION, Flamingo, load
from inference.captioners.generation import prompts
from inference.captioners.generation.microbatches import MicrobatchCaptioner
from inference.captioners.generation.settings import GenerationSettings
from inference.captioners.generation.writer import Writer
from inference.captioners.parts import cast_parameters, check_prompt_budget, get_max_positions
from inference.checkpoints.adapters import merge_adapters
from inference.checkpoints.card import Card
from inference.checkpoints.settings import parse_settings
from inference.checkpoints.tokenizers import load_tokenizer
from inference.clip.preprocessing import ImagePreprocessor

Photos = Literal["together", "interleaved"]


@dataclass(frozen=True, slots=True)
class Settings:
    """The `settings` table of a card.

    photos: "together" shows all photos at one `<image>`, so that every token attends to all of them, though no
    OpenFlamingo was trained that way; "interleaved" writes an `<image>` per photo, and text attends to the last of
    them, as in training.
    prompt, prompt_photos: completion templates with and without fields; `<image>` stands where they name it once, or
    before everything.
    post_layernorm: see `model.Flamingo`.
    """

    photos: Photos = "together"
    prompt: str | None = None
    prompt_photos: str | None = None
    post_layernorm: bool = False


class FlamingoCaptioner(MicrobatchCaptioner):
    """A loaded checkpoint of the family `flamingo`."""

    def __init__(
        self, model: Flamingo, writer: Writer, preprocessor: ImagePreprocessor, settings: Settings, card: Card
    ) -> None:
        super().__init__(card)
        self.model = model
        self._writer = writer
        self._preprocessor = preprocessor
        self._settings = settings
        self._image_token_id: int = writer.tokenizer.convert_tokens_to_ids(IMAGE)  # type: ignore[assignment]  # one token, one id
        max_prompt_tokens = get_max_positions(model.language.config) - writer.settings.max_new_tokens
        self._max_prompt_tokens = check_prompt_budget(card, max_prompt_tokens)

    @classmethod
    def load(cls, card: Card, context: LoadContext) -> FlamingoCaptioner:
        """Load a checkpoint folder: `model.safetensors`, `config.json`, `language/`, `vision/`.

        Raises `CheckpointError` for unknown settings and for texts longer than the language model's context, and
        `ValueError` for weights that do not fit.
        """
        settings, generation = parse_settings(Settings, card), GenerationSettings.from_card(card)
        device = context.device
        model = load(card.folder, "auto" if card.adapters else device.dtype, post_layernorm=settings.post_layernorm)
        merge_adapters(model, card)
        cast_parameters(model, device.dtype)
        # Trained on OpenCLIP's pixels, though the folder of the vision encoder is one of `transformers`.
        preprocessor = replace(ImagePreprocessor.from_file(card.folder / VISION / PIXELS), rounds_crop=True)
        writer = Writer(load_tokenizer(card.folder / LANGUAGE), generation)
        return cls(model.to(device.name).eval(), writer, preprocessor, settings, card)

    def _generate_batch(self, prompts: Sequence[Prompt]) -> list[str]:
        device = self.model.perceiver.latents.device
        input_ids = [self.build_input_ids(prompt).to(device) for prompt in prompts]
        media = Media.from_latents(
            self._encode_photos(prompts),
            [row == self._image_token_id for row in input_ids],
            together=self._settings.photos == "together",
        )
        words = self.model.language.get_input_embeddings()
        with self.model.attend_to(media) as language:
            return self._writer.continue_embeddings(language, [words(row) for row in input_ids], prompts)

    def build_input_ids(self, prompt: Prompt) -> Tensor:
        """Return the input ids of a prompt, (length,) int64; fields that exceed the context are cut at their end."""
        ids = self._writer.encode_prompt(prompt, self._max_prompt_tokens, self._template(prompt), special=True)
        return torch.tensor(ids, dtype=torch.long)

    def _template(self, prompt: Prompt) -> str:
        """Return the card's template or the default one, with an `<image>` for each photo or one for all of them."""
        custom = self._settings.prompt if prompt.masked else self._settings.prompt_photos
        template = custom or prompts.load_prompts()["completion" if prompt.masked else "completion-photos"]
        num_images = min(len(prompt.images), 1) if self._settings.photos == "together" else len(prompt.images)
        return (template if IMAGE in template else IMAGE + template).replace(IMAGE, IMAGE * num_images, 1)

    def _encode_photos(self, prompts: Sequence[Prompt]) -> list[Tensor]:
        """Encode all photos as one batch; returns (photos, latents, width) for each prompt."""
        pixels = self._preprocessor.preprocess([image for prompt in prompts for image in prompt.images])
        empty = self.model.perceiver.latents[None][:0]
        latents = self.model.encode_images(pixels.to(empty)) if len(pixels) else empty  # a ViT takes no empty batch
        return list(latents.split([len(prompt.images) for prompt in prompts]))
