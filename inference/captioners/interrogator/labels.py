"""Embed phrases with a dual encoder, alone or in template sentences, and cache the embeddings on disk."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor
from torch.nn.functional import normalize

from inference.captioners.interrogator.ranking import Labels

BATCH_SIZE: Final = 64

EncodeTexts = Callable[[Sequence[str]], Tensor]  # texts → (texts, dim) float32, not normalized


def encode_normalized(encode: EncodeTexts, texts: Sequence[str]) -> Tensor:
    """Encode texts as (texts, dim) float32, unit length."""
    return normalize(_encode(encode, texts), dim=-1)


def _encode(encode: EncodeTexts, texts: Sequence[str]) -> Tensor:
    """Encode texts as (texts, dim) float32, not normalized."""
    # Texts of like length share a batch, so that little is padded.
    order = sorted(range(len(texts)), key=lambda number: (len(texts[number]), number))
    parts = [order[start : start + BATCH_SIZE] for start in range(0, len(order), BATCH_SIZE)]
    features = torch.cat([encode([texts[number] for number in part]) for part in parts])
    return features[torch.tensor(order).argsort()]


def encode_tables(
    encode: EncodeTexts, tables: Mapping[str, Sequence[str]], templates: Mapping[str, Sequence[str]]
) -> dict[str, Labels]:
    """Embed the phrases of every table, each as the mean over the templates of its table, at unit length.

    templates: table → sentences with `{}`. The mean is taken before normalizing, as in ruCLIP's `Predictor`.
    """
    texts = [
        each.format(phrase) for table, phrases in tables.items() for each in templates[table] for phrase in phrases
    ]
    rows = _encode(encode, texts).split([len(templates[table]) * len(phrases) for table, phrases in tables.items()])
    means = [
        features.view(len(templates[table]), len(phrases), -1).mean(0)
        for features, (table, phrases) in zip(rows, tables.items(), strict=True)
    ]
    return {
        table: Labels(tuple(phrases), normalize(mean, dim=-1))
        for mean, (table, phrases) in zip(means, tables.items(), strict=True)
    }


def load_or_encode(
    path: Path,
    encoder: Mapping[str, str],
    encode: EncodeTexts,
    tables: Mapping[str, Sequence[str]],
    templates: Mapping[str, Sequence[str]],
) -> dict[str, Labels]:
    """Load the embeddings of `encode_tables` from a cache file, or encode and save them where it is stale.

    encoder: name → SHA-256 of the encoder's files, a part of the cache key. A file that cannot be read or written is
    ignored.
    """
    key = _compute_key(encoder, tables, templates)
    with suppress(OSError, SafetensorError, KeyError):
        return _load(path, key, tables)
    labels = encode_tables(encode, tables, templates)
    with suppress(OSError, SafetensorError):
        _save(path, key, labels)
    return labels


def _compute_key(*parts: object) -> str:
    return hashlib.sha256(json.dumps(parts, ensure_ascii=False, default=list).encode()).hexdigest()


def _load(path: Path, key: str, tables: Mapping[str, Sequence[str]]) -> dict[str, Labels]:
    """Load the cache. Raises `KeyError` for a file with another key."""
    with safe_open(path, "pt") as file:
        if (file.metadata() or {}).get("key") != key:
            raise KeyError(key)
        return {table: Labels(tuple(phrases), file.get_tensor(table)) for table, phrases in tables.items()}


def _save(path: Path, key: str, labels: Mapping[str, Labels]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # Replaced atomically: another process may be reading it.
    temporary = path.with_suffix(".new")
    save_file({table: each.embeddings.contiguous() for table, each in labels.items()}, temporary, {"key": key})
    temporary.replace(path)
