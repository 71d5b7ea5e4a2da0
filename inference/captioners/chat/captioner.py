"""Chat captioner: all photos and one Russian request in a user turn, the ad in the reply.

Supports any model of `AutoModelForImageTextToText` whose chat template takes several images: Qwen-VL, SmolVLM,
InternVL, Gemma …
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import torch
from annotated_types import Ge, Le
from PIL import Image
from torch import nn
from transformers import BitsAndBytesConfig, ProcessorMixin

from inference.captioners.base import LoadContext, Prompt
from inference.captioners.chat.processing import load_model, load_processor
from inference.captioners.generation.microbatches import MicrobatchCaptioner
from inference.captioners.generation.prompts import build_request
from inference.captioners.generation.settings import GenerationSettings
from inference.captioners.generation.writer import Writer, generate
from inference.captioners.parts import MIN_PROMPT_TOKENS, cast_parameters, check_prompt_budget, make_thumbnail
from inference.checkpoints.adapters import merge_adapters
from inference.checkpoints.card import Card
from inference.checkpoints.settings import parse_settings
from inference.clip.dual_encoder import ImageFeatures
from inference.devices import Device

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Settings:
    """The `settings` table of a card.

    photo_edge: maximum pixels of a photo's longer side. The tokens of a photo grow with its square in models of dynamic
    resolution (Qwen-VL) and are constant where photos are scaled to a fixed square.
    bits: 8 or 4 for quantized weights where the machine supports them, 0 for unquantized ones.
    """

    photo_edge: Annotated[int, Ge(56), Le(1024)] = 448
    bits: Literal[0, 4, 8] = 0


class ChatCaptioner(MicrobatchCaptioner):
    """A loaded checkpoint of the family `chat-vlm`, a folder of `transformers`.

    max_photos: the card's limit, lowered to what fits into the context window beside request and text.
    """

    def __init__(
        self, model: Any, processor: Any, settings: Settings, generation: GenerationSettings, card: Card
    ) -> None:
        super().__init__(card)
        self._model = model.eval()
        self._processor = processor
        self._settings = settings
        self._writer = Writer(processor.tokenizer, generation)
        self._eos_token_ids = model.generation_config.eos_token_id
        positions = getattr(model.config.get_text_config(), "max_position_embeddings", None)
        self._max_prompt_tokens = (
            check_prompt_budget(card, positions - generation.max_new_tokens) if positions else sys.maxsize
        )
        self.max_photos = self._count_photos(card.max_photos)

    @classmethod
    def load(cls, card: Card, context: LoadContext) -> ChatCaptioner:
        """Load a checkpoint folder.

        Raises `CheckpointError` for invalid settings and for texts that exceed the context window.
        """
        settings = parse_settings(Settings, card)
        generation, device = GenerationSettings.from_card(card), context.device
        quantization = _build_quantization_config(settings.bits, device)
        model: nn.Module = load_model(
            card.folder,
            # Adapters are merged at full precision, before the cast; PEFT handles quantized weights itself.
            dtype="auto" if card.adapters and not quantization else device.dtype,
            quantization_config=quantization,
            device_map=device.name if quantization else None,
        )
        model = merge_adapters(model, card)
        if not quantization:
            cast_parameters(model, device.dtype)
            model.to(device.name)
        return cls(model, load_processor(card.folder), settings, generation, card)

    def _generate_batch(self, prompts: Sequence[Prompt]) -> list[str]:
        inputs = self._fit_window([self._writer.adapt_fields(prompt) for prompt in prompts])
        inputs = inputs.to(self._model.device, self._model.dtype)
        start = inputs["input_ids"].shape[1]
        output_ids = generate(
            self._model,
            **inputs,
            generation_config=self._writer.build_config(self._eos_token_ids),
            logits_processor=self._writer.build_processors(prompts, start=start),
            tokenizer=self._processor.tokenizer,
        )
        return self._writer.decode(output_ids[:, start:], prompts)

    def _fit_window(self, prompts: Sequence[Prompt]) -> Any:
        """Return the model's inputs, with fields cut at their end until every row fits the context window."""
        inputs = self._tokenize(prompts)
        excess = [
            length - self._max_prompt_tokens if prompt.masked else 0
            for prompt, length in zip(prompts, _count_tokens(inputs), strict=True)
        ]
        if max(excess) <= 0:
            return inputs
        return self._fit_window(
            [self._writer.shorten(*each) if each[1] > 0 else each[0] for each in zip(prompts, excess, strict=True)]
        )

    def _count_photos(self, limit: int) -> int:
        """Return how many photos of the maximum size, up to `limit`, fit beside the request and a few fields."""
        blank = Image.new("RGB", (self._settings.photo_edge,) * 2)
        features = ImageFeatures(torch.zeros(0, 0), torch.zeros(0, 0, 0))
        candidates = (Prompt((blank,) * photos, features, "", "<VARIATIVE>") for photos in range(limit, 0, -1))
        available = self._max_prompt_tokens - MIN_PROMPT_TOKENS
        return next(
            (len(each.images) for each in candidates if _count_tokens(self._tokenize([each]))[0] <= available), 0
        )

    def _tokenize(self, prompts: Sequence[Prompt]) -> Any:
        # The base class's method: SmolVLM's override requires video settings.
        return ProcessorMixin.apply_chat_template(
            self._processor,
            [self._build_messages(prompt) for prompt in prompts],
            add_generation_prompt=True,
            tokenize=True,
            return_dict=True,
            return_tensors="pt",
            processor_kwargs={"padding": True, "padding_side": "left"},
        )

    def _build_messages(self, prompt: Prompt) -> list[dict[str, Any]]:
        """Return a conversation of one user turn, photos first; not every template has a system role."""
        images = [make_thumbnail(image, self._settings.photo_edge, Image.Resampling.BICUBIC) for image in prompt.images]
        photos: list[dict[str, Any]] = [{"type": "image", "image": image} for image in images]
        return [{"role": "user", "content": [*photos, {"type": "text", "text": build_request(prompt)}]}]


def _count_tokens(inputs: Any) -> list[int]:
    """Return the number of unpadded tokens of each row."""
    lengths: list[int] = inputs["attention_mask"].sum(1).tolist()
    return lengths


def _build_quantization_config(bits: int, device: Device) -> BitsAndBytesConfig | None:
    """Return the quantization of the weights; None for unquantized ones or where the device lacks support."""
    if not bits:
        return None
    if not device.can_quantize:
        logger.warning(
            "weights of %d bits need CUDA and bitsandbytes: they stay %s on %s", bits, device.dtype, device.name
        )
        return None
    if bits == 8:
        return BitsAndBytesConfig(load_in_8bit=True)
    return BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=device.dtype)
