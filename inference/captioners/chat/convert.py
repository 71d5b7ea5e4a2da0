"""Convert vision-language models that are published as folders of `transformers`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from transformers import AutoConfig, AutoModelForImageTextToText, PreTrainedModel

from inference.captioners.chat.processing import load_model, load_processor
from inference.checkpoints.card import Card
from inference.checkpoints.convert import copy_transformers

FAMILY = "chat-vlm"
MAX_PHOTOS = 10


def convert(source: Path, folder: Path) -> Card:
    """Copy a folder with configuration, weights, tokenizer, image processor and chat template, and return its card.

    Raises `ValueError` for a model without a chat template, `UnfitWeights` for incomplete weights, and whatever
    `transformers` raises for invalid files.
    """
    copy_transformers(source, folder)
    if load_processor(folder).chat_template is None:
        raise ValueError(f"{source}: no chat template")
    if "quantization_config" not in json.loads((folder / "config.json").read_text("utf-8")):
        load_model(folder, device_map="meta")  # quantized weights are compared when they are loaded, with CUDA
    return Card(folder=folder, family=FAMILY, version="1", max_photos=MAX_PHOTOS)


def build(config: Mapping[str, Any]) -> PreTrainedModel:
    """Build the model of a published configuration with random weights."""
    model: PreTrainedModel = AutoModelForImageTextToText.from_config(
        AutoConfig.for_model(**config), trust_remote_code=False
    )
    return model
