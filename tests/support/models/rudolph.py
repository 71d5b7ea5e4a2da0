"""Tiny ruDOLPHs in the layout of the public files, the same numbers on every machine."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from PIL import Image
from torch import Tensor

RECORDED: Final = Path(__file__).parents[1] / "recorded" / "rudolph"
WORDS, CODES = 200, 48
CHANNELS = 32  # the least that 32 groups allow
TEXTS: Final = (
    "на картинке синяя куртка на молнии",
    "на картинке платье в горошек",
    "на картинке белые кроссовки",
    "на картинке куртка, цена: <price>",
)

_COMMON: Final = {
    "num_layers": 8,
    "hidden_size": 32,
    "num_attention_heads": 4,
    "l_text_seq_length": 24,
    "image_tokens_per_dim": 5,
    "r_text_seq_length": 24,
    "kernel_size": 3,
    "last_kernel_size": 5,
    "text_special_tokens": 8,
    "image_special_tokens": 6,
}
# Arguments of ru-dolph's constructor, as different from one another as those of the public models.
LAYOUTS: Final[Mapping[str, Mapping[str, int]]] = {
    "350M": _COMMON,
    "350M_v1": _COMMON | {"text_special_tokens": 0, "image_special_tokens": 0},
    "1.3B": _COMMON
    | {"num_attention_heads": 2, "image_tokens_per_dim": 6, "kernel_size": 5, "last_kernel_size": 7}
    | {"text_special_tokens": 12, "image_special_tokens": 2},
    "2.7B": _COMMON | {"num_layers": 12, "hidden_size": 40, "l_text_seq_length": 40, "r_text_seq_length": 20},
}


def arguments(layout: str) -> dict[str, int]:
    """Return all arguments of ru-dolph's constructor; `vocab_size` counts the left padding, as there."""
    sizes = LAYOUTS[layout]
    return {**sizes, "vocab_size": WORDS + sizes["l_text_seq_length"], "image_vocab_size": CODES}


def state(layout: str) -> dict[str, Tensor]:
    """Return the state dict of `pytorch_model.bin` without masks."""
    # `RandomState` guarantees the same numbers in every version of NumPy.
    source = np.random.RandomState(11)
    return {name: _weight(source, name, shape) for name, shape in _shapes(arguments(layout)).items()}


def encoder_state() -> dict[str, Tensor]:
    """Return the state dict in `vqgan.gumbelf8-sber.model.ckpt`, with a single weight of the decoder."""
    source = np.random.RandomState(12)
    state = {name: _weight(source, name, shape) for name, shape in _encoder_shapes().items()}
    return state | {"decoder.conv_in.weight": torch.zeros(4, 4, 3, 3), "quantize.embed.weight": torch.zeros(CODES, 4)}


def sequences(layout: str) -> tuple[Tensor, Tensor, Tensor]:
    """Return the ids of three sequences: left texts with and without padding, codes and right texts."""
    source, sizes = np.random.RandomState(13), LAYOUTS[layout]
    left = source.randint(4, WORDS + sizes["text_special_tokens"], (3, sizes["l_text_seq_length"]))
    left[1, 5:], left[2, 1:] = 0, 0
    image = source.randint(0, CODES, (3, sizes["image_tokens_per_dim"] ** 2))
    right = source.randint(0, WORDS, (3, sizes["r_text_seq_length"]))
    return _ids(left), _ids(image), _ids(right)


def photos() -> list[Image.Image]:
    """Return images of noise in large squares: wide, high and square."""
    source = np.random.RandomState(14)
    sizes = ((90, 60), (50, 70), (64, 64))
    small = [Image.fromarray(source.randint(0, 256, (6, 6, 3)).astype(np.uint8)) for _ in sizes]
    return [image.resize(size, Image.Resampling.BILINEAR) for image, size in zip(small, sizes, strict=True)]


def save(folder: Path, layout: str = "350M") -> Path:
    """Save the files of a published checkpoint, with a `config.json` for the sizes that shapes do not reveal."""
    folder.mkdir(parents=True)
    torch.save({name: weight.half() for name, weight in state(layout).items()}, folder / "pytorch_model.bin")
    torch.save({"state_dict": encoder_state()}, folder / "vqgan.gumbelf8-sber.model.ckpt")
    shutil.copy(RECORDED / "bpe.model", folder / "bpe.model")
    (folder / "config.json").write_text(json.dumps(dict(LAYOUTS[layout])), "utf-8")
    return folder


