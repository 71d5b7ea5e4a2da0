"""Modern vision-language models that chat: all photos and one Russian request in a turn, the ad in the answer.

Any model of `AutoModelForImageTextToText` whose chat template takes several images: Qwen-VL, SmolVLM, InternVL, Gemma …
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Final, Literal

import torch
from PIL import Image
from torch import nn
from transformers import AutoModelForImageTextToText, BitsAndBytesConfig, ProcessorMixin

from inference.captioners import Prompt, Surroundings
from inference.captioners.adapters import adapted
from inference.captioners.chat.processing import load_processor
from inference.captioners.generation import Generation, Writer
from inference.captioners.settings import read_settings
from inference.captioners.wording import request
from inference.checkpoints import Card
from inference.devices import Device

logger = logging.getLogger(__name__)

_EDGES: Final = range(56, 1025)


@dataclass(frozen=True, slots=True)
class Settings:
    """The table `settings` of a card.

    photo_edge: pixels of a photo's longer side, at most; the number of tokens that a photo costs grows with its square.
    bits: 8 or 4 for weights that are quantised where the machine can compute with them, 0 for whole ones.
    """

    photo_edge: int = 448
    bits: Literal[0, 4, 8] = 0


class ChatCaptioner:
    """A loaded checkpoint of the family `chat-vlm`, a folder as `transformers` saves it.

    model, processor: of whatever kind `transformers` makes of the folder, whose types say too little of it.
    """

    def __init__(
        self,
        model: Any,
        processor: Any,
        settings: Settings,
        generation: Generation,
        name: str,
        max_photos: int,
    ) -> None:
        self.name = name
        self.max_photos = max_photos
        self._model = model.eval()
        self._processor = processor
        self._settings = settings
        self._writer = Writer(processor.tokenizer, generation)

    @classmethod
    def load(cls, card: Card, surroundings: Surroundings) -> ChatCaptioner:
        """The captioner of a checkpoint folder. Raises `CheckpointError` for settings that cannot be."""
        settings = read_settings(Settings, card, {"photo_edge": lambda edge: edge in _EDGES})
        generation, device = Generation.of(card), surroundings.device
        quantised = _quantisation(settings.bits, device)
        model: nn.Module = AutoModelForImageTextToText.from_pretrained(
            card.folder,
            dtype=device.dtype,
            local_files_only=True,
            use_safetensors=True,
            quantization_config=quantised,
            device_map=device.name if quantised else None,
        )
        model = adapted(model, card) if quantised else adapted(model, card).to(device.name)
        return cls(model, load_processor(card.folder), settings, generation, card.name, card.max_photos)

    @torch.inference_mode()
    def generate(self, prompts: Sequence[Prompt]) -> list[str]:
        """One draft a prompt."""
        if not prompts:
            return []
        # The common one: SmolVLM's own asks how films are read.
        inputs: Any = ProcessorMixin.apply_chat_template(
            self._processor,
            [self._turns(prompt) for prompt in prompts],
            add_generation_prompt=True,
            tokenize=True,
            return_dict=True,
            return_tensors="pt",
            processor_kwargs={"padding": True, "padding_side": "left"},
        )
        inputs = inputs.to(self._model.device, self._model.dtype)
        start = inputs["input_ids"].shape[1]
        ends = self._model.generation_config.eos_token_id or self._processor.tokenizer.eos_token_id
        written = self._model.generate(
            **inputs,
            generation_config=self._writer.config(eos_token_id=ends),
            logits_processor=self._writer.processors(prompts, written_from=start),
            tokenizer=self._processor.tokenizer,
        )
        return self._writer.spell(written[:, start:])

    def _turns(self, prompt: Prompt) -> list[dict[str, Any]]:
        """The conversation so far: one turn of the user's, the photos first. Not every template knows a system."""
        photos: list[dict[str, Any]] = [{"type": "image", "image": self._scaled(image)} for image in prompt.images]
        return [
            {"role": "user", "content": [*photos, {"type": "text", "text": request(self._writer.harmless(prompt))}]}
        ]

    def _scaled(self, image: Image.Image) -> Image.Image:
        edge = self._settings.photo_edge
        scaled = image.copy()
        scaled.thumbnail((edge, edge), Image.Resampling.BICUBIC)
        return scaled


def _quantisation(bits: int, device: Device) -> BitsAndBytesConfig | None:
    """How the weights are quantised on load; None where they stay whole, or where this machine cannot."""
    if not bits:
        return None
    if device.name != "cuda" or find_spec("bitsandbytes") is None:
        logger.warning(
            "weights of %d bits need CUDA and bitsandbytes: they stay %s on %s", bits, device.dtype, device.name
        )
        return None
    if bits == 8:
        return BitsAndBytesConfig(load_in_8bit=True)
    return BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=device.dtype)
