"""Convert a published OpenFlamingo: `checkpoint.pt` over a base language model and a CLIP.

    checkpoint.pt    trained weights: perceiver, gated blocks, embeddings
    language/        folder of `transformers` with the base language model and its tokenizer
    vision/          folder of `transformers` with the CLIP

Source: mlfoundations/open_flamingo at 655f693. Tensors are written one at a time, and none is held twice.
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
from inference.checkpoints.card import Card
from inference.checkpoints.tokenizers import load_tokenizer
from inference.errors import CheckpointError

CHECKPOINT = "checkpoint.pt"
MAX_PHOTOS = 10

_TOKENIZER = ("tokenizer*", "special_tokens_map.json", "added_tokens.json", "vocab*", "merges.txt")
# A gated block is named after the layer behind it; the first releases keep the blocks in a list of their own.
_GATE = re.compile(r"lang_encoder\.(?:.+\.(\d+)\.gated_cross_attn_layer|gated_cross_attn_layers\.(\d+))\.(.+)")
# Duplicates, frozen weights, and buffers that GPT-NeoX computes: its causal mask and rotary frequencies.
_DROPPED = re.compile(
    r"vision_encoder\.|lang_encoder\.old_decoder_blocks\.|.+\.attention\.(bias|masked_bias|rotary_emb\.inv_freq)$"
)
# Names of MPT-1B's own code → names of MPT in `transformers`.
_MOSAIC = (
    (r"\bln_(1|2|f)\.", r"norm_\1."),
    (r"\.mlp\.mlp_(up|down)\.", r".ffn.\1_proj."),
    (r"\.attn\.Wqkv\.weight$", ".attn.Wqkv.linear.weight"),
    (r"\.attn\.([qk]_ln)\.", r".attn.Wqkv.\1."),
)
# The MPT of `transformers` ignores these settings and always computes with the values here.
_MPT = {"no_bias": True, "logit_scale": None, "expansion_ratio": 4}
_MPT_ATTENTION = {"alibi": True, "alibi_bias_max": 8, "prefix_lm": False}


def convert(source: Path, folder: Path) -> Card:
    """Convert a published OpenFlamingo into `folder`, and return its card.

    Raises `CheckpointError` or `UnfitWeights` for missing weights and for those of another language model or CLIP.
    """
    language, config = folder / LANGUAGE, _load_language_config(source / LANGUAGE)
    state = dict(_rename(_unwrap(weights.load_pickle(source / CHECKPOINT))))
    trained = {name.removeprefix(f"{LANGUAGE}."): w for name, w in state.items() if name.startswith(f"{LANGUAGE}.")}
    own = {name: weight for name, weight in state.items() if not name.startswith(f"{LANGUAGE}.")}
    language.mkdir()
    _write_json(language / "config.json", config)
    _convert_vision(source / VISION, folder / VISION)
    adapter_config = _infer_config(own)
    with torch.device("meta"):
        model = assemble(
            AutoConfig.from_pretrained(language, local_files_only=True, trust_remote_code=False),
            AutoConfig.from_pretrained(folder / VISION, local_files_only=True, trust_remote_code=False),
            adapter_config,
        )
    _check_weights(own, {name: weight.shape for name, weight in flamingo.adapter_state_dict(model).items()})
    language_model = model.language
    tensors = _merge_language_weights(source / LANGUAGE, language_model, trained)
    tokens = _convert_tokenizer(source / LANGUAGE, language)
    config["vocab_size"] = len(tensors[_embedding_name(language_model)])
    if config["vocab_size"] < tokens:
        raise CheckpointError("import-weights-missing", file=CHECKPOINT, weights="<image>, <|endofchunk|>")
    _write_json(language / "config.json", config)
    weights.save_tensors(tensors, language / flamingo.WEIGHTS)
    flamingo.save_adapter(own, adapter_config, folder)
    flamingo.load(folder, device="meta")
    return Card(
        folder=folder,
        family="flamingo",
        version="1",
        max_photos=MAX_PHOTOS,
        parameters=weights.count_parameters(folder),
    )


def _unwrap(kept: Mapping[str, Any]) -> Iterator[tuple[str, Tensor]]:
    """Yield the tensors of a training checkpoint or of a release."""
    for name, tensor in kept.get("model_state_dict", kept).items():
        if isinstance(tensor, Tensor):
            yield name.removeprefix("module."), tensor


def _rename(state: Iterable[tuple[str, Tensor]]) -> Iterator[tuple[str, Tensor]]:
    """Rename published tensors to `perceiver.…`, `gated.<layer>.…` and `language.…`."""
    for name, tensor in state:
        if gate := _GATE.fullmatch(name):
            yield f"gated.{gate[1] or gate[2]}.{gate[3]}", tensor
        elif name.startswith("lang_encoder.") and not _DROPPED.match(name):
            yield f"{LANGUAGE}.{name.removeprefix('lang_encoder.').replace('.decoder_layer.', '.')}", tensor
        elif not _DROPPED.match(name):
            yield name, tensor


def _infer_config(own: Mapping[str, Tensor]) -> FlamingoConfig:
    """Infer the sizes of perceiver and gated blocks from the weights; the perceiver always has the default depth."""
    layers = [int(match[1]) for name in own if (match := re.match(r"perceiver\.layers\.(\d+)\.", name))]
    gates = [int(match[1]) for name in own if (match := re.match(r"gated\.(\d+)\.", name))]
    if not layers or not gates or "perceiver.latents" not in own:
        raise CheckpointError("import-weights-missing", file=CHECKPOINT, weights="perceiver, gated_cross_attn_layer")
    return FlamingoConfig(every=min(gates) + 1, latents=len(own["perceiver.latents"]))


def _check_weights(own: Mapping[str, Tensor], expected: Mapping[str, torch.Size]) -> None:
    """Raise `CheckpointError` for weights that are missing, unexpected or of another shape."""
    if missing := expected.keys() - own.keys():
        raise CheckpointError("import-weights-missing", file=CHECKPOINT, weights=_summarize(missing))
    if unexpected := {name for name, weight in own.items() if expected.get(name) != weight.shape}:
        raise CheckpointError("import-weights-strange", file=CHECKPOINT, weights=_summarize(unexpected))


def _merge_language_weights(
    source: Path, language_model: PreTrainedModel, trained: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """Return the base model's tensors with the trained ones in their places and equally many rows in both embeddings.

    language_model: on the device `meta`. The output embeddings get a row for each input embedding: surplus rows are
    cut, and missing rows of new tokens are the mean of the existing ones.
    """
    names = dict(language_model.named_parameters(remove_duplicate=False))
    read = _embedding_name(language_model)
    tensors = {
        _map_name(name, names, language_model): tensor for name, tensor in weights.load_published(source).items()
    }
    trained_tensors = {_map_name(name, names, language_model): tensor for name, tensor in trained.items()}
    if unexpected := trained_tensors.keys() - names.keys():
        raise CheckpointError("import-weights-strange", file=CHECKPOINT, weights=_summarize(unexpected))
    if read not in trained_tensors:
        raise CheckpointError("import-weights-missing", file=CHECKPOINT, weights=read)
    tensors = {name: tensor for name, tensor in (tensors | trained_tensors).items() if name in names}
    head = language_model.get_output_embeddings()
    for name in [f"{_module_name(language_model, head)}.{each}" for each, _ in head.named_parameters()]:
        if language_model.config.tie_word_embeddings and name.endswith(".weight"):
            tensors.pop(name, None)
        elif name in tensors:
            tensors[name] = _resize_rows(tensors[name], len(tensors[read]))
    return tensors


def _map_name(name: str, names: Mapping[str, nn.Parameter], language_model: PreTrainedModel) -> str:
    """Map a published weight's name, MPT-1B's or GPT-NeoX's too and with or without prefix, to the model's."""
    if isinstance(language_model, QKNormMptForCausalLM):
        for old, new in _MOSAIC:
            name = re.sub(old, new, name)
    candidates = (f"{language_model.base_model_prefix}.{name}", name.replace("embed_out.", "lm_head."))
    return next((each for each in (name, *candidates) if each in names), name)


def _embedding_name(language_model: PreTrainedModel) -> str:
    """Return the name of the input embeddings' weight."""
    return f"{_module_name(language_model, language_model.get_input_embeddings())}.weight"


