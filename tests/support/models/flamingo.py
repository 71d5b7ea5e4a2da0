"""Tiny OpenFlamingos as published, and the recorded outputs of the published code (`recorded/flamingo/`)."""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer, models, pre_tokenizers
from torch import Tensor
from transformers import PreTrainedTokenizerFast

RECORDED = Path(__file__).parents[1] / "recorded" / "flamingo"
LANGUAGES = ("gpt-neox", "mosaic-gpt", "mpt", "opt")
PROMPTS = (
    "<image>Output:",
    "ба<image>бе би<|endofchunk|><image>во да<|endofchunk|><image>Output:",
)
COLOURS = ((200, 30, 40), (20, 120, 220), (240, 240, 30))
RULE = {
    "size": {"shortest_edge": 32},
    "crop_size": 32,
    "do_center_crop": True,
    "resample": 3,
    "image_mean": [0.48, 0.46, 0.41],
    "image_std": [0.27, 0.26, 0.28],
}
VISION = {
    "hidden_size": 32,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "image_size": 32,
    "patch_size": 8,
    "hidden_act": "quick_gelu",
}


@dataclass(frozen=True, slots=True)
class Recorded:
    """One tiny model and the outputs of the published code for `PROMPTS`, padded on the left.

    ids, mask: (2, length); logits: (2, length, words); greedy, beams: (2, 12), generated ids; text: the greedy texts
    for photos of one colour each.
    """

    config: dict[str, Any]
    every: int
    language: dict[str, list[int]]
    checkpoint: dict[str, list[int]]
    tied: dict[str, str]
    text: str
    ids: Tensor
    mask: Tensor
    logits: Tensor
    greedy: Tensor
    beams: Tensor


def recorded(name: str) -> Recorded:
    table = json.loads((RECORDED / f"{name}.json").read_text("utf-8"))
    table |= load_file(RECORDED / f"{name}.safetensors")
    return Recorded(**table)


def filled(name: str, shape: list[int]) -> Tensor:
    """Return a tensor that depends on its name alone, and so does not change with the random generator."""
    place = torch.arange(math.prod(shape), dtype=torch.int64) + zlib.crc32(name.encode()) % 65521
    values = ((place * place * 31 + place * 17) % 65521).double() / 65521 - 0.5
    if name.endswith("gate"):
        values = torch.ones_like(values)
    elif len(shape) == 1:
        values = values * 0.4 + float(name.endswith("weight"))
    elif len(shape) == 2:
        values = values * 0.9
    return values.float().reshape(shape)


def pixels() -> Tensor:
    """Return the pixels of four photos, (4, 3, 32, 32): one for the first prompt, three for the second."""
    return filled("pixels", [4, 3, 32, 32]) * 4


def save_published(name: str, folder: Path) -> Path:
    """Save the three downloads of a model: `checkpoint.pt`, `language/`, `vision/`."""
    model = recorded(name)
    language, vision = folder / "language", folder / "vision"
    language.mkdir(parents=True)
    vision.mkdir()
    torch.save(_filled(model.language), language / "pytorch_model.bin")
    (language / "config.json").write_text(json.dumps(model.config), "utf-8")
    tokenizer().save_pretrained(language)
    torch.save(checkpoint(name), folder / "checkpoint.pt")
    torch.save(_clip(), vision / "pytorch_model.bin")
    (vision / "config.json").write_text(json.dumps({"model_type": "clip", "vision_config": VISION}), "utf-8")
    (vision / "preprocessor_config.json").write_text(json.dumps(RULE), "utf-8")
    return folder


def checkpoint(name: str) -> dict[str, Tensor]:
    """Return the trained weights as they were released."""
    model = recorded(name)
    state = _filled(model.checkpoint)
    return state | {name: state[other] for name, other in model.tied.items()}


def tokenizer() -> PreTrainedTokenizerFast:
    """Build a tokenizer of two-letter words without a padding token."""
    syllables = [first + second for first in "бвгдклмн" for second in "аеиоуыя"]
    words = {word: number for number, word in enumerate(["<unk>", "</s>", "Output:", *syllables])}
    known = Tokenizer(models.WordLevel(words, "<unk>"))
    known.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    names = {"unk_token": "<unk>", "eos_token": "</s>", "bos_token": "</s>"}
    return PreTrainedTokenizerFast(tokenizer_object=known, **names)


def _filled(shapes: Mapping[str, list[int]]) -> dict[str, Tensor]:
    return {name: filled(name, shape) for name, shape in shapes.items()}


def _clip() -> dict[str, Tensor]:
    """Return a CLIP's weights as `transformers` publishes OpenAI's, with little of its text model."""
    shapes: dict[str, list[int]] = {
        "embeddings.class_embedding": [32],
        "embeddings.patch_embedding.weight": [32, 3, 8, 8],
        "embeddings.position_embedding.weight": [17, 32],
    }
    for norm in ("pre_layrnorm", "post_layernorm"):
        shapes |= {f"{norm}.weight": [32], f"{norm}.bias": [32]}
    for layer in range(2):
        sizes = {f"self_attn.{name}_proj": (32, 32) for name in ("q", "k", "v", "out")}
        sizes |= {"mlp.fc1": (128, 32), "mlp.fc2": (32, 128)}
        for name, (wide, narrow) in sizes.items():
            shapes[f"encoder.layers.{layer}.{name}.weight"] = [wide, narrow]
            shapes[f"encoder.layers.{layer}.{name}.bias"] = [wide]
        for norm in ("layer_norm1", "layer_norm2"):
            shapes |= {f"encoder.layers.{layer}.{norm}.{part}": [32] for part in ("weight", "bias")}
    state = _filled({f"vision_model.{name}": shape for name, shape in shapes.items()})
    state["vision_model.embeddings.position_ids"] = torch.arange(17)[None]
    return state | {"logit_scale": torch.tensor(4.6), "text_model.embeddings.token_embedding.weight": torch.ones(9, 4)}
