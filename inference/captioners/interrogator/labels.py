"""Phrases as a dual encoder reads them: alone or in sentences, remembered on disk for the next start."""

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

EncodeTexts = Callable[[Sequence[str]], Tensor]  # texts → (texts, dim), their lengths as they come


def encode_normalized(read: EncodeTexts, texts: Sequence[str]) -> Tensor:
    """Texts → (texts, dim), of unit length."""
    return normalize(_encode(read, texts), dim=-1)


def _encode(read: EncodeTexts, texts: Sequence[str]) -> Tensor:
    """Texts → (texts, dim). Texts of like length are read together, so that little is padded."""
    order = sorted(range(len(texts)), key=lambda number: (len(texts[number]), number))
    parts = [order[start : start + BATCH_SIZE] for start in range(0, len(order), BATCH_SIZE)]
    features = torch.cat([read([texts[number] for number in part]) for part in parts])
    return features[torch.tensor(order).argsort()]


def encode_tables(
    read: EncodeTexts, tables: Mapping[str, Sequence[str]], templates: Mapping[str, Sequence[str]]
) -> dict[str, Labels]:
    """Every table's phrases, each the mean of what its table's templates make of it, then of unit length.

    templates: table → sentences with `{}`; the mean is taken before the lengths are, as ruCLIP's `Predictor` does.
    """
    texts = [
        each.format(phrase) for table, phrases in tables.items() for each in templates[table] for phrase in phrases
    ]
    rows = _encode(read, texts).split([len(templates[table]) * len(phrases) for table, phrases in tables.items()])
    means = [
        rows_of.view(len(templates[table]), len(phrases), -1).mean(0)
        for rows_of, (table, phrases) in zip(rows, tables.items(), strict=True)
    ]
    return {
        table: Labels(tuple(phrases), normalize(mean, dim=-1))
        for mean, (table, phrases) in zip(means, tables.items(), strict=True)
    }


def load_or_encode(
    path: Path,
    encoder: Mapping[str, str],
    read: EncodeTexts,
    tables: Mapping[str, Sequence[str]],
    templates: Mapping[str, Sequence[str]],
) -> dict[str, Labels]:
    """`label`, from the file at `path` when that was made of the same phrases, templates and encoder; else put there.

    encoder: name → SHA-256 of the encoder's files. A file that cannot be read or written only costs the time.
    """
    key = _compute_key(encoder, tables, templates)
    with suppress(OSError, SafetensorError, KeyError):
        return _load(path, key, tables)
    labels = encode_tables(read, tables, templates)
    with suppress(OSError, SafetensorError):
        _save(path, key, labels)
    return labels


def _compute_key(*parts: object) -> str:
    return hashlib.sha256(json.dumps(parts, ensure_ascii=False, default=list).encode()).hexdigest()


def _load(path: Path, key: str, tables: Mapping[str, Sequence[str]]) -> dict[str, Labels]:
    """Raises `KeyError` for a file that was made of something else."""
    with safe_open(path, "pt") as file:
        if (file.metadata() or {}).get("key") != key:
            raise KeyError(key)
        return {table: Labels(tuple(phrases), file.get_tensor(table)) for table, phrases in tables.items()}


def _save(path: Path, key: str, labels: Mapping[str, Labels]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # Another process may read it now: it finds the old file or the new one, never a half.
    fresh = path.with_suffix(".new")
    save_file({table: each.embeddings.contiguous() for table, each in labels.items()}, fresh, {"key": key})
    fresh.replace(path)
