"""OpenFlamingo as it is published: `checkpoint.pt` over a base language model and a CLIP, each in a folder of its own.

    checkpoint.pt    what was trained: perceiver, gated blocks, embeddings
    language/        the base language model's folder of `transformers`, with its tokenizer
    vision/          the CLIP's folder of `transformers`

Its code is mlfoundations/open_flamingo at 655f693. Tensors are written one at a time and none is held twice.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoConfig, PreTrainedModel

from inference.captioners.flamingo import model as flamingo
from inference.captioners.flamingo.model import LANGUAGE, PIXELS, VISION, FlamingoConfig, assemble
from inference.captioners.flamingo.mosaic import QKNormMptForCausalLM
from inference.checkpoints import weights
from inference.checkpoints.registry import Card
from inference.checkpoints.tokenizers import read_tokenizer
from inference.errors import CheckpointError

CHECKPOINT = "checkpoint.pt"
MAX_PHOTOS = 10

_TOKENIZER = ("tokenizer*", "special_tokens_map.json", "added_tokens.json", "vocab*", "merges.txt")
# A gated block is named by the layer that it stands before, or, in the first releases, in a list of its own.
_GATE = re.compile(r"lang_encoder\.(?:.+\.(\d+)\.gated_cross_attn_layer|gated_cross_attn_layers\.(\d+))\.(.+)")
# The same tensors a second time, frozen ones, and what GPT-NeoX can reckon: its causal mask and its rotations.
_DROPPED = re.compile(
    r"vision_encoder\.|lang_encoder\.old_decoder_blocks\.|.+\.attention\.(bias|masked_bias|rotary_emb\.inv_freq)$"
)
# How the code of MPT-1B and that of MPT in `transformers` name the same things.
_MOSAIC = (
    (r"\bln_(1|2|f)\.", r"norm_\1."),
    (r"\.mlp\.mlp_(up|down)\.", r".ffn.\1_proj."),
    (r"\.attn\.Wqkv\.weight$", ".attn.Wqkv.linear.weight"),
    (r"\.attn\.([qk]_ln)\.", r".attn.Wqkv.\1."),
)
# What the MPT of `transformers` computes, whatever its configuration says.
_MPT = {"no_bias": True, "logit_scale": None, "expansion_ratio": 4}
_MPT_ATTENTION = {"alibi": True, "alibi_bias_max": 8, "prefix_lm": False}


def convert(source: Path, folder: Path) -> Card:
    """Read a published OpenFlamingo into `folder`.

    Raises `CheckpointError` for a checkpoint that lacks weights or is of another language model or CLIP.
    """
    language, config = folder / LANGUAGE, _language_config(source / LANGUAGE)
    state = dict(_rename(_unwrap(weights.read_pickle(source / CHECKPOINT))))
    trained = {name.removeprefix(f"{LANGUAGE}."): w for name, w in state.items() if name.startswith(f"{LANGUAGE}.")}
    own = {name: weight for name, weight in state.items() if not name.startswith(f"{LANGUAGE}.")}
    language.mkdir()
    _write_json(language / "config.json", config)
    _convert_vision(source / VISION, folder / VISION)
    between = _between(own)
    with torch.device("meta"):
        model = assemble(
            AutoConfig.from_pretrained(language, local_files_only=True, trust_remote_code=False),
            AutoConfig.from_pretrained(folder / VISION, local_files_only=True, trust_remote_code=False),
            between,
        )
    _check(own, {name: weight.shape for name, weight in flamingo.adapter_state_dict(model).items()})
    speaker = model.language
    tensors = _language_weights(source / LANGUAGE, speaker, trained)
    tokens = _convert_tokenizer(source / LANGUAGE, language)
    config["vocab_size"] = len(tensors[_words(speaker)])
    if config["vocab_size"] < tokens:
        raise CheckpointError("import-weights-missing", file=CHECKPOINT, weights="<image>, <|endofchunk|>")
    _write_json(language / "config.json", config)
    weights.save(tensors, language / flamingo.WEIGHTS)
    flamingo.save_adapter(own, between, folder)
    return Card(folder=folder, family="flamingo", version="1", max_photos=MAX_PHOTOS, parameters=weights.count(folder))


def _unwrap(kept: Mapping[str, Any]) -> Iterator[tuple[str, Tensor]]:
    """The tensors of a file as training saves it or as it was released."""
    for name, tensor in kept.get("model_state_dict", kept).items():
        if isinstance(tensor, Tensor):
            yield name.removeprefix("module."), tensor


def _rename(state: Iterable[tuple[str, Tensor]]) -> Iterator[tuple[str, Tensor]]:
    """By our names: `perceiver.…`, `gated.<layer>.…`, and `language.…` as the language model names it."""
    for name, tensor in state:
        if gate := _GATE.fullmatch(name):
            yield f"gated.{gate[1] or gate[2]}.{gate[3]}", tensor
        elif name.startswith("lang_encoder.") and not _DROPPED.match(name):
            yield f"{LANGUAGE}.{name.removeprefix('lang_encoder.').replace('.decoder_layer.', '.')}", tensor
        elif not _DROPPED.match(name):
            yield name, tensor


def _between(own: Mapping[str, Tensor]) -> FlamingoConfig:
    """The sizes, read from the weights themselves."""
    layers = [int(found[1]) for name in own if (found := re.match(r"perceiver\.layers\.(\d+)\.", name))]
    gates = [int(found[1]) for name in own if (found := re.match(r"gated\.(\d+)\.", name))]
    if not layers or not gates or "perceiver.latents" not in own:
        raise CheckpointError("import-weights-missing", file=CHECKPOINT, weights="perceiver, gated_cross_attn_layer")
    return FlamingoConfig(every=min(gates) + 1, depth=max(layers) + 1, latents=len(own["perceiver.latents"]))


def _check(own: Mapping[str, Tensor], expected: Mapping[str, torch.Size]) -> None:
    """Every weight has its place, and every place its weight."""
    if missing := expected.keys() - own.keys():
        raise CheckpointError("import-weights-missing", file=CHECKPOINT, weights=_few(missing))
    if strange := {name for name, weight in own.items() if expected.get(name) != weight.shape}:
        raise CheckpointError("import-weights-strange", file=CHECKPOINT, weights=_few(strange))


def _language_weights(source: Path, speaker: PreTrainedModel, trained: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The base model's tensors with those that were trained in their places, and as many words everywhere.

    speaker: the model on the device `meta`. What writes words has a row for each that is read: too many are cut off,
    and those of the new tokens, which a file without them cannot tell, are the mean of the others.
    """
    names = dict(speaker.named_parameters(remove_duplicate=False))
    read = _words(speaker)
    tensors = {_today(name, names, speaker): tensor for name, tensor in weights.published(source).items()}
    found = {_today(name, names, speaker): tensor for name, tensor in trained.items()}
    if strange := found.keys() - names.keys():
        raise CheckpointError("import-weights-strange", file=CHECKPOINT, weights=_few(strange))
    if read not in found:
        raise CheckpointError("import-weights-missing", file=CHECKPOINT, weights=read)
    tensors = {name: tensor for name, tensor in (tensors | found).items() if name in names}
    head = speaker.get_output_embeddings()
    for name in [f"{_name(speaker, head)}.{each}" for each, _ in head.named_parameters()]:
        if speaker.config.tie_word_embeddings and name.endswith(".weight"):
            tensors.pop(name, None)
        elif name in tensors:
            tensors[name] = _with_rows(tensors[name], len(tensors[read]))
    return tensors