def _module_name(model: nn.Module, module: nn.Module) -> str:
    names: Iterator[str] = (name for name, each in model.named_modules() if each is module)
    return next(names)


def _resize_rows(weight: Tensor, rows: int) -> Tensor:
    if len(weight) >= rows:
        return weight[:rows]
    mean = weight.mean(0, keepdim=True, dtype=torch.float32).to(weight.dtype)
    return torch.cat((weight, mean.expand(rows - len(weight), *weight.shape[1:])))


def _load_language_config(folder: Path) -> dict[str, Any]:
    """Return the configuration of the language model for `transformers`. Raises `ValueError` for unsupported MPTs."""
    config: dict[str, Any] = json.loads((folder / "config.json").read_text("utf-8"))
    if config["model_type"] == "mosaic_gpt":
        kept = ("d_model", "n_heads", "n_layers", "max_seq_len", "vocab_size", "no_bias", "logit_scale", "torch_dtype")
        attention = {"qk_ln": config["attn_qk_ln"], "clip_qkv": config.get("attn_clip_qkv")}
        attention |= {name: config[name] for name in ("alibi", "alibi_bias_max", "prefix_lm", "softmax_scale")}
        config = {name: config[name] for name in kept if name in config} | {"expansion_ratio": config["mlp_ratio"]}
        config |= {"model_type": "mpt", "attn_config": attention}
    if config["model_type"] == "mpt":
        attention = config.get("attn_config") or {}
        constraints = {name: (config, value) for name, value in _MPT.items()}
        constraints |= {name: (attention, value) for name, value in _MPT_ATTENTION.items()}
        if wrong := [name for name, (table, value) in constraints.items() if table.get(name, value) != value]:
            raise ValueError(f"{folder}: an MPT with its own {wrong}")
    return {name: value for name, value in config.items() if name not in ("auto_map", "architectures")}


