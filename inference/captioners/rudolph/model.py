"""ruDOLPH: a decoder over a left text, image codes and a right text, with sparse attention within the image.

Source: "RuDOLPH: One Hyper-Tasking Transformer Can be Creative as DALL-E and GPT-3 and Smart as CLIP" (Shonenkov et
al., 2022), ai-forever/ru-dolph; the sandwich of layer norms is CogView's (Ding et al., 2021). Parameters keep their
published names. The module handles ids and vectors and knows no tokenizer, no photos and no sampling.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from inference.captioners.rudolph.masks import Pattern, build_mask, choose_pattern

# Attention is clamped to the largest float16, so that a model in half precision does not overflow.
FLOAT16_MAX = torch.finfo(torch.float16).max


@dataclass(frozen=True, slots=True)
class RudolphConfig:
    """Sizes of a ruDOLPH, named as in `config.json`.

    left, right: tokens of the two texts; side: cells in a row and in a column of the image; kernel, last_kernel: edges
    in cells of the windows of image attention; words: vocabulary of the tokenizer; codes: of the image encoder's
    codebook; text_special, image_special: ids added to each.
    """

    layers: int
    width: int
    heads: int
    left: int
    side: int
    right: int
    kernel: int = 7
    last_kernel: int = 9
    words: int = 16384
    text_special: int = 0
    codes: int = 8192
    image_special: int = 0

    @property
    def cells(self) -> int:
        """Number of codes of one image."""
        return self.side**2

    @property
    def text_vocab_size(self) -> int:
        """Number of ids that a text may hold, words and special ones; the ids of left padding follow them."""
        return self.words + self.text_special

    @property
    def padded_text_vocab_size(self) -> int:
        """Number of all text ids; the logits of image codes follow theirs."""
        return self.text_vocab_size + self.left


class Cache:
    """Keys and values of a prefix shared by several drafts, and of each draft's own tokens.

    prefix: per layer keys and values, (batch, heads, length, head_dim) each; tails: keys and values of all layers,
    (2, layers, batch, heads, drafts, max_tokens, head_dim), of which `used` positions are filled.
    """

    def __init__(self, prefix: Sequence[tuple[Tensor, Tensor]], drafts: int, max_tokens: int) -> None:
        rows, heads, _, width = prefix[0][0].shape
        self.prefix = prefix
        self.tails = prefix[0][0].new_empty(2, len(prefix), rows, heads, drafts, max_tokens, width)
        self.used = 0


class Attention(nn.Module):
    """Self-attention over a whole prefix, or of one new token over a cache."""

    def __init__(self, config: RudolphConfig) -> None:
        super().__init__()
        self.heads = config.heads
        self.query_key_value = nn.Linear(config.width, 3 * config.width)
        self.dense = nn.Linear(config.width, config.width)

    def prefill(self, x: Tensor, mask: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Return attention (batch, length, width) of the same shape as `x`, and keys and values.

        mask: (length, length) bool, True where a place attends to another. Keys and values: (batch, heads, length,
        head_dim) each.
        """
        query, key, value = self._project_qkv(x)
        attended = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        return self._project_output(attended), (key, value)

    def step(self, x: Tensor, prefix: tuple[Tensor, Tensor], tail: Tensor, used: int) -> Tensor:
        """Return attention (batch, drafts, width) of one new token per draft and write its key and value to `tail`.

        The drafts of a row query one shared prefix; `tail` is the layer's part of `Cache.tails`. Text attends to
        everything before it, so no mask is needed.
        """
        query, key, value = self._project_qkv(x)
        tail[0, ..., used, :], tail[1, ..., used, :] = key, value
        keys, values = tail[:, ..., : used + 1, :]
        # Written out, because `scaled_dot_product_attention` would need a copy of the shared keys for every draft.
        query = query * query.shape[-1] ** -0.5
        shared = query @ prefix[0].transpose(-1, -2)
        own = (keys @ query.unsqueeze(-1)).squeeze(-1)
        weights = torch.cat([shared, own], dim=-1).softmax(-1)
        length = prefix[0].shape[2]
        attended = weights[..., :length] @ prefix[1]
        attended = attended + (weights[..., None, length:] @ values).squeeze(-2)
        return self._project_output(attended)

    def _project_qkv(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        parts = self.query_key_value(x).chunk(3, -1)
        query, key, value = (part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in parts)
        return query, key, value

    def _project_output(self, attended: Tensor) -> Tensor:
        output: Tensor = self.dense(attended.transpose(1, 2).flatten(2)).clamp(-FLOAT16_MAX, FLOAT16_MAX)
        return output


class FeedForward(nn.Module):
    """The feed-forward network of a layer."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.dense_h_to_4h = nn.Linear(width, 4 * width)
        self.dense_4h_to_h = nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Return (…, width) of `x` of the same shape."""
        output: Tensor = self.dense_4h_to_h(functional.gelu(self.dense_h_to_4h(x), approximate="tanh"))
        return output


class Layer(nn.Module):
    """Attention and feed-forward network, each between two layer norms (sandwich norm)."""

    def __init__(self, config: RudolphConfig) -> None:
        super().__init__()
        self.input_layernorm = nn.LayerNorm(config.width)
        self.attention = Attention(config)
        self.before_first_addition_layernorm = nn.LayerNorm(config.width)
        self.post_attention_layernorm = nn.LayerNorm(config.width)
        self.mlp = FeedForward(config.width)
        self.before_second_addition_layernorm = nn.LayerNorm(config.width)

    def prefill(self, x: Tensor, mask: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Return states (batch, length, width) and the keys and values of a whole prefix."""
        attended, key_values = self.attention.prefill(self.input_layernorm(x), mask)
        return self._add(x, attended), key_values

    def step(self, x: Tensor, prefix: tuple[Tensor, Tensor], tail: Tensor, used: int) -> Tensor:
        """Return states (batch, drafts, width) of one new token per draft."""
        return self._add(x, self.attention.step(self.input_layernorm(x), prefix, tail, used))

    def _add(self, x: Tensor, attended: Tensor) -> Tensor:
        x = x + self.before_first_addition_layernorm(attended)
        added: Tensor = x + self.before_second_addition_layernorm(self.mlp(self.post_attention_layernorm(x)))
        return added


class Transformer(nn.Module):
    """The layers and the final norm."""

    def __init__(self, config: RudolphConfig) -> None:
        super().__init__()
        self.layers = nn.ModuleList(Layer(config) for _ in range(config.layers))
        self.final_layernorm = nn.LayerNorm(config.width)


class Rudolph(nn.Module):
    """The whole model. It can be built on the `meta` device, since masks are computed when first needed.

    Each part of a sequence is given as ids, or as vectors in place of their embeddings (a soft prompt); positions are
    added to both.
    """

    def __init__(self, config: RudolphConfig) -> None:
        super().__init__()
        self.config = config
        self.text_embeddings = nn.Embedding(config.padded_text_vocab_size, config.width)
        self.image_embeddings = nn.Embedding(config.codes + config.image_special, config.width)
        self.l_text_pos_embeddings = nn.Embedding(config.left + 1, config.width)
        self.r_text_pos_embeddings = nn.Embedding(config.right + 1, config.width)
        self.image_row_embeddings = nn.Embedding(config.side, config.width)
        self.image_col_embeddings = nn.Embedding(config.side, config.width)
        logits = config.padded_text_vocab_size + config.codes + config.image_special
        self.to_logits = nn.Sequential(nn.LayerNorm(config.width), nn.Linear(config.width, logits))
        self.transformer = Transformer(config)
        self._masks: dict[tuple[Pattern, torch.device], Tensor] = {}

    def forward(self, left: Tensor, image: Tensor | None = None, right: Tensor | None = None) -> Tensor:
        """Return float next-token logits (batch, length, text and image ids); arguments are those of `embed`."""
        states, _ = self.prefill(self.embed(left, image, right))
        logits: Tensor = self.to_logits(states)
        return logits

    def embed(self, left: Tensor, image: Tensor | None = None, right: Tensor | None = None) -> Tensor:
        """Embed the parts of sequences one behind another, (batch, length, width).

        Each part is ids (batch, length) int64 or vectors (batch, length, width). left: at most `config.left` positions,
        exactly as many where an image follows; its padding, 0, has an id of its own at each place. image:
        `config.cells` codes, row by row. right: at most `config.right` positions.
        """
        embedded = [self.embed_left(left)]
        if image is not None:
            cells = torch.arange(image.shape[1], device=image.device)
            rows = self.image_row_embeddings(cells // self.config.side)
            vectors = image if image.is_floating_point() else self.image_embeddings(image)
            embedded.append(vectors + rows + self.image_col_embeddings(cells % self.config.side))
        if right is not None:
            embedded.append(self.embed_right(right))
        return torch.cat(embedded, dim=1)

    def embed_left(self, part: Tensor, start: int = 0) -> Tensor:
        """Embed ids or vectors of the left text from position `start` on as (batch, length, width)."""
        positions = torch.arange(start, start + part.shape[1], device=part.device)
        if not part.is_floating_point():
            part = self.text_embeddings(torch.where(part == 0, positions + self.config.text_vocab_size, part))
        embedded: Tensor = part + self.l_text_pos_embeddings(positions)
        return embedded

    def embed_right(self, part: Tensor, start: int = 0) -> Tensor:
        """Embed ids or vectors of the right text from position `start` on as (batch, length, width)."""
        positions = torch.arange(start, start + part.shape[1], device=part.device)
        vectors = part if part.is_floating_point() else self.text_embeddings(part)
        embedded: Tensor = vectors + self.r_text_pos_embeddings(positions)
        return embedded

    def prefill(self, inputs_embeds: Tensor) -> tuple[Tensor, list[tuple[Tensor, Tensor]]]:
        """Return hidden states (batch, length, width) of `inputs_embeds`, and keys and values per layer."""
        x, key_values = inputs_embeds, []
        for number, layer in enumerate(self._get_layers()):
            x, pair = layer.prefill(x, self._get_mask(number, x))
            key_values.append(pair)
        return self.transformer.final_layernorm(x), key_values

    def step(self, inputs_embeds: Tensor, cache: Cache) -> Tensor:
        """Run one text token per draft, (batch, drafts, width), append it to the cache and return its states."""
        x = inputs_embeds
        for number, layer in enumerate(self._get_layers()):
            x = layer.step(x, cache.prefix[number], cache.tails[:, number], cache.used)
        cache.used += 1
        states: Tensor = self.transformer.final_layernorm(x)
        return states

    def compute_text_logits(self, states: Tensor, *, padding: bool = False) -> Tensor:
        """Return float32 logits (…, config.text_vocab_size) of hidden states (…, width).

        padding: include the ids of left padding, by which a continued left text may end.
        """
        end = self.config.padded_text_vocab_size if padding else self.config.text_vocab_size
        return self._compute_logits(states, 0, end)

    def compute_code_logits(self, states: Tensor) -> Tensor:
        """Return float32 logits (…, config.codes) of image codes for hidden states (…, width)."""
        start = self.config.padded_text_vocab_size
        return self._compute_logits(states, start, start + self.config.codes)

    def _compute_logits(self, states: Tensor, start: int, end: int) -> Tensor:
        norm, head = cast(tuple[nn.LayerNorm, nn.Linear], tuple(self.to_logits))
        return functional.linear(norm(states), head.weight[start:end], head.bias[start:end]).float()

    def _get_layers(self) -> Sequence[Layer]:
        return cast(Sequence[Layer], self.transformer.layers)

    def _get_mask(self, layer: int, x: Tensor) -> Tensor:
        config = self.config
        name = choose_pattern(layer, config.layers)
        # The layers share four patterns, so each mask is built once per device.
        if (name, x.device) not in self._masks:
            kernel = config.last_kernel if name == "last" else config.kernel
            mask = build_mask(config.left, config.side, config.right, name, kernel)
            self._masks[name, x.device] = mask.to(x.device)
        length = x.shape[1]
        return self._masks[name, x.device][:length, :length]
