"""The GPT-2-like decoder that reads photos as soft-prompt vectors between its word embeddings.

Source of the prefix idea: "ClipCap: CLIP prefix for image captioning" (Mokady et al., 2021); the blocks are those of
GPT-2 (Radford et al., 2019). It handles token ids and feature vectors and knows no tokenizer and no photo.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

CACHE_STRIDE = 32


@dataclass(frozen=True, slots=True)
class DecoderConfig:
    """Sizes of the decoder; `photo_vectors` soft-prompt vectors stand for each photo."""

    words: int
    width: int = 320
    layers: int = 5
    heads: int = 5
    length: int = 576
    photo_width: int = 512
    photo_vectors: int = 10
    dropout: float = 0.0


class Cache:
    """Keys and values of the tokens read so far: (layers, rows, heads, room, width / heads) each, filled per row."""

    def __init__(self, keys: Tensor, values: Tensor, lengths: Tensor) -> None:
        self.keys, self.values, self.lengths = keys, values, lengths

    def repeat(self, times: int, room: int) -> Cache:
        """Each row `times` times, with room for `room` more tokens."""
        grow = (0, 0, 0, room)
        keys = functional.pad(self.keys, grow).repeat_interleave(times, 1)
        values = functional.pad(self.values, grow).repeat_interleave(times, 1)
        return Cache(keys, values, self.lengths.repeat_interleave(times))

    def keep(self, rows: Tensor) -> Cache:
        """The given rows alone, without the room that none of them uses."""
        used = int(self.lengths[rows].max()) if len(rows) else 0
        return Cache(self.keys[:, rows, :, :used], self.values[:, rows, :, :used], self.lengths[rows])

    def ensure(self, room: int) -> None:
        """Have room for `room` tokens a row; it grows in strides, because growing copies."""
        lacking = room - self.keys.shape[3]
        if lacking > 0:
            grow = (0, 0, 0, max(lacking, CACHE_STRIDE))
            self.keys, self.values = functional.pad(self.keys, grow), functional.pad(self.values, grow)


class Block(nn.Module):
    """Self-attention and a feed-forward layer, each behind a layer norm."""

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        self.heads = config.heads
        self.attention_norm = nn.LayerNorm(config.width)
        self.query_key_value = nn.Linear(config.width, 3 * config.width)
        self.project = nn.Linear(config.width, config.width)
        self.feed_norm = nn.LayerNorm(config.width)
        self.feed = nn.Sequential(
            nn.Linear(config.width, 4 * config.width), nn.GELU(), nn.Linear(4 * config.width, config.width)
        )
        self.dropout = nn.Dropout(config.dropout)

    def split(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(rows, length, width) → queries, keys and values, (rows, heads, length, width / heads) each."""
        parts = self.query_key_value(self.attention_norm(x)).chunk(3, -1)
        query, key, value = (part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in parts)
        return query, key, value

    def finish(self, x: Tensor, attended: Tensor) -> Tensor:
        """The block's output from its input (rows, length, width) and what attention brought."""
        x = x + self.dropout(self.project(attended.transpose(1, 2).flatten(2)))
        fed: Tensor = x + self.dropout(self.feed(self.feed_norm(x)))
        return fed


class Decoder(nn.Module):
    """Token ids and photo features in, logits of the next token out."""

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        self.config = config
        self.words = nn.Embedding(config.words, config.width)
        self.positions = nn.Embedding(config.length, config.width)
        self.photo = nn.Linear(config.photo_width, config.width)
        self.photo_cells = nn.Embedding(config.photo_vectors, config.width)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.norm = nn.LayerNorm(config.width)
        self.dropout = nn.Dropout(config.dropout)
        self.apply(_init_weights)

    def _blocks(self) -> Sequence[Block]:
        return cast(Sequence[Block], self.blocks)

    def embed(self, ids: Tensor, states: Tensor, slot: int) -> Tensor:
        """Token ids (rows, length) → (rows, length, width); the ids equal to `slot` are filled, in order, by photos.

        states: (photos, photo_vectors, photo_width), all photos of all rows in the order of their slots.
        """
        embedded = self.words(ids)
        if len(states):
            vectors = (self.photo(states) + self.photo_cells.weight).flatten(0, 1)
            places = (ids == slot).unsqueeze(-1).expand_as(embedded)
            embedded = embedded.masked_scatter(places, vectors.to(embedded.dtype))
        positions = torch.arange(ids.shape[1], device=ids.device)
        placed: Tensor = self.dropout(embedded + self.positions(positions))
        return placed

    def forward(self, embedded: Tensor) -> Tensor:
        """(rows, length, width) → states (rows, length, width); padding on the right needs no mask."""
        x = embedded
        for block in self._blocks():
            query, key, value = block.split(x)
            x = block.finish(x, functional.scaled_dot_product_attention(query, key, value, is_causal=True))
        normed: Tensor = self.norm(x)
        return normed

    def logits(self, states: Tensor) -> Tensor:
        """States (…, width) → logits (…, words); the embedding is used both ways."""
        return states @ self.words.weight.T

    def read(self, embedded: Tensor, lengths: Tensor) -> tuple[Tensor, Cache]:
        """Read right-padded prompts (rows, length, width); returns the last states (rows, width) and the cache."""
        x, keys, values = embedded, [], []
        for block in self._blocks():
            query, key, value = block.split(x)
            keys.append(key)
            values.append(value)
            x = block.finish(x, functional.scaled_dot_product_attention(query, key, value, is_causal=True))
        last = self.norm(x)[torch.arange(len(x), device=x.device), lengths - 1]
        return last, Cache(torch.stack(keys), torch.stack(values), lengths)

    def step(self, ids: Tensor, cache: Cache) -> Tensor:
        """One more token a row, (rows,) ids; the cache grows by it. Returns states (rows, width)."""
        rows = torch.arange(len(ids), device=ids.device)
        x = (self.words(ids) + self.positions(cache.lengths)).unsqueeze(1)
        room = int(cache.lengths.max()) + 1
        cache.ensure(room)
        seen = torch.arange(room, device=ids.device) <= cache.lengths[:, None]
        for block, keys, values in zip(self._blocks(), cache.keys, cache.values, strict=True):
            query, key, value = block.split(x)
            keys[rows, :, cache.lengths] = key[:, :, 0]
            values[rows, :, cache.lengths] = value[:, :, 0]
            attended = functional.scaled_dot_product_attention(
                query, keys[:, :, :room], values[:, :, :room], attn_mask=seen[:, None, None]
            )
            x = block.finish(x, attended)
        cache.lengths = cache.lengths + 1
        normed: Tensor = self.norm(x[:, 0])
        return normed


def _init_weights(module: nn.Module) -> None:
    if isinstance(module, nn.Linear | nn.Embedding):
        nn.init.normal_(module.weight, std=0.02)
    if isinstance(module, nn.Linear) and module.bias is not None:
        nn.init.zeros_(module.bias)
