"""Convert published `VisionEncoderDecoderModel` folders of a ViT and a GPT-2, of any version of `transformers`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

from torch import Tensor

from inference.captioners.encoder_decoder.model import load
from inference.checkpoints import weights
from inference.checkpoints.adapters import convert_adapters
from inference.checkpoints.card import Card
from inference.checkpoints.tokenizers import load_tokenizer

FAMILY = "encoder-decoder"

_HEAD, _EMBEDDINGS = "decoder.lm_head.weight", "decoder.transformer.wte.weight"
# Causal masks, which old versions saved with the weights: 200 million numbers in ViT + ruGPT3large.
_CAUSAL_MASKS = re.compile(r"\.(attn|crossattention)\.(bias|masked_bias)$")


def convert(source: Path, folder: Path) -> Card:
    """Convert a published folder, and return its card.

    source: `config.json`, `pytorch_model*.bin` or safetensors, a tokenizer and `preprocessor_config.json`. Its
    subfolders with LoRA adapters become the card's adapters. The card's defaults are those of the published
    captioners: one photo, four beams, 16 tokens including the start token. Raises `ValueError` for another
    architecture, `UnfitWeights` for incomplete weights.
    """
    config = json.loads((source / "config.json").read_text("utf-8"))
    if config["model_type"] != "vision-encoder-decoder" or config["decoder"]["model_type"] != "gpt2":
        raise ValueError(f"{source}: no vision encoder with a GPT-2")
    state_dict = dict(_select_weights(weights.load_published(source)))
    weights.save_tensors(state_dict, folder / "model.safetensors")
    for name in ("config.json", "generation_config.json", "preprocessor_config.json"):
        if name != "generation_config.json" or (source / name).is_file():
            (folder / name).write_bytes((source / name).read_bytes())
    load_tokenizer(source).save_pretrained(folder)
    load(folder, "auto", "meta")
    return Card(
        folder=folder,
        family=FAMILY,
        version="1",
        max_photos=1,
        parameters=sum(weight.numel() for weight in state_dict.values()),
        generation={"num_beams": 4, "max_new_tokens": 15, "no_repeat_ngram_size": 0},
        adapters=convert_adapters(source, folder),
    )


def _select_weights(published: dict[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
    """Yield the weights without causal masks and without a head that equals the token embeddings."""
    for name, weight in published.items():
        is_twin = name == _HEAD and _EMBEDDINGS in published and weight.equal(published[_EMBEDDINGS])
        if not is_twin and not _CAUSAL_MASKS.search(name):
            yield name, weight