def _convert_vision(source: Path, folder: Path) -> None:
    """Save the CLIP's vision model alone, under its names in `transformers`."""
    folder.mkdir()
    config = json.loads((source / "config.json").read_text("utf-8"))
    vision_config = {"model_type": "clip_vision_model"} | config.get("vision_config", config)
    _write_json(folder / "config.json", vision_config | {"model_type": "clip_vision_model"})
    shutil.copyfile(source / PIXELS, folder / PIXELS)
    tensors = {
        name: tensor
        for name, tensor in weights.load_published(source).items()
        if name.startswith("vision_model.") and not name.endswith("position_ids")
    }
    weights.save_tensors(tensors, folder / flamingo.WEIGHTS)


def _convert_tokenizer(source: Path, folder: Path) -> int:
    """Save the tokenizer with OpenFlamingo's special tokens, and return its number of tokens."""
    for pattern in _TOKENIZER:
        for path in source.glob(pattern):
            shutil.copyfile(path, folder / path.name)
    tokenizer = flamingo.add_special_tokens(load_tokenizer(folder))
    tokenizer.save_pretrained(folder)
    return len(tokenizer)


def _write_json(path: Path, table: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(table, indent=2, ensure_ascii=False) + "\n", "utf-8")


def _summarize(names: Iterable[str]) -> str:
    first, *more = sorted(names)
    return f"{first} … ({len(more) + 1})" if more else first
