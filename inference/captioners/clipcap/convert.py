"""ClipCap's published `.pt`, a plain state dict: which mapper and how large says nothing but its keys and shapes.

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

from inference.captioners.clipcap.model import MODEL_TYPE, MapperConfig
from inference.checkpoints import weights
from inference.checkpoints.convert import only_file
from inference.checkpoints.registry import Card
from inference.checkpoints.tokenizers import read_tokenizer

HEAD_WIDTH: Final = 64  # of OpenAI's models and of most others
HEADS: Final = {1536: 16}  # width → heads of ruGPT-3 large, which are wider

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
_BUFFERS = re.compile(r"\.attn\.(bias|masked_bias)$")  # the causal mask, which old versions of GPT-2 kept with weights


def convert(source: Path, folder: Path) -> Card:
    """A folder with one `.pt` and the tokenizer of its language model, or the `.pt` itself, → a checkpoint.

    The language model's own `config.json` beside it, where there is one, tells the number of its heads and where a text
    ends; else heads are as wide as those of the published models, and the tokenizer knows its end. Raises what
    `only_file` raises, and `ValueError` for a tokenizer of more words than the model has.
    """
    path = source if source.is_file() else only_file(source, "*.pt")
    state = weights.only_tensors(weights.read_pickle(path))
    beside = path.parent / "config.json"
    own = json.loads(beside.read_text("utf-8")) if beside.is_file() else {}
    language = _infer_language_config(state, own)
    config = {"model_type": MODEL_TYPE, "mapper": asdict(infer_mapper_config(state)), "language": language}
    kept = {_rename(name): tensor for name, tensor in state.items() if not _is_left_out(name, language)}
    weights.save(kept, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(config, indent=2), "utf-8")
    _build_tokenizer(path.parent, own, language["vocab_size"]).save_pretrained(folder)
    parameters = sum(tensor.numel() for tensor in kept.values())
    return Card(folder=folder, family=MODEL_TYPE, version="1", max_photos=10, parameters=parameters)


def infer_mapper_config(state: Mapping[str, Tensor]) -> MapperConfig:
    """The mapper whose tensors stand in a published state dict. Raises `KeyError` for one of no known kind."""
    width = state["gpt.transformer.wte.weight"].shape[1]
    if "clip_project.prefix_const" in state:
        output_ids, vector = state["clip_project.linear.weight"].shape
        length = len(state["clip_project.prefix_const"])
        layers = _count(state, r"clip_project\.transformer\.layers\.(\d+)\.norm1\.weight")
        hidden = len(state["clip_project.transformer.layers.0.mlp.fc1.weight"])
        return MapperConfig("transformer", vector, length, width, hidden, output_ids // width, layers)
    if "clip_project.model.0.weight" in state:
        hidden, vector = state["clip_project.model.0.weight"].shape
        return MapperConfig("mlp", vector, len(state["clip_project.model.2.weight"]) // width, width, hidden)
    output_ids, vector = state["clip_project.weight"].shape
    return MapperConfig("linear", vector, output_ids // width, width)


def _infer_language_config(state: Mapping[str, Tensor], own: Mapping[str, Any]) -> dict[str, Any]:
    """What the state dict tells of its GPT-2, as `GPT2Config` names it; `own`: what its publisher says of it."""
    words, width = state["gpt.transformer.wte.weight"].shape
    return {
        "vocab_size": words,
        "n_positions": len(state["gpt.transformer.wpe.weight"]),
        "n_embd": width,
        "n_layer": _count(state, r"gpt\.transformer\.h\.(\d+)\.ln_1\.weight"),
        "n_head": own.get("n_head", HEADS.get(width, width // HEAD_WIDTH)),
        "n_inner": state["gpt.transformer.h.0.mlp.c_fc.weight"].shape[1],
        "bos_token_id": None,  # the tokenizer tells
        "eos_token_id": None,
        "tie_word_embeddings": _is_tied(state),
    }


def _build_tokenizer(folder: Path, own: Mapping[str, Any], words: int) -> PreTrainedTokenizerBase:
    """The tokenizer of the language model, whose texts end and are padded as its publisher says.

    GPT-2's `<|endoftext|>`, which is taken where he says nothing, may be a word that the model has no row for: then it
    raises `ValueError`.
    """
    ids = {name: own.get(f"{name}_id") for name in ("eos_token", "pad_token")}
    if ids["eos_token"] is not None:
        ids |= dict.fromkeys(("bos_token", "unk_token"), ids["eos_token"])  # nobody reads them
    spelled = read_tokenizer(folder, GPT2Tokenizer).convert_ids_to_tokens
    names = {name: spelled(number) for name, number in ids.items() if number is not None}
    return read_tokenizer(folder, GPT2Tokenizer, words, **names)


def _count(state: Mapping[str, Tensor], pattern: str) -> int:
    return 1 + max(int(found[1]) for name in state if (found := re.fullmatch(pattern, name)))


def _is_tied(state: Mapping[str, Tensor]) -> bool:
    head = state.get("gpt.lm_head.weight")
    return head is None or torch.equal(head, state["gpt.transformer.wte.weight"])


def _is_left_out(name: str, language: Mapping[str, Any]) -> bool:
    is_twice = name == "gpt.lm_head.weight" and language["tie_word_embeddings"]
    return is_twice or _BUFFERS.search(name) is not None


def _rename(name: str) -> str:
    if name.startswith("gpt."):
        return f"language.{name.removeprefix('gpt.')}"
    for old, new in _NAMES:
        name = re.sub(old, new, name)
    return name
