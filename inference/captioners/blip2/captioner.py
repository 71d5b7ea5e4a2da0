"""BLIP-2 captioner: the query tokens of a Q-Former stand before the prompt of any language model."""

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
from inference.captioners.generation.microbatches import MicrobatchCaptioner
from inference.captioners.generation.settings import GenerationSettings
from inference.captioners.generation.writer import Writer, generate
from inference.captioners.parts import MIN_PROMPT_TOKENS, check_prompt_budget, get_max_positions
from inference.checkpoints.adapters import WEIGHTS, merge_adapters
from inference.checkpoints.card import Card
from inference.checkpoints.settings import parse_settings
from inference.checkpoints.tokenizers import load_tokenizer
from inference.clip.preprocessing import ImagePreprocessor


@dataclass(frozen=True, slots=True)
class Settings:
    """The `settings` table of a card.

    photos: "each" gives every photo its own query tokens, one after the other; "together" gives all photos the tokens
    of one, which needs training because no published weights know it.
    prompt: template of the text behind the photos, with `{attributes}` and `{token}`; empty for the default template.
    """

    photos: Literal["each", "together"] = "each"
    prompt: str = ""


class Blip2Captioner(MicrobatchCaptioner):
    """A loaded checkpoint of the family `blip2`."""

    def __init__(
        self, model: Blip2, writer: Writer, preprocessor: ImagePreprocessor, settings: Settings, card: Card
    ) -> None:
        super().__init__(card)
        self.model = model
        self.writer = writer
        self._preprocessor = preprocessor
        self._settings = settings
        self._language: Any = model.language_model  # `PreTrainedModel` is not typed as having `generate`
        self._max_prompt_tokens = compute_max_prompt_tokens(self._language.config, writer.settings.max_new_tokens)
        self._start_tokens = load_start_tokens(card)

    @classmethod
    def load(cls, card: Card, context: LoadContext) -> Blip2Captioner:
        """Load a checkpoint folder: `config.json`, safetensors, a tokenizer, `preprocessor_config.json`, adapters.

        Raises `CheckpointError` for unknown settings and where texts and photos exceed the language model's context,
        and `UnfitWeights`.
        """
        settings, generation = parse_settings(Settings, card), GenerationSettings.from_card(card)
        writer = Writer(load_tokenizer(card.folder), generation)
        dtype = context.device.dtype
        model = _merge_adapters(load(card.folder, "auto" if card.adapters else dtype), card)
        cast_parts(model, dtype)
        preprocessor = ImagePreprocessor.from_file(card.folder / "preprocessor_config.json")
        max_prompt_tokens = compute_max_prompt_tokens(model.language_model.config, generation.max_new_tokens)
        check_prompt_budget(card, max_prompt_tokens, model.queries + MIN_PROMPT_TOKENS)
        photos = 1 if settings.photos == "together" else card.max_photos
        check_prompt_budget(card, max_prompt_tokens, model.queries * photos + 1, "max_photos")
        return cls(model.to(context.device.name), writer, preprocessor, settings, card)

    def _generate_batch(self, prompts: Sequence[Prompt]) -> list[str]:
        rows = self.build_inputs_embeds(prompts)
        if self._language.config.is_encoder_decoder:
            return self._generate_text(rows, prompts)
        return self.writer.continue_embeddings(self._language, rows, prompts)

    def build_inputs_embeds(self, prompts: Sequence[Prompt]) -> list[Tensor]:
        """Return the input embeddings of each prompt, (length, width): its query tokens, then its text."""
        counts = [len(prompt.images) for prompt in prompts]
        encode = self.model.encode_together if self._settings.photos == "together" else self.model.encode_each
        photos = encode(self._preprocessor.preprocess([image for prompt in prompts for image in prompt.images]), counts)
        embed = self._language.get_input_embeddings()
        rows = []
        for prompt, photo_embeds in zip(prompts, photos, strict=True):
            ids = self._encode_text(prompt, len(photo_embeds))
            rows.append(torch.cat((photo_embeds, embed(torch.tensor(ids, device=photo_embeds.device)))))
        return rows

    def _encode_text(self, prompt: Prompt, photos: int) -> list[int]:
        """Return the input ids of a prompt's text, shortened to fit behind `photos` query tokens."""
        template = self._settings.prompt or None
        ids = self.writer.encode_prompt(prompt, self._max_prompt_tokens - photos, template, special=True)
        return ids or [self._start_token_id()]

    def _generate_text(self, rows: Sequence[Tensor], prompts: Sequence[Prompt]) -> list[str]:
        """Generate with an encoder-decoder, whose encoder reads the embeddings."""
        mask = pad_sequence([torch.ones(len(row), dtype=torch.long, device=row.device) for row in rows], True)
        output_ids = generate(
            self._language,
            inputs_embeds=pad_sequence(list(rows), batch_first=True),
            attention_mask=mask,
            generation_config=self.writer.build_config(**self._start_tokens),
            logits_processor=self.writer.build_processors(prompts, start=1),
            tokenizer=self.writer.tokenizer,
        )
        return self.writer.decode(output_ids, prompts)

    def _start_token_id(self) -> int:
        """Return the id that stands in for an empty prompt."""
        tokenizer = self.writer.tokenizer
        ids: list[int | None] = [tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id]
        return next(number for number in ids if number is not None)


def load_start_tokens(card: Card) -> dict[str, int]:
    """Return the ids that begin every text of an encoder-decoder: its start token, and mBART's forced language token.

    Reads `config.json` itself because `transformers` 5 drops some of them. T5 starts with its padding token.
    """
    settings = json.loads((card.folder / "config.json").read_text("utf-8"))["text_config"]
    ids = {name: settings.get(name) for name in ("decoder_start_token_id", "forced_bos_token_id")}
    if ids["decoder_start_token_id"] is None:
        ids["decoder_start_token_id"] = settings.get("pad_token_id", 0)
    return {name: number for name, number in ids.items() if number is not None}


def compute_max_prompt_tokens(config: PreTrainedConfig, max_new_tokens: int) -> int:
    """Return how many prompt tokens fit beside `max_new_tokens`; an encoder has its positions to itself."""
    return get_max_positions(config) - (0 if config.is_encoder_decoder else max_new_tokens)


def _merge_adapters(model: Blip2, card: Card) -> Blip2:
    """Merge the card's adapters, each trained on the whole model or on its language model alone."""
    for name in card.adapters:
        part = model if _covers_whole_model(card, name) else model.language_model
        merge_adapters(part, replace(card, adapters=(name,)))
    return model


def _covers_whole_model(card: Card, name: str) -> bool:
    path = card.folder / name / WEIGHTS
    if not path.is_file():
        return False
    with safe_open(path, "pt") as file:
        return any(f".{part}" in key for key in file.keys() for part in (LANGUAGE, QFORMER, VISION))  # noqa: SIM118
