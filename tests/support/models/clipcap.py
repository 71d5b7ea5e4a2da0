"""A tiny ClipCap in the layout of the public files, with reproducible weights."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

RECORDED = Path(__file__).parents[1] / "recorded" / "clipcap"
WIDTH, HEADS, LAYERS, POSITIONS, WORDS = 128, 2, 2, 700, 420
DIM, LENGTH, CLIP_LENGTH, MAPPER_LAYERS = 16, 6, 4, 8
FULL_STOP = 17
MAPPERS = ("mlp", "linear", "transformer")


def state(mapper: str) -> dict[str, Tensor]:
    """Return the state dict of ClipCap's `.pt` with its old buffers; `RandomState` never changes its numbers."""
    source = np.random.RandomState(7)
    shapes = _mapper_shapes(mapper) | _language_shapes()
    tensors = {name: _weight(source, name, shape) for name, shape in shapes.items()}
    tensors["gpt.transformer.wte.weight"][FULL_STOP] *= 1.39  # likely enough for some texts to end with it
    tensors["gpt.lm_head.weight"] = tensors["gpt.transformer.wte.weight"]
    for layer in range(LAYERS):
        mask = torch.ones(POSITIONS, POSITIONS, dtype=torch.uint8).tril()[None, None]
        tensors[f"gpt.transformer.h.{layer}.attn.bias"] = mask
        tensors[f"gpt.transformer.h.{layer}.attn.masked_bias"] = torch.tensor(-1e4)
    return tensors


def vectors(photos: int) -> Tensor:
    """Return random image embeddings, (photos, DIM)."""
    return torch.from_numpy(np.random.RandomState(3).standard_normal((photos, DIM))).float()


def save(folder: Path, mapper: str) -> Path:
    """Save the `.pt` and the tokenizer files of its language model; return the folder."""
    folder.mkdir(parents=True)
    torch.save(state(mapper), folder / "coco_prefix_latest.pt")
    for name in ("vocab.json", "merges.txt"):
        shutil.copy(RECORDED / name, folder / name)
    return folder


def answers() -> dict[str, Any]:
    """Load the published code's outputs: mapper → prefixes of the vectors, and the ids of each decoding."""
    found: dict[str, Any] = json.loads((RECORDED / "answers.json").read_text("utf-8"))
    return found


def _mapper_shapes(mapper: str) -> dict[str, tuple[int, ...]]:
    if mapper == "linear":
        return _linear("clip_project", DIM, WIDTH * LENGTH)
    if mapper == "mlp":
        hidden = WIDTH * LENGTH // 2
        first = _linear("clip_project.model.0", DIM, hidden)
        return first | _linear("clip_project.model.2", hidden, WIDTH * LENGTH)
    shapes: dict[str, tuple[int, ...]] = {"clip_project.prefix_const": (LENGTH, WIDTH)}
    shapes |= _linear("clip_project.linear", DIM, CLIP_LENGTH * WIDTH)
    for layer in range(MAPPER_LAYERS):
        block = f"clip_project.transformer.layers.{layer}"
        shapes |= _norm(f"{block}.norm1") | _norm(f"{block}.norm2")
        shapes[f"{block}.attn.to_queries.weight"] = (WIDTH, WIDTH)
        shapes[f"{block}.attn.to_keys_values.weight"] = (2 * WIDTH, WIDTH)
        shapes |= _linear(f"{block}.attn.project", WIDTH, WIDTH)
        shapes |= _linear(f"{block}.mlp.fc1", WIDTH, 2 * WIDTH) | _linear(f"{block}.mlp.fc2", 2 * WIDTH, WIDTH)
    return shapes


def _language_shapes() -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {
        "gpt.transformer.wte.weight": (WORDS, WIDTH),
        "gpt.transformer.wpe.weight": (POSITIONS, WIDTH),
    }
    for layer in range(LAYERS):
        block = f"gpt.transformer.h.{layer}"
        shapes |= _norm(f"{block}.ln_1") | _norm(f"{block}.ln_2")
        for name, (rows, columns) in {
            "attn.c_attn": (WIDTH, 3 * WIDTH),
            "attn.c_proj": (WIDTH, WIDTH),
            "mlp.c_fc": (WIDTH, 4 * WIDTH),
            "mlp.c_proj": (4 * WIDTH, WIDTH),
        }.items():
            shapes |= {f"{block}.{name}.weight": (rows, columns), f"{block}.{name}.bias": (columns,)}
    return shapes | _norm("gpt.transformer.ln_f")


def _linear(name: str, read: int, written: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (written, read), f"{name}.bias": (written,)}


def _norm(name: str) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (WIDTH,), f"{name}.bias": (WIDTH,)}


def _weight(source: np.random.RandomState, name: str, shape: tuple[int, ...]) -> Tensor:
    """Return weights large enough that each photo gets its own text."""
    spread = {"wte": 0.35, "wpe": 0.3}.get(name.split(".")[-2], 0.08 if ".layers." in name else 0.15)
    weight = torch.from_numpy(source.standard_normal(shape) * spread).float()
    is_scale = name.endswith("weight") and (".ln_" in name or ".norm" in name)
    return weight + 1 if is_scale else weight
