"""Small dual encoders in published layouts with hashed weights, and the photos and texts to encode."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor
from transformers import CLIPTokenizer

from tests.support.models import hashed
from tests.support.sources import ROOT

RECORDED = ROOT / "tests" / "support" / "recorded" / "clip"

TEXTS = (
    "Куртка синяя на молнии, тёплая, с капюшоном.",
    "ПЛАТЬЕ в горошек",
    "",
    " ",
    "а",
    "фото, на котором изображено пальто",
    "два  пробела\tи таб\nи строка\u00a0и неразрывный",
    "😀😀 漢字 e\u0301 ▁подчёрк▁",
    "<EOS> <pad> текст <BOS>",
    "очень длинный текст о кроссовках, который не поместится " * 12,
    "Blue jacket, size 46!",
)
PHOTOS = (
    *((60, 48), (48, 60), (33, 31), (32, 32), (91, 50), (50, 91)),
    *((300, 40), (41, 300), (640, 480), (9, 7), (39, 32)),
)

RUCLIP: dict[str, Any] = {
    "embed_dim": 24,
    "image_resolution": 32,
    "vision_layers": 2,
    "vision_width": 128,
    "vision_patch_size": 8,
    "context_length": 77,
    "vocab_size": 600,
    "transformer_width": 64,
    "transformer_heads": 4,
    "transformer_layers": 2,
    "mean": [0.48145466, 0.4578275, 0.40821073],
    "std": [0.26862954, 0.26130258, 0.27577711],
}
OPENAI = RUCLIP | {"transformer_width": 128, "transformer_heads": 2, "vocab_size": 514}
RESIDUAL = OPENAI | {"vision_layers": [1, 2, 1, 1], "vision_width": 16, "image_resolution": 64}


def photos() -> list[Image.Image]:
    return [hashed.photo(str(size), size) for size in PHOTOS]


def openai_weights(sizes: dict[str, Any]) -> dict[str, Tensor]:
    """Return weights of the given sizes under the names of OpenAI's CLIP."""
    width, text, joint = sizes["vision_width"], sizes["transformer_width"], sizes["embed_dim"]
    patch = sizes["vision_patch_size"]
    shapes: dict[str, tuple[int, ...]] = {
        "positional_embedding": (sizes["context_length"], text),
        "text_projection": (text, joint),
        "visual.class_embedding": (width,),
        "visual.positional_embedding": ((sizes["image_resolution"] // patch) ** 2 + 1, width),
        "visual.proj": (width, joint),
        "visual.conv1.weight": (width, 3, patch, patch),
    }
    shapes |= _norm("visual.ln_pre", width) | _blocks("visual.transformer", sizes["vision_layers"], width)
    shapes |= _norm("visual.ln_post", width) | _blocks("transformer", sizes["transformer_layers"], text)
    shapes |= {"token_embedding.weight": (sizes["vocab_size"], text)} | _norm("ln_final", text)
    return hashed.weights(shapes) | {"logit_scale": torch.tensor(2.5)}


def residual_weights(sizes: dict[str, Any]) -> dict[str, Tensor]:
    """Return the weights with a residual network as vision tower, whose norms have non-trivial statistics."""
    state = {name: weight for name, weight in openai_weights(OPENAI).items() if not name.startswith("visual.")}
    width, joint = sizes["vision_width"], sizes["embed_dim"]
    shapes = _convolution("visual", 1, 3, width // 2, 3) | _convolution("visual", 2, width // 2, width // 2, 3)
    shapes |= _convolution("visual", 3, width // 2, width, 3)
    channels = width
    for stage, blocks in enumerate(sizes["vision_layers"]):
        inner = width << stage
        for block in range(blocks):
            name = f"visual.layer{stage + 1}.{block}"
            shapes |= _convolution(name, 1, channels, inner, 1) | _convolution(name, 2, inner, inner, 3)
            shapes |= _convolution(name, 3, inner, 4 * inner, 1)
            if not block:
                shapes |= {f"{name}.downsample.0.weight": (4 * inner, channels, 1, 1)}
                shapes |= _batch_norm(f"{name}.downsample.1", 4 * inner)
            channels = 4 * inner
    pool = "visual.attnpool"
    shapes |= {f"{pool}.positional_embedding": ((sizes["image_resolution"] // 32) ** 2 + 1, channels)}
    for part, outward in {"q_proj": channels, "k_proj": channels, "v_proj": channels, "c_proj": joint}.items():
        shapes |= _linear(f"{pool}.{part}", channels, outward)
    counters = {name.replace("running_var", "num_batches_tracked") for name in shapes if name.endswith("running_var")}
    seen = {name: _scale_weight(name, weight) for name, weight in hashed.weights(shapes).items()}
    return state | seen | {name: torch.tensor(7) for name in counters}


def save_ruclip(folder: Path) -> Path:
    """Save a folder as `ai-forever/ruclip-vit-…` is published, with the recorded `bpe.model`."""
    folder.mkdir()
    torch.save(openai_weights(RUCLIP), folder / "pytorch_model.bin")
    (folder / "config.json").write_text(json.dumps(RUCLIP), "utf-8")
    shutil.copyfile(RECORDED / "bpe.model", folder / "bpe.model")
    return folder


def save_openai(folder: Path) -> Path:
    """Save half-precision weights as in OpenAI's archives, and a CLIP tokenizer of single bytes."""
    folder.mkdir()
    sizes = {"input_resolution": 32, "context_length": 77, "vocab_size": 514}
    state = {name: weight.half() for name, weight in openai_weights(OPENAI).items()}
    torch.save(state | {name: torch.tensor(size) for name, size in sizes.items()}, folder / "ViT-B-32.pt")
    save_words(folder)
    return folder


def save_words(folder: Path) -> None:
    """Save `vocab.json` and `merges.txt` of a CLIP tokenizer of single bytes."""
    signs = [chr(number) for number in (*range(33, 127), *range(161, 173), *range(174, 256), *range(256, 324))]
    words = [*signs, *(f"{sign}</w>" for sign in signs), "<|startoftext|>", "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({word: number for number, word in enumerate(words)}), "utf-8")
    (folder / "merges.txt").write_text("#version: 0.2\n", "utf-8")


def words(folder: Path) -> CLIPTokenizer:
    """Load the tokenizer of `save_words`."""
    tokenizer: CLIPTokenizer = CLIPTokenizer.from_pretrained(folder)
    return tokenizer


def _norm(name: str, width: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (width,), f"{name}.bias": (width,)}


def _convolution(name: str, number: int, inward: int, outward: int, edge: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.conv{number}.weight": (outward, inward, edge, edge)} | _batch_norm(f"{name}.bn{number}", outward)


def _batch_norm(name: str, width: int) -> dict[str, tuple[int, ...]]:
    return _norm(name, width) | {f"{name}.running_mean": (width,), f"{name}.running_var": (width,)}


def _scale_weight(name: str, weight: Tensor) -> Tensor:
    """Return positive variances, and convolutions that keep the scale of activations from block to block."""
    if name.endswith("running_var"):
        return weight.abs() + 0.5
    return weight / weight[0, ..., 0].numel() ** 0.5 if weight.dim() == 4 else weight


def _linear(name: str, inward: int, outward: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (outward, inward), f"{name}.bias": (outward,)}


def _blocks(tower: str, layers: int, width: int) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {}
    for number in range(layers):
        block = f"{tower}.resblocks.{number}"
        shapes |= {f"{block}.attn.in_proj_weight": (3 * width, width), f"{block}.attn.in_proj_bias": (3 * width,)}
        shapes |= _linear(f"{block}.attn.out_proj", width, width) | _norm(f"{block}.ln_1", width)
        shapes |= _linear(f"{block}.mlp.c_fc", width, 4 * width) | _linear(f"{block}.mlp.c_proj", 4 * width, width)
        shapes |= _norm(f"{block}.ln_2", width)
    return shapes
