"""Convert published BLIP-2 folders, and combine a BLIP-2 with another language model.

Weights are copied one shard at a time, so that no model has to fit into memory, and keep their published names.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, cast

import torch
from safetensors import safe_open
from torch import Tensor
from transformers import Blip2Config, PreTrainedTokenizerBase

from inference.captioners.blip2.model import HEAD, LANGUAGE, PROJECTION, infer_embedding_width, is_head_needed, load
from inference.checkpoints import weights
from inference.checkpoints.adapters import convert_adapters
from inference.checkpoints.card import Card
from inference.checkpoints.convert import find_single_file, link_or_copy
from inference.checkpoints.tokenizers import load_tokenizer

SEED: Final = 0  # of an untrained projection: conversion stays reproducible
MAX_PHOTOS: Final = 10

_CONFIG, _PIXELS, _ADAPTER = "config.json", "preprocessor_config.json", "adapter"
_LIGHTNING: Final = "model.model."  # prefix of the names in the checkpoints of mBLIP's training
_UNTRAINED: Final = {
    "ru": f"Проекция в языковую модель случайна (seed {SEED}): без дообучения тексты бессмысленны",
    "en": f"The projection into the language model is random (seed {SEED}): without training the texts make no sense",
}

Rename = Callable[[str], str | None]


def convert(source: Path, folder: Path) -> Card:
    """Convert a folder of `Blip2ForConditionalGeneration` as `transformers` publishes it, and return its card.

    Accepts safetensors or `pytorch_model*.bin`, in one file or in shards, configurations with and without
    `image_token_index`, and tokenizers of any age, which are saved as `tokenizer.json`.
    """
    tokenizer = load_tokenizer(source)
    tokenizer.save_pretrained(folder)
    for name in (_CONFIG, _PIXELS):
        link_or_copy(source / name, folder / name)
    _convert_shards(source, folder, "model", lambda name: name)
    return _build_card(folder, generation=_find_stop_string(_read_json(source / _CONFIG)["text_config"], tokenizer))


def convert_swap(source: Path, folder: Path) -> Card:
    """Combine a BLIP-2 with another language model as "mBLIP" (Geigle et al., 2023) does, and return its card.

    `blip2/`: a published BLIP-2, whose language model is dropped. `language/`: a language model of `transformers` with
    its tokenizer. Optional: `tuned/`, a state dict (or Lightning checkpoint) as mBLIP's training writes it, whose
    weights replace those of the BLIP-2; `adapter/`, a LoRA adapter of the language model. A projection that does not
    fit the language model is initialized at random, which the card's summary states.
    """
    language = _read_language_config(source / "language")
    config = _read_json(source / "blip2" / _CONFIG) | {"text_config": language, "image_token_index": None}
    (folder / _CONFIG).write_text(json.dumps(config, indent=2) + "\n", "utf-8")
    link_or_copy(source / "blip2" / _PIXELS, folder / _PIXELS)
    load_tokenizer(source / "language").save_pretrained(folder)
    tuned = _load_tuned_weights(source / "tuned")
    fits = _projection_width(tuned, source / "blip2") == infer_embedding_width(language)
    if not fits:
        tuned |= _init_projection(config)
    weights.save_tensors(tuned, folder / "instead.safetensors")
    _convert_shards(
        source / "blip2", folder, "blip2", lambda name: None if name.startswith(LANGUAGE) or name in tuned else name
    )
    _convert_shards(source / "language", folder, "language", lambda name: LANGUAGE + name)
    return _build_card(folder, adapters=convert_adapters(source, folder), summary={} if fits else _UNTRAINED)


def _build_card(folder: Path, **more: Any) -> Card:
    """Return the card of a converted folder. Raises `UnfitWeights` unless its weights are exactly the model's."""
    load(folder, "auto", "meta")
    parameters = weights.count_parameters(folder)
    return Card(folder=folder, family="blip2", version="1", max_photos=MAX_PHOTOS, parameters=parameters, **more)


def _read_json(path: Path) -> dict[str, Any]:
    return cast("dict[str, Any]", json.loads(path.read_text("utf-8")))


def _read_language_config(source: Path) -> dict[str, Any]:
    """Return a language model's configuration with its start tokens, which newer folders store separately."""
    config, apart = _read_json(source / _CONFIG), source / "generation_config.json"
    ids = _read_json(apart) if apart.is_file() else {}
    return config | {name: ids[name] for name in ("decoder_start_token_id", "forced_bos_token_id") if name in ids}


def _find_stop_string(language: Mapping[str, Any], tokenizer: PreTrainedTokenizerBase) -> dict[str, object]:
    """Return the generation setting `stop` where a text ends with a token that the tokenizer does not treat as its end.

    BLIP-2 on OPT ends its texts with a line break.
    """
    end = language.get("eos_token_id")
    if end in (None, tokenizer.eos_token_id):
        return {}
    spelled = str(tokenizer.decode([end]))
    return {} if spelled.strip() else {"stop": spelled}


def _convert_shards(source: Path, folder: Path, name: str, rename: Rename) -> None:
    """Save each weights file as `<name>-<number>.safetensors`, without the tensors for which `rename` returns None."""
    config = _read_json(source / _CONFIG)
    is_untied = is_head_needed(config.get("text_config", config))
    for number, tensors in enumerate(_iterate_shards(source), 1):
        heads = {old: tensor for old, tensor in tensors.items() if is_untied and old.endswith(HEAD)}
        once = weights.drop_tied(tensors) | heads
        kept = {new: tensor for old, tensor in once.items() if (new := rename(old)) is not None}
        if kept:
            weights.save_tensors(kept, folder / f"{name}-{number}.safetensors")


def _iterate_shards(source: Path) -> Iterator[dict[str, Tensor]]:
    """Yield the tensors of each weights file, loaded lazily from safetensors.

    Files that an index does not name are skipped: they belong to another version (mBLIP's folder holds two).
    """
    for path in weights.list_published(source):
        if path.suffix == ".bin":
            yield cast("dict[str, Tensor]", weights.load_pickle(path))
            continue
        with safe_open(path, "pt") as file:
            yield {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118


def _load_tuned_weights(source: Path) -> dict[str, Tensor]:
    """Load separately trained weights under BLIP-2's names; an empty dict without such a folder.

    Raises `ValueError` for weights of the language model, which belong into an adapter's folder, and `CheckpointError`
    for several files.
    """
    if not source.is_dir():
        return {}
    state = weights.load_pickle(find_single_file(source, "*.ckpt", "*.pt", "*.bin"))
    state = cast("dict[str, object]", state.get("state_dict", state))
    tensors = {name.removeprefix(_LIGHTNING): each for name, each in weights.filter_tensors(state).items()}
    if any(name.startswith(LANGUAGE) for name in tensors):
        raise ValueError(f"{source}: holds weights of the language model, which belong into language/ or {_ADAPTER}/")
    return tensors


def _projection_width(tuned: Mapping[str, Tensor], source: Path) -> int:
    """Return the output width of the projection, 0 without one."""
    name = f"{PROJECTION}weight"
    return next((len(shard[name]) for shard in (tuned, *_iterate_shards(source)) if name in shard), 0)


def _init_projection(config: Mapping[str, Any]) -> dict[str, Tensor]:
    parts: Any = Blip2Config.from_dict(dict(config))
    shape = infer_embedding_width(config["text_config"]), parts.qformer_config.hidden_size
    weight = torch.randn(shape, generator=torch.Generator().manual_seed(SEED)) * parts.initializer_range
    return {f"{PROJECTION}weight": weight, f"{PROJECTION}bias": torch.zeros(shape[0])}