def _today(name: str, names: Mapping[str, nn.Parameter], speaker: PreTrainedModel) -> str:
    """A published name as the model has it: MPT-1B's and GPT-NeoX's own names, and without the base model's prefix."""
    if isinstance(speaker, QKNormMptForCausalLM):
        for old, new in _MOSAIC:
            name = re.sub(old, new, name)
    others = (f"{speaker.base_model_prefix}.{name}", name.replace("embed_out.", "lm_head."))
    return next((each for each in (name, *others) if each in names), name)


def _words(speaker: PreTrainedModel) -> str:
    """The name of the embedding of words."""
    return f"{_name(speaker, speaker.get_input_embeddings())}.weight"


def _name(model: nn.Module, module: nn.Module) -> str:
    names: Iterator[str] = (name for name, each in model.named_modules() if each is module)
    return next(names)


def _with_rows(weight: Tensor, rows: int) -> Tensor:
    if len(weight) >= rows:
        return weight[:rows]
    mean = weight.mean(0, keepdim=True, dtype=torch.float32).to(weight.dtype)
    return torch.cat((weight, mean.expand(rows - len(weight), *weight.shape[1:])))


def _language_config(folder: Path) -> dict[str, Any]:
    """The language model's configuration, for the code in `transformers`. Raises `ValueError` for what that lacks."""
    config: dict[str, Any] = json.loads((folder / "config.json").read_text("utf-8"))
    if config["model_type"] == "mosaic_gpt":
        kept = ("d_model", "n_heads", "n_layers", "max_seq_len", "vocab_size", "no_bias", "logit_scale", "torch_dtype")
        attention = {"qk_ln": config["attn_qk_ln"], "clip_qkv": config.get("attn_clip_qkv")}
        attention |= {name: config[name] for name in ("alibi", "alibi_bias_max", "prefix_lm", "softmax_scale")}
        config = {name: config[name] for name in kept if name in config} | {"expansion_ratio": config["mlp_ratio"]}
        config |= {"model_type": "mpt", "attn_config": attention}
    if config["model_type"] == "mpt":
        attention = config.get("attn_config") or {}
        asked = {name: (config, value) for name, value in _MPT.items()}
        asked |= {name: (attention, value) for name, value in _MPT_ATTENTION.items()}
        if wrong := [name for name, (table, value) in asked.items() if table.get(name, value) != value]:
            raise ValueError(f"{folder}: an MPT with its own {wrong}")
    return {name: value for name, value in config.items() if name not in ("auto_map", "architectures")}


def _convert_vision(source: Path, folder: Path) -> None:
    """Only the part of the CLIP that sees, under the names that `transformers` gives it."""
    folder.mkdir()
    config = json.loads((source / "config.json").read_text("utf-8"))
    seer = {"model_type": "clip_vision_model"} | config.get("vision_config", config)
    _write_json(folder / "config.json", seer | {"model_type": "clip_vision_model"})
    shutil.copyfile(source / PIXELS, folder / PIXELS)
    tensors = {
        name: tensor
        for name, tensor in weights.published(source).items()
        if name.startswith("vision_model.") and not name.endswith("position_ids")
    }
    weights.save(tensors, folder / flamingo.WEIGHTS)


def _convert_tokenizer(source: Path, folder: Path) -> int:
    """The tokenizer with the tokens that were added before training; returns how many it knows."""
    for pattern in _TOKENIZER:
        for path in source.glob(pattern):
            shutil.copyfile(path, folder / path.name)
    tokenizer = flamingo.add_special_tokens(read_tokenizer(folder))
    tokenizer.save_pretrained(folder)
    return len(tokenizer)


def _write_json(path: Path, table: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(table, indent=2, ensure_ascii=False) + "\n", "utf-8")


def _few(names: Iterable[str]) -> str:
    first, *more = sorted(names)
    return f"{first} … ({len(more) + 1})" if more else first
