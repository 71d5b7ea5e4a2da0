"""Convert published toxicity classifiers to checkpoints.

Only tensors and plain values are unpickled (`weights_only`). Conversion works offline: configuration and tokenizer are
read from the source folder.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor
from transformers import (
    AutoConfig,
    AutoModelForSequenceClassification,
    PretrainedConfig,
    PreTrainedModel,
)

from inference.checkpoints import weights
from inference.checkpoints.card import Card
from inference.checkpoints.convert import find_single_file
from inference.checkpoints.tokenizers import load_tokenizer
from inference.moderation.texts import FAMILY

MAX_TOKENS = 512  # context length of the published classifiers


def convert_detoxify(source: Path, folder: Path) -> Card:
    """Convert a folder with one Lightning `.ckpt` of detoxify, and `config.json` and tokenizer of its base model."""
    checkpoint = cast(dict[str, Any], weights.load_pickle(find_single_file(source, "*.ckpt")))
    source = source.parent if source.is_file() else source
    config = AutoConfig.from_pretrained(source, local_files_only=True, trust_remote_code=False)
    labels = checkpoint["config"]["dataset"]["args"]["classes"]
    config.id2label, config.label2id = dict(enumerate(labels)), {label: index for index, label in enumerate(labels)}
    state = weights.filter_tensors(checkpoint["state_dict"])
    return _save_checkpoint(source, folder, config, state, "largest", "detoxify")


def convert_rubert(source: Path, folder: Path) -> Card:
    """Convert a folder of `cointegrated/rubert-tiny-toxicity` as it is published."""
    config = AutoConfig.from_pretrained(source, local_files_only=True, trust_remote_code=False)
    name = "cointegrated/rubert-tiny-toxicity"
    return _save_checkpoint(source, folder, config, weights.load_published(source), "not-harmless", name)


def build(config: Mapping[str, Any]) -> PreTrainedModel:
    """Build the classifier of a published `config.json` with random weights."""
    model: PreTrainedModel = AutoModelForSequenceClassification.from_config(
        AutoConfig.for_model(**config), trust_remote_code=False
    )
    return model


def _select_weights(config: PretrainedConfig, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the weights of a classifier, its outputs cut to the labels of the config.

    detoxify trains more outputs than it has labels; the labels come first. Raises `UnfitWeights` for missing weights
    and for shapes that do not fit.
    """
    with torch.device("meta"):
        model = AutoModelForSequenceClassification.from_config(config, trust_remote_code=False)
    # Older versions of transformers saved position ids and an unused pooler as well; selecting by name drops them.
    selected = {
        name: state[name][: len(weight)] if _is_output_layer(name) else state[name]
        for name, weight in model.state_dict().items()
    }
    weights.fill_model(model, selected, assign=True)
    return selected


def _is_output_layer(name: str) -> bool:
    return name.startswith(("classifier.out_proj.", "classifier.weight", "classifier.bias"))


def _save_checkpoint(
    source: Path, folder: Path, config: PretrainedConfig, state: Mapping[str, Tensor], risk: str, name: str
) -> Card:
    config.save_pretrained(folder)
    weights.save_tensors(_select_weights(config, state), folder / "model.safetensors")
    tokenizer = load_tokenizer(source, vocab_size=config.vocab_size)
    tokenizer.backend_tokenizer.save(str(folder / "tokenizer.json"))
    max_tokens = min(MAX_TOKENS, tokenizer.model_max_length, config.max_position_embeddings)
    (folder / "tokenizer_config.json").write_text(json.dumps({"model_max_length": max_tokens}) + "\n", "utf-8")
    return Card(folder=folder, family=FAMILY, version="1", risk=risk, data=({"name": name},))
