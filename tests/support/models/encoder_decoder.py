"""A tiny ViT and GPT-2 as transformers 4.46.3 published such models, and the recorded outputs of that version.

Recorded with transformers 4.46.3, PEFT 0.14.0 and torch 2.13.0 on a CPU; the weights are random.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from inference.checkpoints.card import Card, save_card
from inference.checkpoints.convert import import_original
from tests.support.models import tiny

RECORDED = Path(__file__).parents[1] / "recorded" / "encoder-decoder"
PICTURES = tuple(tiny.picture(number, size) for number, size in enumerate(((64, 48), (40, 90), (72, 80))))
FIELDS = "Название: куртка\nЦена: <PRICE>"
PROMPT = {"prompt": "{attributes}, Описание:", "separator": ", "}  # the decoder read this, behind its first token
LAYERS = 2


@cache
def record() -> dict[str, Any]:
    """Load the record: `files`, name → text; `tokens`, case → rows of ids with prompts; `adapted`, with the adapter."""
    table: dict[str, Any] = json.loads((RECORDED / "record.json").read_text("utf-8"))
    return table


@cache
def tensors(group: str) -> dict[str, Tensor]:
    """Load the recorded tensors of the group `model` (published names), `adapter` or `result`, without its prefix."""
    recorded = load_file(RECORDED / "tensors.safetensors").items()
    return {name.removeprefix(f"{group}."): each for name, each in recorded if name.startswith(f"{group}.")}


def save_published(folder: Path) -> Path:
    """Save a public model's folder: a pickle with a duplicate head and with masks, vocabulary and merges."""
    folder.mkdir()
    for name, text in record()["files"].items():
        if name not in ("adapter_config.json", "generation_config.json"):  # public models know the second not yet
            (folder / name).write_text(text, "utf-8")
    state = {name: weight.float() for name, weight in tensors("model").items()}
    state["decoder.lm_head.weight"] = state["decoder.transformer.wte.weight"]
    for layer in range(LAYERS):
        block = f"decoder.transformer.h.{layer}"
        for part in ("attn", "crossattention"):
            state[f"{block}.{part}.bias"] = torch.ones(256, 256, dtype=torch.uint8).tril()[None, None]
            state[f"{block}.{part}.masked_bias"] = torch.tensor(-10000.0)
    torch.save(state, folder / "pytorch_model.bin")
    return folder


def save_published_adapter(folder: Path) -> None:
    """Save a LoRA adapter of all linear layers, head included, under the module paths of transformers 4."""
    folder.mkdir()
    (folder / "adapter_config.json").write_text(record()["files"]["adapter_config.json"], "utf-8")
    torch.save({name: weight.float() for name, weight in tensors("adapter").items()}, folder / "adapter_model.bin")


def imported(root: Path, *, adapter: bool = False, **fields: Any) -> Card:
    """Import the published folder as `captioner/tiny`, with other `fields` in its card."""
    source = save_published(root / "source")
    if adapter:
        save_published_adapter(source / "listings")
    card = import_original("encoder-decoder", source, root, "tiny")
    table = {name: getattr(card, name) for name in Card.__dataclass_fields__}
    return save_card(Card(**(table | fields)))
