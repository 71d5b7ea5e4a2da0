"""BLIP-2 captioners: photos as the tokens of a Q-Former before the prompt of any language model."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch
from safetensors import safe_open
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from transformers import PreTrainedConfig

from inference.captioners.base import LoadContext, Prompt
from inference.captioners.blip2.model import LANGUAGE, QFORMER, VISION, Blip2, cast_parts, load
from inference.captioners.generation.microbatches import split_microbatches
from inference.captioners.generation.writer import Generation, Writer, generate
from inference.captioners.parts import FEWEST_WORDS, enough, positions
from inference.captioners.settings import read_settings
from inference.checkpoints.adapters import WEIGHTS, merge_adapters
from inference.checkpoints.registry import Card
from inference.checkpoints.tokenizers import read_tokenizer
from inference.clip.preprocessing import ImagePreprocessor


@dataclass(frozen=True, slots=True)
class Settings:
    """The table `settings` of a card.

    photos: "each" photo has its own tokens, one after the other, or all "together" share those of one photo, which has
    to be trained: published weights know it not; prompt: what the language model reads behind the photos, with
    `{attributes}` and `{token}` (empty: as everywhere).
    """

    photos: Literal["each", "together"] = "each"
    prompt: str = ""


class Blip2Captioner:
    """A loaded checkpoint of the family `blip2`."""

    def __init__(
        self, model: Blip2, writer: Writer, preprocessor: ImagePreprocessor, settings: Settings, card: Card
    ) -> None:
        self.name = card.name
        self.max_photos = card.max_photos
        self.model = model
        self.writer = writer
        self._preprocessor = preprocessor
        self._settings = settings
        self._language: Any = model.language_model  # its types do not say that it generates
        self._max_prompt_tokens = compute_max_prompt_tokens(self._language.config, writer.generation.max_new_tokens)
        self._beginning = read_start_tokens(card)

    @classmethod
    def load(cls, card: Card, context: LoadContext) -> Blip2Captioner:
        """The captioner of a folder: `config.json`, safetensors, a tokenizer, `preprocessor_config.json`, adapters.

        Raises `CheckpointError` for settings that are not known and for texts so long or photos so many that the
        language model has no room for them, `ValueError` for weights that are missing.
        """
        settings, generation = read_settings(Settings, card), Generation.of(card)
        writer = Writer(read_tokenizer(card.folder), generation)
        dtype = context.device.dtype
        model = _merge_adapters(load(card.folder, "auto" if card.adapters else dtype), card)
        cast_parts(model, dtype)
        preprocessor = ImagePreprocessor.read(card.folder / "preprocessor_config.json")
        most = enough(
            card,
            compute_max_prompt_tokens(model.language_model.config, generation.max_new_tokens),
            model.queries + FEWEST_WORDS,
        )
        if most <= model.queries * (1 if settings.photos == "together" else card.max_photos):
            raise card.field_error("max_photos")
        return cls(model.to(context.device.name), writer, preprocessor, settings, card)

    @torch.inference_mode()
    def generate(self, prompts: Sequence[Prompt]) -> list[str]:
        """One draft a prompt; the photos of many prompts go through the ViT together."""
        return [text for part in split_microbatches(prompts) for text in self._generate_batch(part)]

    def _generate_batch(self, prompts: Sequence[Prompt]) -> list[str]:
        rows = self.rows(prompts)
        if self._language.config.is_encoder_decoder:
            return self._answer(rows, prompts)
        return self.writer.continue_embeddings(self._language, rows, prompts)

    def rows(self, prompts: Sequence[Prompt]) -> list[Tensor]:
        """What the language model reads of each prompt, (length, width): the tokens of its photos, then its words."""
        counts = [len(prompt.images) for prompt in prompts]
        read = self.model.read_together if self._settings.photos == "together" else self.model.read_each
        photos = read(self._pixels(prompts), counts)
        embed = self._language.get_input_embeddings()
        rows = []
        for prompt, seen in zip(prompts, photos, strict=True):
            words = torch.tensor(self._words(prompt, len(seen)), dtype=torch.long, device=seen.device)
            rows.append(torch.cat((seen, embed(words))))
        return rows

    def _pixels(self, prompts: Sequence[Prompt]) -> Tensor:
        images = [image for prompt in prompts for image in prompt.images]
        return (
            self._preprocessor.pixels(images)
            if images
            else torch.zeros(0, 3, self._preprocessor.size, self._preprocessor.size)
        )

    def _words(self, prompt: Prompt, photos: int) -> list[int]:
        """The ids of a prompt's text behind so many tokens of photos."""
        template = self._settings.prompt or None
        return self.writer.prompt_ids(prompt, self._max_prompt_tokens - photos, template, special=True) or [
            self._start()
        ]

    def _answer(self, rows: Sequence[Tensor], prompts: Sequence[Prompt]) -> list[str]:
        """The texts that an encoder-decoder writes of the rows that its encoder reads."""
        mask = pad_sequence([torch.ones(len(row), dtype=torch.long, device=row.device) for row in rows], True)
        output_ids = generate(
            self._language,
            inputs_embeds=pad_sequence(list(rows), batch_first=True),
            attention_mask=mask,
            generation_config=self.writer.config(**self._beginning),
            logits_processor=self.writer.processors(prompts, written_from=1),
            tokenizer=self.writer.tokenizer,
        )
        return self.writer.spell(output_ids, prompts)

    def _start(self) -> int:
        """The id that stands for nothing said yet."""
        tokenizer = self.writer.tokenizer
        ids: list[int | None] = [tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id]
        return next(number for number in ids if number is not None)


def read_start_tokens(card: Card) -> dict[str, int]:
    """The ids with which the texts of an encoder-decoder begin: its start, and with mBART the language, forced.

    Of the file itself: `transformers` 5 keeps some of them out of a configuration. T5's start is its padding.
    """
    settings = json.loads((card.folder / "config.json").read_text("utf-8"))["text_config"]
    ids = {name: settings.get(name) for name in ("decoder_start_token_id", "forced_bos_token_id")}
    if ids["decoder_start_token_id"] is None:
        ids["decoder_start_token_id"] = settings.get("pad_token_id", 0)
    return {name: number for name, number in ids.items() if number is not None}


def compute_max_prompt_tokens(config: PreTrainedConfig, output_ids: int) -> int:
    """How many tokens a language model reads before it writes so many; an encoder has its positions to itself."""
    return positions(config) - (0 if config.is_encoder_decoder else output_ids)


def _merge_adapters(model: Blip2, card: Card) -> Blip2:
    """The model with the card's adapters, each trained on the whole of it or on its language model alone."""
    for name in card.adapters:
        one = replace(card, adapters=(name,))
        if _covers_whole_model(card, name):
            merge_adapters(model, one)
        else:
            merge_adapters(model.language_model, one)
    return model


def _covers_whole_model(card: Card, name: str) -> bool:
    path = card.folder / name / WEIGHTS
    if not path.is_file():
        return False
    with safe_open(path, "pt") as file:
        return any(f".{part}" in key for key in file.keys() for part in (LANGUAGE, QFORMER, VISION))  # noqa: SIM118
