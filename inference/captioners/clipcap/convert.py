"""Convert ClipCap's published `.pt`, a plain state dict, inferring the mapper and its sizes from keys and shapes.

rmokady/CLIP_prefix_caption, AlexWortega/ruImageCaptioning and rbeketov/clipcap-nas write the same keys.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor
from transformers import GPT2Tokenizer, PreTrainedTokenizerBase

from inference.captioners.clipcap.captioner import read_model
from inference.captioners.clipcap.model import MODEL_TYPE, MapperConfig
from inference.checkpoints import weights
from inference.checkpoints.card import Card
from inference.checkpoints.convert import find_single_file
from inference.checkpoints.tokenizers import load_tokenizer

HEAD_WIDTH: Final = 64  # of OpenAI's models and most others; shapes do not show it
HEADS: Final = {1536: 16}  # width → number of heads: those of ruGPT-3 large are wider
# Width → number of layers of the public models: a file without the last layer has to be refused.
LAYERS: Final = {768: 12, 1024: 24, 1280: 36, 1536: 24, 1600: 48}

_NAMES: Final = (
    (r"^clip_project\.model\.", "mapper."),
    (r"^clip_project\.linear\.", "mapper.expand."),
    (r"^clip_project\.prefix_const$", "mapper.learned"),
    (r"^clip_project\.transformer\.layers\.", "mapper.blocks."),
    (r"^clip_project\.", "mapper."),
    (r"\.norm1\.", ".attention_norm."),
    (r"\.norm2\.", ".feed_norm."),
    (r"\.attn\.to_queries\.", ".query."),
    (r"\.attn\.to_keys_values\.", ".key_value."),
    (r"\.attn\.project\.", ".project."),
    (r"\.mlp\.fc1\.", ".feed.0."),
    (r"\.mlp\.fc2\.", ".feed.2."),
)
# The causal mask, which old versions of GPT-2 saved with the weights.
_BUFFERS = re.compile(r"\.attn\.(bias|masked_bias)$")


def convert(source: Path, folder: Path) -> Card:
    """Convert a `.pt`, or a folder with one and the tokenizer of its language model, and return its card.

    The language model's own `config.json`, where it lies beside the `.pt`, gives the number of heads and the end token.
    Otherwise heads are as wide as in the published models, and the tokenizer's end token is used. Raises what
    `find_single_file` raises, and `ValueError` for a tokenizer with more tokens than the model has embeddings.
    """
    path = find_single_file(source, "*.pt")
    state = weights.filter_tensors(weights.load_pickle(path))
    config_path = path.parent / "config.json"
    published = json.loads(config_path.read_text("utf-8")) if config_path.is_file() else {}
    language = _infer_language_config(state, published)
    config = {"model_type": MODEL_TYPE, "mapper": asdict(infer_mapper_config(state)), "language": language}
    state_dict = {_rename(name): tensor for name, tensor in state.items() if not _is_dropped(name, language)}
    weights.save_tensors(state_dict, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(config, indent=2), "utf-8")
    _build_tokenizer(path.parent, published, language["vocab_size"]).save_pretrained(folder)
    parameters = sum(tensor.numel() for tensor in state_dict.values())
    card = Card(folder=folder, family=MODEL_TYPE, version="1", max_photos=10, parameters=parameters)
    read_model(card)
    return card


def infer_mapper_config(state: Mapping[str, Tensor]) -> MapperConfig:
    """Infer the mapper's sizes from a published state dict. Raises `UnfitWeights` for an unknown kind of mapper."""
    width = state["gpt.transformer.wte.weight"].shape[1]
    if "clip_project.prefix_const" in state:
        out_features, vector = state["clip_project.linear.weight"].shape
        length = len(state["clip_project.prefix_const"])
        layers = _count_layers(state, r"clip_project\.transformer\.layers\.(\d+)\.norm1\.weight")
        hidden = len(state["clip_project.transformer.layers.0.mlp.fc1.weight"])
        return MapperConfig("transformer", vector, length, width, hidden, out_features // width, layers)
    if "clip_project.model.0.weight" in state:
        hidden, vector = state["clip_project.model.0.weight"].shape
        return MapperConfig("mlp", vector, len(state["clip_project.model.2.weight"]) // width, width, hidden)
    out_features, vector = state["clip_project.weight"].shape
    return MapperConfig("linear", vector, out_features // width, width)


def _infer_language_config(state: Mapping[str, Tensor], published: Mapping[str, Any]) -> dict[str, Any]:
    """Infer the fields of `GPT2Config` from a state dict; `published`: the language model's own, or empty."""
    vocab_size, width = state["gpt.transformer.wte.weight"].shape
    layers = _count_layers(state, r"gpt\.transformer\.h\.(\d+)\.ln_1\.weight")
    return {
        "vocab_size": vocab_size,
        "n_positions": len(state["gpt.transformer.wpe.weight"]),
        "n_embd": width,
        "n_layer": published.get("n_layer", max(layers, LAYERS.get(width, 0))),
        "n_head": published.get("n_head", HEADS.get(width, width // HEAD_WIDTH)),
        "n_inner": state["gpt.transformer.h.0.mlp.c_fc.weight"].shape[1],
        "bos_token_id": None,  # the tokenizer defines it
        "eos_token_id": None,
        "tie_word_embeddings": _is_tied(state),
    }


def _build_tokenizer(folder: Path, published: Mapping[str, Any], vocab_size: int) -> PreTrainedTokenizerBase:
    """Return the tokenizer with the end and padding tokens of the published configuration.

    Raises `ValueError` where the default `<|endoftext|>` is a token for which the model has no embedding.
    """
    ids = {name: published.get(f"{name}_id") for name in ("eos_token", "pad_token")}
    if ids["eos_token"] is not None:
        ids |= dict.fromkeys(("bos_token", "unk_token"), ids["eos_token"])  # unused, but must exist in the vocabulary
    to_token = load_tokenizer(folder, GPT2Tokenizer).convert_ids_to_tokens
    names = {name: to_token(number) for name, number in ids.items() if number is not None}
    return load_tokenizer(folder, GPT2Tokenizer, vocab_size, **names)


def _count_layers(state: Mapping[str, Tensor], pattern: str) -> int:
    return max((1 + int(found[1]) for name in state if (found := re.fullmatch(pattern, name))), default=0)


def _is_tied(state: Mapping[str, Tensor]) -> bool:
    head = state.get("gpt.lm_head.weight")
    return head is None or torch.equal(head, state["gpt.transformer.wte.weight"])


def _is_dropped(name: str, language: Mapping[str, Any]) -> bool:
    is_twice = name == "gpt.lm_head.weight" and language["tie_word_embeddings"]
    return is_twice or _BUFFERS.search(name) is not None


def _rename(name: str) -> str:
    if name.startswith("gpt."):
        return f"language.{name.removeprefix('gpt.')}"
    for old, new in _NAMES:
        name = re.sub(old, new, name)
    return name
