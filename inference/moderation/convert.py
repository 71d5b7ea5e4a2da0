"""Toxicity classifiers in their publishers' formats, read once and written out as checkpoints.

Nothing is unpickled but tensors and plain values (`weights_only`), and the network is not asked: configuration and
tokenizer lie in the source folder.
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
from inference.checkpoints.convert import only_file
from inference.checkpoints.registry import Card
from inference.checkpoints.tokenizers import read_tokenizer
from inference.moderation.texts import FAMILY

LONGEST = 512  # tokens that the published classifiers read


def convert_detoxify(source: Path, folder: Path) -> Card:
    """A folder with one Lightning `.ckpt` of detoxify, and `config.json` and tokenizer of the model that it tunes."""
    kept = cast(dict[str, Any], weights.read_pickle(only_file(source, "*.ckpt")))
    config = AutoConfig.from_pretrained(source, local_files_only=True, trust_remote_code=False)
    labels = kept["config"]["dataset"]["args"]["classes"]
    config.id2label, config.label2id = dict(enumerate(labels)), {label: n for n, label in enumerate(labels)}
    return _written(source, folder, config, kept["state_dict"], "largest", "detoxify")


def convert_rubert(source: Path, folder: Path) -> Card:
    """A folder of `cointegrated/rubert-tiny-toxicity` as it is published."""
    config = AutoConfig.from_pretrained(source, local_files_only=True, trust_remote_code=False)
    name = "cointegrated/rubert-tiny-toxicity"
    return _written(source, folder, config, weights.published(source), "not-harmless", name)


def build(config: Mapping[str, Any]) -> PreTrainedModel:
    """The classifier of a published `config.json`, its weights random."""
    model: PreTrainedModel = AutoModelForSequenceClassification.from_config(
        AutoConfig.for_model(**config), trust_remote_code=False
    )
    return model


def _fitting(config: PretrainedConfig, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights of a classifier; outputs behind the named labels, which only trained along, are cut off.

    Raises `KeyError` or `RuntimeError` where the state lacks some or they have another shape.
    """
    with torch.device("meta"):
        model = AutoModelForSequenceClassification.from_config(config, trust_remote_code=False)
    wanted = model.state_dict()
    # Older versions of transformers kept position numbers and an unused pooler beside the weights.
    kept = {name: state[name][: len(weight)] if _is_last(name) else state[name] for name, weight in wanted.items()}
    model.load_state_dict(kept, assign=True)
    return kept


def _is_last(name: str) -> bool:
    return name.startswith(("classifier.out_proj.", "classifier.weight", "classifier.bias"))


def _written(
    source: Path, folder: Path, config: PretrainedConfig, state: Mapping[str, Tensor], risk: str, name: str
) -> Card:
    config.save_pretrained(folder)
    weights.save(_fitting(config, state), folder / "model.safetensors")
    tokenizer = read_tokenizer(source, rows=config.vocab_size)
    tokenizer.backend_tokenizer.save(str(folder / "tokenizer.json"))
    longest = min(LONGEST, tokenizer.model_max_length, config.max_position_embeddings)
    (folder / "tokenizer_config.json").write_text(json.dumps({"model_max_length": longest}) + "\n", "utf-8")
    return Card(folder=folder, family=FAMILY, version="1", risk=risk, data=({"name": name},))
