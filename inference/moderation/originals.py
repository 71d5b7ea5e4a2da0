"""Toxicity classifiers in their publishers' formats, read once and written out as checkpoints.

Nothing is unpickled but tensors and plain values (`weights_only`), and the network is not asked: configuration and
tokenizer lie in the source folder.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor
from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer, PreTrainedModel

from inference.checkpoints import Card
from inference.moderation.texts import FAMILY

LONGEST = 512  # tokens that the published classifiers read


def convert_detoxify(source: Path, folder: Path) -> Card:
    """A folder with one Lightning `.ckpt` of detoxify, and `config.json` and tokenizer of the model that it tunes."""
    path = _only(source, "*.ckpt")
    kept = torch.load(path, map_location="cpu", weights_only=True)
    labels = kept["config"]["dataset"]["args"]["classes"]
    return _written(source, folder, _tuned(source, kept["state_dict"], labels), "largest", "detoxify")


def convert_rubert(source: Path, folder: Path) -> Card:
    """A folder of `cointegrated/rubert-tiny-toxicity` as it is published."""
    model = AutoModelForSequenceClassification.from_pretrained(source, local_files_only=True)
    return _written(source, folder, model, "not-harmless", "cointegrated/rubert-tiny-toxicity")


def build(config: Mapping[str, Any]) -> PreTrainedModel:
    """The classifier of a published `config.json`, its weights random."""
    model: PreTrainedModel = AutoModelForSequenceClassification.from_config(AutoConfig.for_model(**config))
    return model


def _only(folder: Path, pattern: str) -> Path:
    (path,) = folder.glob(pattern)
    return path


def _tuned(source: Path, state: Mapping[str, Tensor], labels: Sequence[str]) -> PreTrainedModel:
    """The classifier of a state; outputs behind the named labels, which only trained along, are cut off."""
    config = AutoConfig.from_pretrained(source, local_files_only=True)
    config.id2label, config.label2id = dict(enumerate(labels)), {label: n for n, label in enumerate(labels)}
    model: PreTrainedModel = AutoModelForSequenceClassification.from_config(config)
    wanted = model.state_dict()
    # Older versions of transformers kept position numbers and an unused pooler beside the weights.
    weights = {name: state[name][: len(weight)] if _is_last(name) else state[name] for name, weight in wanted.items()}
    model.load_state_dict(weights)
    return model


def _is_last(name: str) -> bool:
    return name.startswith(("classifier.out_proj.", "classifier.weight", "classifier.bias"))


def _written(source: Path, folder: Path, model: PreTrainedModel, risk: str, name: str) -> Card:
    model.config.save_pretrained(folder)
    weights = {name: weight.contiguous() for name, weight in model.state_dict().items()}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    tokenizer = AutoTokenizer.from_pretrained(source, local_files_only=True)
    tokenizer.backend_tokenizer.save(str(folder / "tokenizer.json"))
    longest = min(LONGEST, tokenizer.model_max_length, model.config.max_position_embeddings)
    (folder / "tokenizer_config.json").write_text(json.dumps({"model_max_length": longest}) + "\n", "utf-8")
    return Card(folder=folder, family=FAMILY, version="1", risk=risk, data=({"name": name},))