def answers() -> dict[str, Any]:
    """Load the recorded outputs of the published code."""
    recorded: dict[str, Any] = json.loads((RECORDED / "answers.json").read_text("utf-8"))
    return recorded


def _ids(numbers: Any) -> Tensor:
    return torch.from_numpy(numbers.astype(np.int64))


def _shapes(arguments: Mapping[str, int]) -> dict[str, tuple[int, ...]]:
    width = arguments["hidden_size"]
    text, image = arguments["vocab_size"] + arguments["text_special_tokens"], CODES + arguments["image_special_tokens"]
    shapes: dict[str, tuple[int, ...]] = {
        "text_embeddings.weight": (text, width),
        "image_embeddings.weight": (image, width),
        "l_text_pos_embeddings.weight": (arguments["l_text_seq_length"] + 1, width),
        "r_text_pos_embeddings.weight": (arguments["r_text_seq_length"] + 1, width),
        "image_row_embeddings.weight": (arguments["image_tokens_per_dim"], width),
        "image_col_embeddings.weight": (arguments["image_tokens_per_dim"], width),
    }
    shapes |= _norm("to_logits.0", width) | _linear("to_logits.1", width, text + image)
    norms = ("input", "before_first_addition", "post_attention", "before_second_addition")
    for layer in range(arguments["num_layers"]):
        block = f"transformer.layers.{layer}"
        for name in norms:
            shapes |= _norm(f"{block}.{name}_layernorm", width)
        shapes |= _linear(f"{block}.attention.query_key_value", width, 3 * width)
        shapes |= _linear(f"{block}.attention.dense", width, width)
        shapes |= _linear(f"{block}.mlp.dense_h_to_4h", width, 4 * width)
        shapes |= _linear(f"{block}.mlp.dense_4h_to_h", 4 * width, width)
    return shapes | _norm("transformer.final_layernorm", width)


def _encoder_shapes() -> dict[str, tuple[int, ...]]:
    shapes = _conv("encoder.conv_in", 3, CHANNELS, 3)
    for level in range(4):
        before, after = CHANNELS * (1, 1, 1, 2)[level], CHANNELS * (1, 1, 2, 2)[level]
        shapes |= _block(f"encoder.down.{level}.block.0", before, after)
        if level == 3:
            shapes |= _attention(f"encoder.down.{level}.attn.0", after)
        else:
            shapes |= _conv(f"encoder.down.{level}.downsample.conv", after, after, 3)
    last = 2 * CHANNELS
    shapes |= _block("encoder.mid.block_1", last, last) | _block("encoder.mid.block_2", last, last)
    shapes |= _attention("encoder.mid.attn_1", last)
    shapes |= _norm("encoder.norm_out", last) | _conv("encoder.conv_out", last, CHANNELS, 3)
    return shapes | _conv("quant_conv", CHANNELS, CHANNELS, 1) | _conv("quantize.proj", CHANNELS, CODES, 1)


def _block(name: str, before: int, after: int) -> dict[str, tuple[int, ...]]:
    shapes = _norm(f"{name}.norm1", before) | _conv(f"{name}.conv1", before, after, 3)
    shapes |= _norm(f"{name}.norm2", after) | _conv(f"{name}.conv2", after, after, 3)
    return shapes if before == after else shapes | _conv(f"{name}.nin_shortcut", before, after, 1)


def _attention(name: str, width: int) -> dict[str, tuple[int, ...]]:
    shapes = _norm(f"{name}.norm", width)
    for part in ("q", "k", "v", "proj_out"):
        shapes |= _conv(f"{name}.{part}", width, width, 1)
    return shapes


def _conv(name: str, before: int, after: int, kernel: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (after, before, kernel, kernel), f"{name}.bias": (after,)}


def _linear(name: str, before: int, after: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (after, before), f"{name}.bias": (after,)}


def _norm(name: str, width: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (width,), f"{name}.bias": (width,)}


def _weight(source: np.random.RandomState, name: str, shape: tuple[int, ...]) -> Tensor:
    """Return random weights large enough to matter, exact in float16 as those of the public files."""
    numbers = source.standard_normal(shape)
    if len(shape) == 1:
        numbers = numbers * 0.2 + (name.endswith("weight"))
    elif "embeddings" not in name:
        numbers *= 1.4 / np.sqrt(np.prod(shape[1:]))
    return torch.from_numpy(numbers).half().float()
