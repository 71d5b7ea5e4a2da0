"""A GPT-2-like decoder with photos as soft-prompt vectors between its token embeddings.

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
    """Sizes of the decoder; each photo is `photo_vectors` soft-prompt vectors. The names are those of `config.json`."""

    words: int
    width: int = 320
    layers: int = 5
    heads: int = 5
    length: int = 576
    photo_width: int = 512
    photo_vectors: int = 10
    dropout: float = 0.0


class Cache:
    """Keys and values, (layers, batch, heads, capacity, head_dim) each; `lengths` (batch,) of the places are filled."""

    def __init__(self, keys: Tensor, values: Tensor, lengths: Tensor) -> None:
        self.keys, self.values, self.lengths = keys, values, lengths

    def repeat(self, times: int, extra_capacity: int) -> Cache:
        """Return a cache with each row `times` times and place for `extra_capacity` more tokens."""
        padding = (0, 0, 0, extra_capacity)
        keys = functional.pad(self.keys, padding).repeat_interleave(times, 1)
        values = functional.pad(self.values, padding).repeat_interleave(times, 1)
        return Cache(keys, values, self.lengths.repeat_interleave(times))

    def select(self, rows: Tensor) -> Cache:
        """Return the rows with these indices (n,), cut to the longest of them."""
        used = int(self.lengths[rows].max()) if len(rows) else 0
        return Cache(self.keys[:, rows, :, :used], self.values[:, rows, :, :used], self.lengths[rows])

    def reserve(self, capacity: int) -> None:
        """Grow to at least `capacity` tokens per row."""
        missing = capacity - self.keys.shape[3]
        if missing > 0:
            # Growing copies the whole cache, so it grows in strides.
            padding = (0, 0, 0, max(missing, CACHE_STRIDE))
            self.keys, self.values = functional.pad(self.keys, padding), functional.pad(self.values, padding)


class Block(nn.Module):
    """A pre-norm transformer block: self-attention and feed-forward."""

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

    def project_qkv(self, hidden_states: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Project (batch, length, width) to queries, keys and values, (batch, heads, length, head_dim) each."""
        parts = self.query_key_value(self.attention_norm(hidden_states)).chunk(3, -1)
        query, key, value = (part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in parts)
        return query, key, value

    def compute_output(self, hidden_states: Tensor, attention: Tensor) -> Tensor:
        """Return the output (batch, length, width) of the input and its attention (batch, heads, length, head_dim)."""
        hidden_states = hidden_states + self.dropout(self.project(attention.transpose(1, 2).flatten(2)))
        output: Tensor = hidden_states + self.dropout(self.feed(self.feed_norm(hidden_states)))
        return output


class Decoder(nn.Module):
    """The decoder: token ids and photo features in, logits of the next token out."""

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

    def embed(self, input_ids: Tensor, image_states: Tensor, image_token_id: int) -> Tensor:
        """Embed token ids (batch, length) as (batch, length, width), photos in the places of `image_token_id`.

        image_states: (photos, photo_vectors, photo_width) float32, all photos of the batch in order.
        """
        embedded = self.words(input_ids)
        if len(image_states):
            vectors = (self.photo(image_states) + self.photo_cells.weight).flatten(0, 1)
            places = (input_ids == image_token_id).unsqueeze(-1).expand_as(embedded)
            embedded = embedded.masked_scatter(places, vectors.to(embedded.dtype))
        positions = torch.arange(input_ids.shape[1], device=input_ids.device)
        inputs_embeds: Tensor = self.dropout(embedded + self.positions(positions))
        return inputs_embeds

    def forward(self, inputs_embeds: Tensor) -> Tensor:
        """Return hidden states (batch, length, width) of embeddings of the same shape.

        Attention is causal, so padding on the right needs no mask.
        """
        x = inputs_embeds
        for block in self._blocks():
            query, key, value = block.project_qkv(x)
            x = block.compute_output(x, functional.scaled_dot_product_attention(query, key, value, is_causal=True))
        normed: Tensor = self.norm(x)
        return normed

    def compute_logits(self, hidden_states: Tensor) -> Tensor:
        """Return float32 logits (…, words) of hidden states (…, width); the head is tied to the token embedding."""
        return hidden_states @ self.words.weight.T

    def prefill(self, inputs_embeds: Tensor, lengths: Tensor) -> tuple[Tensor, Cache]:
        """Run right-padded prompts (batch, length, width) and return their last states (batch, width) and the cache.

        lengths: (batch,) int64, without padding.
        """
        x, keys, values = inputs_embeds, [], []
        for block in self._blocks():
            query, key, value = block.project_qkv(x)
            keys.append(key)
            values.append(value)
            x = block.compute_output(x, functional.scaled_dot_product_attention(query, key, value, is_causal=True))
        last = self.norm(x)[torch.arange(len(x), device=x.device), lengths - 1]
        return last, Cache(torch.stack(keys), torch.stack(values), lengths)

    def step(self, input_ids: Tensor, cache: Cache) -> Tensor:
        """Run one token per row, (batch,), append it to the cache and return hidden states (batch, width)."""
        rows = torch.arange(len(input_ids), device=input_ids.device)
        x = (self.words(input_ids) + self.positions(cache.lengths)).unsqueeze(1)
        length = int(cache.lengths.max()) + 1
        cache.reserve(length)
        attention_mask = torch.arange(length, device=input_ids.device) <= cache.lengths[:, None]
        for block, keys, values in zip(self._blocks(), cache.keys, cache.values, strict=True):
            query, key, value = block.project_qkv(x)
            keys[rows, :, cache.lengths] = key[:, :, 0]
            values[rows, :, cache.lengths] = value[:, :, 0]
            attended = functional.scaled_dot_product_attention(
                query, keys[:, :, :length], values[:, :, :length], attn_mask=attention_mask[:, None, None]
            )
            x = block.compute_output(x, attended)
        cache.lengths = cache.lengths + 1
        normed: Tensor = self.norm(x[:, 0])
        return normed


def _init_weights(module: nn.Module) -> None:
    if isinstance(module, nn.Linear | nn.Embedding):
        nn.init.normal_(module.weight, std=0.02)
    if isinstance(module, nn.Linear) and module.bias is not None:
        nn.init.zeros_(module.bias)
