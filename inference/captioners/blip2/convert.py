"""Published BLIP-2 folders taken over, and new ones joined of a BLIP-2 and another language model.

Weights go from file to file one shard at a time, under the names that their publishers gave them.
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

from inference.captioners.blip2.model import LANGUAGE, PROJECTION, read_embedding_width
from inference.checkpoints import weights
from inference.checkpoints.adapters import convert_adapters
from inference.checkpoints.convert import link
from inference.checkpoints.registry import Card
from inference.checkpoints.tokenizers import read_tokenizer

SEED: Final = 0  # of a projection that no training has seen
MAX_PHOTOS: Final = 10

_CONFIG, _PIXELS, _ADAPTER = "config.json", "preprocessor_config.json", "adapter"
_LIGHTNING: Final = "model.model."  # before the names in a checkpoint that mBLIP's training wrote
_UNTRAINED: Final = {
    "ru": f"Проекция в языковую модель случайна (seed {SEED}): без дообучения тексты бессмысленны",
    "en": f"The projection into the language model is random (seed {SEED}): without training the texts make no sense",
}

Rename = Callable[[str], str | None]


def convert(source: Path, folder: Path) -> Card:
    """A folder as `transformers` publishes BLIP-2 (`Blip2ForConditionalGeneration`) → a checkpoint.

    Safetensors or `pytorch_model*.bin`, one file or shards; configurations with and without `image_token_index`;
    tokenizers of any age, which are written out as `tokenizer.json`.
    """
    tokenizer = read_tokenizer(source)
    tokenizer.save_pretrained(folder)
    for name in (_CONFIG, _PIXELS):
        link(source / name, folder / name)
    _convert_shards(source, folder, "model", lambda name: name)
    return _build_card(folder, generation=_find_stop_string(_read_json(source / _CONFIG)["text_config"], tokenizer))


def convert_swap(source: Path, folder: Path) -> Card:
    """A BLIP-2 and another language model → a checkpoint, as "mBLIP" (Geigle et al., 2023) joins them.

    `blip2/`: a published BLIP-2, whose language model is left out; `language/`: a language model of `transformers` with
    its tokenizer; and where there is one, `tuned/`: a state dict, a Lightning checkpoint's too, whose weights take the
    place of the BLIP-2's, as mBLIP's training writes it; `adapter/`: a LoRA adapter of the language model.
    A projection that does not fit the language model is drawn anew, and the card says so.
    """
    language = _read_language_config(source / "language")
    config = _read_json(source / "blip2" / _CONFIG) | {"text_config": language, "image_token_index": None}
    (folder / _CONFIG).write_text(json.dumps(config, indent=2) + "\n", "utf-8")
    link(source / "blip2" / _PIXELS, folder / _PIXELS)
    read_tokenizer(source / "language").save_pretrained(folder)
    instead = _load_tuned_weights(source / "tuned")
    fits = _projection_width(instead, source / "blip2") == read_embedding_width(language)
    if not fits:
        instead |= _init_projection(config)
    weights.save(instead, folder / "instead.safetensors")
    _convert_shards(
        source / "blip2", folder, "blip2", lambda name: None if name.startswith(LANGUAGE) or name in instead else name
    )
    _convert_shards(source / "language", folder, "language", lambda name: LANGUAGE + name)
    return _build_card(folder, adapters=convert_adapters(source, folder), summary={} if fits else _UNTRAINED)


def _build_card(folder: Path, **more: Any) -> Card:
    parameters = weights.count(folder)
    return Card(folder=folder, family="blip2", version="1", max_photos=MAX_PHOTOS, parameters=parameters, **more)


def _read_json(path: Path) -> dict[str, Any]:
    return cast("dict[str, Any]", json.loads(path.read_text("utf-8")))


def _read_language_config(source: Path) -> dict[str, Any]:
    """The configuration of a language model, with the ids of its first tokens, which newer folders keep apart."""
    config, apart = _read_json(source / _CONFIG), source / "generation_config.json"
    ids = _read_json(apart) if apart.is_file() else {}
    return config | {name: ids[name] for name in ("decoder_start_token_id", "forced_bos_token_id") if name in ids}


def _find_stop_string(language: Mapping[str, Any], tokenizer: PreTrainedTokenizerBase) -> dict[str, object]:
    """BLIP-2 on OPT ends its texts with a line break, which its tokenizer does not know for an end."""
    end = language.get("eos_token_id")
    if end in (None, tokenizer.eos_token_id):
        return {}
    spelled = str(tokenizer.decode([end]))
    return {} if spelled.strip() else {"stop": spelled}


def _convert_shards(source: Path, folder: Path, name: str, rename: Rename) -> None:
    """Write every file of weights out as safetensors: `<name>-1`, `<name>-2` …, without the tensors renamed to None."""
    for number, tensors in enumerate(_iterate_shards(source), 1):
        kept = {new: tensor for old, tensor in weights.once(tensors).items() if (new := rename(old)) is not None}
        if kept:
            weights.save(kept, folder / f"{name}-{number}.safetensors")


def _iterate_shards(source: Path) -> Iterator[dict[str, Tensor]]:
    """The tensors of each file of weights; they stay in the file until they are used.

    Where there is an index, files that it does not name are of another version (mBLIP's folder holds two).
    """
    paths = sorted(source.glob("*.safetensors")) or sorted(source.glob("pytorch_model*.bin"))
    if not paths:
        raise FileNotFoundError(source / "model.safetensors")
    suffix = ".safetensors" if paths[0].suffix == ".safetensors" else ".bin"
    indices = [path for path in source.glob("*.index.json") if path.name.endswith(f"{suffix}.index.json")]
    named = {name for path in indices for name in _read_json(path)["weight_map"].values()}
    for path in (path for path in paths if not named or path.name in named):
        if path.suffix == ".bin":
            yield cast("dict[str, Tensor]", weights.read_pickle(path))
            continue
        with safe_open(path, "pt") as file:
            yield {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118


def _load_tuned_weights(source: Path) -> dict[str, Tensor]:
    """What was trained apart, under BLIP-2's names; nothing where there is no such folder.

    Raises `ValueError` for LoRA weights among them: those belong into an adapter's folder.
    """
    paths = [path for suffix in ("ckpt", "pt", "bin") for path in sorted(source.glob(f"*.{suffix}"))]
    tensors: dict[str, Tensor] = {}
    for path in paths:
        state = weights.read_pickle(path)
        state = cast("dict[str, object]", state.get("state_dict", state))
        tensors |= {name.removeprefix(_LIGHTNING): each for name, each in weights.only_tensors(state).items()}
    if any(name.startswith(LANGUAGE) for name in tensors):
        raise ValueError(f"{source}: holds weights of the language model, which belong into language/ or {_ADAPTER}/")
    return tensors


def _projection_width(instead: Mapping[str, Tensor], source: Path) -> int:
    """The width of the embeddings that the projection writes, 0 without one."""
    name = f"{PROJECTION}weight"
    return next((len(shard[name]) for shard in (instead, *_iterate_shards(source)) if name in shard), 0)


def _init_projection(config: Mapping[str, Any]) -> dict[str, Tensor]:
    parts: Any = Blip2Config.from_dict(dict(config))
    shape = read_embedding_width(config["text_config"]), parts.qformer_config.hidden_size
    drawn = torch.randn(shape, generator=torch.Generator().manual_seed(SEED)) * parts.initializer_range
    return {f"{PROJECTION}weight": drawn, f"{PROJECTION}bias": torch.zeros(shape[0])}
