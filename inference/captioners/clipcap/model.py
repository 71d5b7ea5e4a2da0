"""ClipCap: a dual encoder's vector of a photo, mapped to a prefix of embeddings that GPT-2 continues.

Source: "ClipCap: CLIP prefix for image captioning" (Mokady et al., 2021). Handles vectors and embeddings, and knows no
photos and no tokenizer.
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
HEADS: Final = 8  # of the transformer mapper in all public code; shapes do not show it


@dataclass(frozen=True, slots=True)
class MapperConfig:
    """Sizes of a mapper from one vector of `vector` numbers to a prefix of `length` embeddings of `width`.

    hidden: inner width of the MLP, or of the transformer's feed-forward layers. The transformer splits the vector into
    `pieces` embeddings and has `layers` blocks of `heads` heads.
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
    """Unmasked self-attention and a feed-forward layer, each behind a layer norm."""

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
        output: Tensor = x + self.feed(self.feed_norm(x))
        return output

    def _split(self, x: Tensor) -> Tensor:
        split: Tensor = x.unflatten(-1, (self.heads, -1)).transpose(1, 2)
        return split


class TransformerMapper(nn.Module):
    """Self-attention over the vector's `pieces` and learned embeddings; the outputs of the latter are the prefix."""

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
    """A mapper and a GPT-2."""

    def __init__(self, mapper: MapperConfig, language: GPT2Config) -> None:
        super().__init__()
        self.config = mapper
        self.mapper = _build_mapper(mapper)
        self.language = GPT2LMHeadModel(language)

    def prefix(self, vectors: Tensor) -> Tensor:
        """Map vectors of photos, (photos, vector), to prefixes, (photos, length, width)."""
        mapped: Tensor = self.mapper(vectors)
        return mapped.reshape(len(vectors), self.config.length, self.config.width)

    def embed(self, ids: Tensor) -> Tensor:
        """Embed token ids, (length,) int64, as (length, width)."""
        embedded: Tensor = self.language.transformer.wte(ids)
        return embedded


def build(config: Mapping[str, Any]) -> ClipCap:
    """Build the model of a `config.json` with random weights.

    config: `mapper` has the fields of `MapperConfig`, `language` those of `GPT2Config`. Raises `TypeError` for a
    missing or unknown size.
    """
    return ClipCap(MapperConfig(**config["mapper"]), GPT2Config(**config["language"]))


def _build_mapper(config: MapperConfig) -> nn.Module:
    out_features = config.length * config.width
    if config.kind == "transformer":
        return TransformerMapper(config)
    if config.kind == "linear":
        return nn.Linear(config.vector, out_features)
    return nn.Sequential(nn.Linear(config.vector, config.hidden), nn.Tanh(), nn.Linear(config.hidden, out_features))
