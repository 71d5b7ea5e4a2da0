"""Tiny random checkpoints in published formats, created on the spot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    BertTokenizer,
    XLMRobertaConfig,
    XLMRobertaForSequenceClassification,
    XLMRobertaTokenizer,
)

CLASSES = ["toxicity", "severe_toxicity", "obscene", "identity_attack", "insult", "threat", "sexual_explicit"]
RUBERT_LABELS = ["non-toxic", "insult", "obscenity", "threat", "dangerous"]
LETTERS = "абвгдежзийклмнопрстуфхцчшщъыьэюяё.,!"


def save_detoxify(folder: Path, outputs: int = 16) -> Path:
    """Save a tiny random checkpoint as detoxify's training writes it, and the files of its base model."""
    folder.mkdir()
    pieces = [("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -2.0)]
    pieces += [(letter, -3.0 - n / 100) for n, letter in enumerate(LETTERS)]
    pieces += [("▁при", -1.5), ("вет", -1.4), ("<mask>", 0.0)]
    tokenizer = XLMRobertaTokenizer(vocab=pieces)
    tokenizer.model_max_length = 512
    tokenizer.save_pretrained(folder)
    sizes: dict[str, Any] = {
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 48,
    }
    config = XLMRobertaConfig(vocab_size=len(pieces), max_position_embeddings=514, type_vocab_size=1, **sizes)
    config.save_pretrained(folder)
    config.num_labels = outputs
    torch.manual_seed(0)
    model = XLMRobertaForSequenceClassification(config)
    for weight in model.parameters():
        torch.nn.init.normal_(weight, std=0.2)
    state = model.state_dict() | {"roberta.embeddings.position_ids": torch.arange(514)[None]}
    names = {"model_name": "XLMRobertaForSequenceClassification", "tokenizer_name": "XLMRobertaTokenizer"}
    arguments = {"model_type": str(folder), "num_classes": outputs, **names}
    kept = {"config": {"arch": {"args": arguments}, "dataset": {"args": {"classes": CLASSES}}}, "state_dict": state}
    torch.save(kept, folder / "multilingual.ckpt")
    return folder


def save_rubert(folder: Path) -> Path:
    """Save a tiny random folder in the layout of `cointegrated/rubert-tiny-toxicity`."""
    folder.mkdir()
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *LETTERS, *(f"##{letter}" for letter in LETTERS), "мир"]
    tokenizer = BertTokenizer(vocab={word: number for number, word in enumerate(words)}, do_lower_case=False)
    tokenizer.model_max_length = 512
    tokenizer.save_pretrained(folder)
    sizes: dict[str, Any] = {
        "hidden_size": 24,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 32,
    }
    labels: dict[int, str] = dict(enumerate(RUBERT_LABELS))
    torch.manual_seed(0)
    config = BertConfig(vocab_size=len(words), id2label=labels, label2id={v: k for k, v in labels.items()}, **sizes)
    model = BertForSequenceClassification(config)
    for weight in model.parameters():
        torch.nn.init.normal_(weight, std=0.2)
    torch.save(model.state_dict(), folder / "pytorch_model.bin")
    config.save_pretrained(folder)
    return folder
