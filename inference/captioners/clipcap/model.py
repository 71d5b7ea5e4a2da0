"""ClipCap: a dual encoder's vector of a photo, mapped to a prefix of embeddings before what GPT-2 writes.

Source: "ClipCap: CLIP prefix for image captioning" (Mokady et al., 2021). It handles vectors and embeddings and knows
no photo and no tokenizer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import GPT2Config, GPT2LMHeadModel

MODEL_TYPE: Final = "clipcap"
HEADS: Final = 8  # of the transformer mapper in all public code; shapes do not tell


@dataclass(frozen=True, slots=True)
class MapperConfig:
    """Sizes of what makes a prefix of `length` embeddings of `width` from one vector of `vector` numbers.

    hidden: of the MLP between its two layers, of the transformer inside its feed-forward layers; the transformer
    reads the vector as `pieces` embeddings and has `layers` blocks.
    """

    kind: Literal["mlp", "linear", "transformer"]
    vector: int
    length: int
    width: int
    hidden: int = 0
    pieces: int = 0
    layers: int = 0
    heads: int = HEADS


class Block(nn.Module):
    """Self-attention without a mask and a feed-forward layer, each behind a layer norm."""

    def __init__(self, config: MapperConfig) -> None:
        super().__init__()
        self.heads = config.heads
        self.attention_norm = nn.LayerNorm(config.width)
        self.query = nn.Linear(config.width, config.width, bias=False)
        self.key_value = nn.Linear(config.width, 2 * config.width, bias=False)
        self.project = nn.Linear(config.width, config.width)
        self.feed_norm = nn.LayerNorm(config.width)
        self.feed = nn.Sequential(
            nn.Linear(config.width, config.hidden), nn.ReLU(), nn.Linear(config.hidden, config.width)
        )

    def forward(self, x: Tensor) -> Tensor:
        """(photos, length, width) → the same shape."""
        normed = self.attention_norm(x)
        key, value = self.key_value(normed).chunk(2, -1)
        query, key, value = (self._split(part) for part in (self.query(normed), key, value))
        attended = functional.scaled_dot_product_attention(query, key, value)
        x = x + self.project(attended.transpose(1, 2).flatten(2))
        fed: Tensor = x + self.feed(self.feed_norm(x))
        return fed

    def _split(self, x: Tensor) -> Tensor:
        split: Tensor = x.unflatten(-1, (self.heads, -1)).transpose(1, 2)
        return split


class TransformerMapper(nn.Module):
    """The vector as `pieces` embeddings, learned ones behind them, self-attention; what stands there is the prefix."""

    def __init__(self, config: MapperConfig) -> None:
        super().__init__()
        self.config = config
        self.expand = nn.Linear(config.vector, config.pieces * config.width)
        self.learned = nn.Parameter(torch.randn(config.length, config.width))
        self.blocks = nn.Sequential(*(Block(config) for _ in range(config.layers)))

    def forward(self, vectors: Tensor) -> Tensor:
        """(photos, vector) → (photos, length, width)."""
        pieces = self.expand(vectors).unflatten(1, (self.config.pieces, self.config.width))
        learned = self.learned.expand(len(vectors), -1, -1)
        mapped: Tensor = self.blocks(torch.cat((pieces, learned), 1))[:, self.config.pieces :]
        return mapped


class ClipCap(nn.Module):
    """A mapper before a GPT-2."""

    def __init__(self, mapper: MapperConfig, language: GPT2Config) -> None:
        super().__init__()
        self.config = mapper
        self.mapper = _build_mapper(mapper)
        self.language = GPT2LMHeadModel(language)

    def prefix(self, vectors: Tensor) -> Tensor:
        """Vectors of photos (photos, vector) → what stands before the text, (photos, length, width)."""
        mapped: Tensor = self.mapper(vectors)
        return mapped.reshape(len(vectors), self.config.length, self.config.width)

    def embed(self, ids: Tensor) -> Tensor:
        """Token ids (length,) → embeddings (length, width)."""
        embedded: Tensor = self.language.transformer.wte(ids)
        return embedded


def build(config: Mapping[str, Any]) -> ClipCap:
    """The model of a `config.json`, its weights random: `mapper` has the fields of `MapperConfig`, `language` GPT-2's.

    Raises `TypeError` for a size that is missing or unknown.
    """
    return ClipCap(MapperConfig(**config["mapper"]), GPT2Config(**config["language"]))


def _build_mapper(config: MapperConfig) -> nn.Module:
    output_ids = config.length * config.width
    if config.kind == "transformer":
        return TransformerMapper(config)
    if config.kind == "linear":
        return nn.Linear(config.vector, output_ids)
    return nn.Sequential(nn.Linear(config.vector, config.hidden), nn.Tanh(), nn.Linear(config.hidden, output_ids))
