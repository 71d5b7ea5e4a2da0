"""Small published sources of every format, and ways in which their weights may be incomplete."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast, ViTConfig, ViTForImageClassification

from inference.captioners.prefix.format import END
from tests.support.models import (
    blip2,
    clipcap,
    dual_encoders,
    encoder_decoder,
    flamingo,
    originals,
    rudolph,
    tiny,
    vision_language,
)

State = dict[str, Any]
Change = Callable[[State, str], Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Source:
    """A published source.

    file: with weights; tensor: the end of the name of one in it that the model needs.
    """

    format: str
    save: Callable[[Path], object]
    file: str
    tensor: str


def save_soft_prompt(folder: Path) -> None:
    """Save the two parts of a soft prompt, a ViT with a classifier and a GPT-2."""
    torch.manual_seed(0)
    sizes: dict[str, Any] = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2}
    vision = ViTForImageClassification(ViTConfig(image_size=24, patch_size=4, num_attention_heads=2, **sizes))
    vision.save_pretrained(folder / "vision")
    rule = {"do_resize": True, "do_normalize": True, "size": 24, "image_mean": [0.5] * 3, "image_std": [0.5] * 3}
    (folder / "vision" / "preprocessor_config.json").write_text(json.dumps(rule), "utf-8")
    words = tiny.writing_tokenizer()
    config = GPT2Config(vocab_size=words.get_vocab_size(), n_positions=400, n_embd=32, n_layer=2, n_head=2)
    GPT2LMHeadModel(config).save_pretrained(folder / "language")
    PreTrainedTokenizerFast(tokenizer_object=words, eos_token=END).save_pretrained(folder / "language")


def save_swap(folder: Path) -> None:
    """Save a BLIP-2 and another language model for it."""
    blip2.save_published("opt", folder / "blip2")
    blip2.save_language_of("mt5", folder / "language")


SOURCES = {
    "chat-vlm": Source("chat-vlm", vision_language.save_internvl, "model.safetensors", "layers.1.mlp.up_proj.weight"),
    "encoder-decoder": Source(
        "encoder-decoder",
        encoder_decoder.save_published,
        "pytorch_model.bin",
        "decoder.transformer.h.1.mlp.c_fc.weight",
    ),
    "blip2": Source(
        "blip2", lambda folder: blip2.save_published("opt", folder), "pytorch_model.bin", "layers.1.fc1.weight"
    ),
    "blip2-mt5": Source(
        "blip2", lambda folder: blip2.save_published("mt5", folder), "pytorch_model.bin", "qformer.layernorm.weight"
    ),
    "clipcap": Source(
        "clipcap",
        lambda folder: clipcap.save(folder, "mlp"),
        "coco_prefix_latest.pt",
        "gpt.transformer.h.1.mlp.c_fc.weight",
    ),
    "clipcap-transformer": Source(
        "clipcap",
        lambda folder: clipcap.save(folder, "transformer"),
        "coco_prefix_latest.pt",
        "clip_project.transformer.layers.3.mlp.fc1.weight",
    ),
    "flamingo": Source(
        "flamingo", lambda folder: flamingo.save_published("gpt-neox", folder), "checkpoint.pt", "perceiver.norm.weight"
    ),
    "flamingo-language": Source(
        "flamingo",
        lambda folder: flamingo.save_published("gpt-neox", folder),
        "language/pytorch_model.bin",
        "layers.0.mlp.dense_h_to_4h.weight",
    ),
    "flamingo-vision": Source(
        "flamingo",
        lambda folder: flamingo.save_published("gpt-neox", folder),
        "vision/pytorch_model.bin",
        "layers.1.mlp.fc1.weight",
    ),
    "rudolph": Source("rudolph", rudolph.save, "pytorch_model.bin", "transformer.layers.3.mlp.dense_h_to_4h.bias"),
    "rudolph-images": Source(
        "rudolph", rudolph.save, "vqgan.gumbelf8-sber.model.ckpt", "encoder.mid.block_1.conv1.weight"
    ),
    "soft-prompt-vision": Source(
        "soft-prompt", save_soft_prompt, "vision/model.safetensors", "layer.1.intermediate.dense.weight"
    ),
    "soft-prompt": Source("soft-prompt", save_soft_prompt, "language/model.safetensors", "h.1.mlp.c_fc.weight"),
    "ruclip": Source(
        "ruclip", dual_encoders.save_ruclip, "pytorch_model.bin", "visual.transformer.resblocks.1.mlp.c_fc.weight"
    ),
    "openai-clip": Source(
        "openai-clip", dual_encoders.save_openai, "ViT-B-32.pt", "transformer.resblocks.1.mlp.c_fc.weight"
    ),
    "detoxify": Source("detoxify", originals.save_detoxify, "multilingual.ckpt", "classifier.dense.weight"),
    "rubert-toxicity": Source(
        "rubert-toxicity", originals.save_rubert, "pytorch_model.bin", "bert.embeddings.word_embeddings.weight"
    ),
}


def change_tensors(path: Path, tensor: str, change: Change) -> None:
    """Replace the tensors of a file by what `change` makes of them; it gets the whole name of the one that ends so."""
    if path.suffix == ".safetensors":
        state: State = load_file(path)
        save_file(dict(change(state, _find(state, tensor))), path, metadata={"format": "pt"})
        return
    kept = torch.load(path, weights_only=True)
    state = kept.get("state_dict", kept)
    changed = change(state, _find(state, tensor))
    torch.save(kept | {"state_dict": changed} if "state_dict" in kept else changed, path)


def drop(state: State, tensor: str) -> State:
    """Leave out one tensor."""
    return {name: each for name, each in state.items() if name != tensor}


def rename(state: State, tensor: str) -> State:
    """Rename all tensors with the first part of the name in common."""
    prefix = tensor.partition(".")[0] + "."
    return {
        (f"odd.{name.removeprefix(prefix)}" if name.startswith(prefix) else name): each for name, each in state.items()
    }


def narrow(state: State, tensor: str) -> State:
    """Cut one tensor to fewer rows."""
    return state | {tensor: state[tensor][:3].clone()}


def spoil(state: State, tensor: str) -> State:
    """Put a NaN into one tensor."""
    spoilt: Tensor = state[tensor].clone()
    spoilt.view(-1)[1] = torch.nan
    return state | {tensor: spoilt}


CHANGES: dict[str, Change] = {"missing": drop, "renamed": rename, "misshapen": narrow, "nan": spoil}


def cut(path: Path) -> None:
    """Cut off a third of a file."""
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])


def flip(path: Path) -> None:
    """Change one bit in the middle of a file."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 16
    path.write_bytes(bytes(data))


FILE_DAMAGES: dict[str, Callable[[Path], None]] = {"cut": cut, "flipped": flip, "gone": Path.unlink}


def save_shards(folder: Path, *, pickles: bool) -> str:
    """Save the weights of a `transformers` folder again as two shards with an index; return the second's name."""
    state = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    stem, suffix = ("pytorch_model", "bin") if pickles else ("model", "safetensors")
    names, table = sorted(state), dict[str, str]()
    for number, part in enumerate((names[::2], names[1::2]), 1):
        shard = f"{stem}-0000{number}-of-00002.{suffix}"
        tensors = {name: state[name] for name in part}
        torch.save(tensors, folder / shard) if pickles else save_file(
            tensors, folder / shard, metadata={"format": "pt"}
        )
        table |= dict.fromkeys(part, shard)
    (folder / f"{stem}.{suffix}.index.json").write_text(json.dumps({"metadata": {}, "weight_map": table}))
    return shard


def _find(state: State, tensor: str) -> str:
    return next(name for name in state if name.endswith(tensor))
