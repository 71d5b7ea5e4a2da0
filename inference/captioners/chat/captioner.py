"""Modern vision-language models that chat: all photos and one Russian request in a turn, the ad in the answer.

Any model of `AutoModelForImageTextToText` whose chat template takes several images: Qwen-VL, SmolVLM, InternVL, Gemma …
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import torch
from PIL import Image
from torch import nn
from transformers import AutoModelForImageTextToText, BitsAndBytesConfig, ProcessorMixin

from inference.captioners.base import LoadContext, Prompt
from inference.captioners.chat.processing import load_processor
from inference.captioners.generation.microbatches import split_microbatches
from inference.captioners.generation.prompts import build_request
from inference.captioners.generation.writer import Generation, Writer, generate
from inference.captioners.parts import FEWEST_WORDS, cast, enough, thumbnail
from inference.captioners.settings import read_settings
from inference.checkpoints.adapters import merge_adapters
from inference.checkpoints.registry import Card
from inference.clip.dual_encoder import ImageFeatures
from inference.devices import Device

logger = logging.getLogger(__name__)

_EDGES: Final = range(56, 1025)


@dataclass(frozen=True, slots=True)
class Settings:
    """The table `settings` of a card.

    photo_edge: pixels of a photo's longer side, at most. The tokens that a photo costs grow with its square where a
    model reads any size (Qwen-VL); where photos are scaled to a square of the model's, they all cost the same.
    bits: 8 or 4 for weights that are quantised where the machine can compute with them, 0 for whole ones.
    """

    photo_edge: int = 448
    bits: Literal[0, 4, 8] = 0


class ChatCaptioner:
    """A loaded checkpoint of the family `chat-vlm`, a folder as `transformers` saves it.

    model, processor: of whatever kind `transformers` makes of the folder, whose types say too little of it.
    max_photos: at most what is asked for, and no more than have room in the model's window beside request and text.
    """

    def __init__(
        self,
        model: Any,
        processor: Any,
        settings: Settings,
        generation: Generation,
        card: Card,
    ) -> None:
        self.name = card.name
        self._model = model.eval()
        self._processor = processor
        self._settings = settings
        self._writer = Writer(processor.tokenizer, generation)
        self._ends = model.generation_config.eos_token_id
        positions = getattr(model.config.get_text_config(), "max_position_embeddings", None)
        self._max_prompt_tokens = enough(card, positions - generation.max_new_tokens) if positions else sys.maxsize
        self.max_photos = self._photos_with_room(card.max_photos)

    @classmethod
    def load(cls, card: Card, context: LoadContext) -> ChatCaptioner:
        """The captioner of a checkpoint folder. Raises `CheckpointError` for settings and texts that cannot be."""
        settings = read_settings(Settings, card, {"photo_edge": lambda edge: edge in _EDGES})
        generation, device = Generation.of(card), context.device
        quantised = _build_quantization_config(settings.bits, device)
        model: nn.Module = AutoModelForImageTextToText.from_pretrained(
            card.folder,
            # Adapters are merged before the weights become narrower; where they are quantised, PEFT sees to it.
            dtype="auto" if card.adapters and not quantised else device.dtype,
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
            quantization_config=quantised,
            device_map=device.name if quantised else None,
        )
        model = merge_adapters(model, card)
        if not quantised:
            cast(model, device.dtype)
            model.to(device.name)
        return cls(model, load_processor(card.folder), settings, generation, card)

    @torch.inference_mode()
    def generate(self, prompts: Sequence[Prompt]) -> list[str]:
        """One draft a prompt."""
        return [text for part in split_microbatches(prompts) for text in self._generate_batch(part)]

    def _generate_batch(self, prompts: Sequence[Prompt]) -> list[str]:
        inputs = self._fitting([self._writer.readable(prompt) for prompt in prompts])
        inputs = inputs.to(self._model.device, self._model.dtype)
        start = inputs["input_ids"].shape[1]
        output_ids = generate(
            self._model,
            **inputs,
            generation_config=self._writer.config(self._ends),
            logits_processor=self._writer.processors(prompts, written_from=start),
            tokenizer=self._processor.tokenizer,
        )
        return self._writer.spell(output_ids[:, start:], prompts)

    def _fitting(self, prompts: Sequence[Prompt]) -> Any:
        """What the model reads of prompts; of fields that are too long for its window the end is left out."""
        inputs = self._read(prompts)
        excess = [
            length - self._max_prompt_tokens if prompt.masked else 0
            for prompt, length in zip(prompts, _count_tokens(inputs), strict=True)
        ]
        if max(excess) <= 0:
            return inputs
        return self._fitting(
            [self._writer.shorter(*each) if each[1] > 0 else each[0] for each in zip(prompts, excess, strict=True)]
        )

    def _photos_with_room(self, most: int) -> int:
        """How many photos of the largest size there is room for, beside the request and a few fields."""
        blank = Image.new("RGB", (self._settings.photo_edge,) * 2)
        views = ImageFeatures(torch.zeros(0, 0), torch.zeros(0, 0, 0))
        asked = (Prompt((blank,) * photos, views, "", "<VARIATIVE>") for photos in range(most, 0, -1))
        room = self._max_prompt_tokens - FEWEST_WORDS
        return next((len(each.images) for each in asked if _count_tokens(self._read([each]))[0] <= room), 0)

    def _read(self, prompts: Sequence[Prompt]) -> Any:
        # The common one: SmolVLM's own asks how films are read.
        return ProcessorMixin.apply_chat_template(
            self._processor,
            [self._turns(prompt) for prompt in prompts],
            add_generation_prompt=True,
            tokenize=True,
            return_dict=True,
            return_tensors="pt",
            processor_kwargs={"padding": True, "padding_side": "left"},
        )

    def _turns(self, prompt: Prompt) -> list[dict[str, Any]]:
        """The conversation so far: one turn of the user's, the photos first. Not every template knows a system."""
        images = [thumbnail(image, self._settings.photo_edge, Image.Resampling.BICUBIC) for image in prompt.images]
        photos: list[dict[str, Any]] = [{"type": "image", "image": image} for image in images]
        return [{"role": "user", "content": [*photos, {"type": "text", "text": build_request(prompt)}]}]


def _count_tokens(inputs: Any) -> list[int]:
    """How many tokens each row has."""
    lengths: list[int] = inputs["attention_mask"].sum(1).tolist()
    return lengths


def _build_quantization_config(bits: int, device: Device) -> BitsAndBytesConfig | None:
    """How the weights are quantised on load; None where they stay whole, or where this machine cannot."""
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
