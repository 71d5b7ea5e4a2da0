"""Tiny BLIP-2s in the layout of public folders, with reproducible weights, and tiny language models."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any, Final

import torch
from safetensors.torch import load_file
from torch import Tensor
from transformers import (
    BartConfig,
    BartForConditionalGeneration,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    T5Config,
    T5ForConditionalGeneration,
)

from inference.captioners.base import Prompt
from tests.support.models import hashed, languages, tiny

RECORDED: Final = Path(__file__).parents[1] / "recorded" / "blip2"
WORDS: Final = 300
# What the recorded texts were written of.
TEXTS: Final = ("Куртка синяя:", "Платье в горошек,")
PHOTOS: Final = ((64, 48), (300, 200), (1500, 1000))


def state(name: str, salt: str = "") -> dict[str, Tensor]:
    """Return the weights of a recorded layout under their published names; tied names share one tensor."""
    layout: dict[str, Any] = json.loads((RECORDED / name / "layout.json").read_text("utf-8"))
    made: dict[str, Tensor] = {}
    for key, entry in layout.items():
        if isinstance(entry, str):
            made[key] = made[entry]
        else:
            shape, scale, shift = entry
            made[key] = hashed.numbers(salt + key, tuple(shape)) * scale + shift
    return made


def save_published(name: str, folder: Path, salt: str = "") -> Path:
    """Save a folder as transformers 4.46 did: `config.json`, `pytorch_model.bin`, an old tokenizer, the pixels."""
    shutil.copytree(RECORDED / name, folder, ignore=shutil.ignore_patterns("layout.json", "answers.safetensors"))
    torch.save(state(name, salt), folder / "pytorch_model.bin")
    return folder


def save_language_of(name: str, folder: Path) -> Path:
    """Save the language model of a recorded BLIP-2 as its own publisher would have."""
    ignored = shutil.ignore_patterns("layout.json", "answers.safetensors", "preprocessor_config.json")
    shutil.copytree(RECORDED / name, folder, ignore=ignored)
    config = json.loads((folder / "config.json").read_text("utf-8"))["text_config"]
    (folder / "config.json").write_text(json.dumps(config), "utf-8")
    kept = {key: tensor for key, tensor in state(name).items() if key.startswith("language_model.")}
    torch.save({key.removeprefix("language_model."): each for key, each in kept.items()}, folder / "pytorch_model.bin")
    return folder


def answers(name: str) -> dict[str, Tensor]:
    """Load the recorded outputs of the published code for a layout."""
    return load_file(RECORDED / name / "answers.safetensors")


def photo_prompt(text: str, *photos: int) -> Prompt:
    """Build a prompt of this text and of drawn photos, in which digits are allowed."""
    images = tuple(tiny.picture(number, PHOTOS[number]) for number in photos)
    return Prompt(images, None, text, "<SINGLE>", frozenset({"<PRICE_2>"}))  # type: ignore[arg-type]


def save_language(kind: str, folder: Path) -> Path:
    """Save a tiny language model and its tokenizer: `gpt2` as ruGPT, `t5` as ruT5 (tied), `bart` as RuBART, `llama`."""
    model = _language(kind)
    torch.manual_seed(0)
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(torch.randn_like(weight) * (0.8 if kind == "bart" else 0.3))
    model.save_pretrained(folder)
    _tokenizer().save_pretrained(folder)
    return folder


def _language(kind: str) -> PreTrainedModel:
    ids: dict[str, Any] = {"vocab_size": WORDS, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
    sizes: dict[str, Any]
    if kind == "gpt2":
        return languages.gpt2(WORDS, n_embd=24)
    if kind == "t5":
        del ids["bos_token_id"]
        sizes = {"d_model": 32, "d_kv": 8, "d_ff": 48, "num_layers": 2, "num_heads": 4, "decoder_start_token_id": 0}
        return T5ForConditionalGeneration(T5Config(**ids, **sizes))
    if kind == "bart":
        sizes = {"d_model": 24, "max_position_embeddings": 512, "scale_embedding": True, "decoder_start_token_id": 2}
        sizes |= {"encoder_layers": 2, "encoder_ffn_dim": 48, "encoder_attention_heads": 2}
        sizes |= {"decoder_layers": 2, "decoder_ffn_dim": 48, "decoder_attention_heads": 2}
        return BartForConditionalGeneration(BartConfig(**ids, **sizes))
    sizes = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4}
    return LlamaForCausalLM(LlamaConfig(max_position_embeddings=512, **ids, **sizes))


def _tokenizer() -> PreTrainedTokenizerBase:
    return languages.byte_level_tokenizer(WORDS)
