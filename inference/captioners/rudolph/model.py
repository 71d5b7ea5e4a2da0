"""ruDOLPH: one decoder over a left text, the codes of an image and a right text, with sparse attention in the image.

Source: "RuDOLPH: One Hyper-Tasking Transformer Can be Creative as DALL-E and GPT-3 and Smart as CLIP" (Shonenkov et
al., 2022), ai-forever/ru-dolph; the sandwich of layer norms is CogView's (Ding et al., 2021). The weights keep their
published names. It handles ids and vectors and knows no tokenizer, no photo and no sampling.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from inference.captioners.rudolph.masks import Pattern, build_mask, choose_pattern

FLOAT16_MAX = (
    65504.0  # the largest number of float16: what attention brings is cut there, so that halves do not overflow
)


@dataclass(frozen=True, slots=True)
class RudolphConfig:
    """Sizes of a ruDOLPH.

    left, right: tokens of the two texts; side: cells of the image in a row and in a column; kernel, last_kernel: edges
    of the squares that image cells see; words: ids of the tokenizer; codes: of the image's encoder; text_special,
    image_special: the ids that were added to each.
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
        """Codes of one image."""
        return self.side**2

    @property
    def written(self) -> int:
        """Text ids that may stand in a text: words and special ones; those of left padding come behind them."""
        return self.words + self.text_special

    @property
    def text_ids(self) -> int:
        """All text ids; the image's logits come behind theirs."""
        return self.written + self.left


class Cache:
    """Keys and values of a prefix that several drafts share, and of what each draft has behind it.

    prefix: a layer's keys and values, (rows, heads, length, width / heads) each; tails: both of all layers,
    (2, layers, rows, heads, drafts, room, width / heads), of which `used` places are filled.
    """

    def __init__(self, prefix: Sequence[tuple[Tensor, Tensor]], drafts: int, room: int) -> None:
        rows, heads, _, width = prefix[0][0].shape
        self.prefix = prefix
        self.tails = prefix[0][0].new_empty(2, len(prefix), rows, heads, drafts, room, width)
        self.used = 0


class Attention(nn.Module):
    """Self-attention over a whole prefix, or over a cache by one place more."""

    def __init__(self, config: RudolphConfig) -> None:
        super().__init__()
        self.heads = config.heads
        self.query_key_value = nn.Linear(config.width, 3 * config.width)
        self.dense = nn.Linear(config.width, config.width)

    def read(self, x: Tensor, mask: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """(rows, length, width) → the same, and the keys and values, (rows, heads, length, width / heads) each."""
        query, key, value = self._split(x)
        attended = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        return self._finish(attended), (key, value)

    def step(self, x: Tensor, prefix: tuple[Tensor, Tensor], tail: Tensor, used: int) -> Tensor:
        """One place more for each draft, (rows, drafts, width) → the same; its key and value are put into `tail`.

        The drafts of a row are queries to one prefix, which is read once for all of them; `tail` is the layer's part of
        `Cache.tails`. A text sees everything before it, so that no mask is needed.
        """
        query, key, value = self._split(x)
        tail[0, ..., used, :], tail[1, ..., used, :] = key, value
        keys, values = tail[:, ..., : used + 1, :]
        query = query * query.shape[-1] ** -0.5
        shared = query @ prefix[0].transpose(-1, -2)
        own = (keys @ query.unsqueeze(-1)).squeeze(-1)
        chances = torch.cat([shared, own], dim=-1).softmax(-1)
        length = prefix[0].shape[2]
        attended = chances[..., :length] @ prefix[1]
        attended = attended + (chances[..., None, length:] @ values).squeeze(-2)
        return self._finish(attended)

    def _split(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        parts = self.query_key_value(x).chunk(3, -1)
        query, key, value = (part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in parts)
        return query, key, value

    def _finish(self, attended: Tensor) -> Tensor:
        finished: Tensor = self.dense(attended.transpose(1, 2).flatten(2)).clamp(-FLOAT16_MAX, FLOAT16_MAX)
        return finished


class FeedForward(nn.Module):
    """The feed-forward part of a layer."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.dense_h_to_4h = nn.Linear(width, 4 * width)
        self.dense_4h_to_h = nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        """(…, width) → (…, width)."""
        fed: Tensor = self.dense_4h_to_h(functional.gelu(self.dense_h_to_4h(x), approximate="tanh"))
        return fed


class Layer(nn.Module):
    """Attention and feed-forward, each between two layer norms."""

    def __init__(self, config: RudolphConfig) -> None:
        super().__init__()
        self.input_layernorm = nn.LayerNorm(config.width)
        self.attention = Attention(config)
        self.before_first_addition_layernorm = nn.LayerNorm(config.width)
        self.post_attention_layernorm = nn.LayerNorm(config.width)
        self.mlp = FeedForward(config.width)
        self.before_second_addition_layernorm = nn.LayerNorm(config.width)

    def read(self, x: Tensor, mask: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """(rows, length, width) → the same, and the keys and values."""
        attended, kept = self.attention.read(self.input_layernorm(x), mask)
        return self._add(x, attended), kept

    def step(self, x: Tensor, prefix: tuple[Tensor, Tensor], tail: Tensor, used: int) -> Tensor:
        """(rows, drafts, width) → the same, one place behind the cache."""
        return self._add(x, self.attention.step(self.input_layernorm(x), prefix, tail, used))

    def _add(self, x: Tensor, attended: Tensor) -> Tensor:
        x = x + self.before_first_addition_layernorm(attended)
        added: Tensor = x + self.before_second_addition_layernorm(self.mlp(self.post_attention_layernorm(x)))
        return added


class Transformer(nn.Module):
    """The layers, and the norm behind them."""

    def __init__(self, config: RudolphConfig) -> None:
        super().__init__()
        self.layers = nn.ModuleList(Layer(config) for _ in range(config.layers))
        self.final_layernorm = nn.LayerNorm(config.width)


class Rudolph(nn.Module):
    """The whole model; it can be built on the `meta` device, since its masks are reckoned when they are needed.

    A part of the sequence is given as ids, or as vectors in place of their embeddings (a soft prompt): positions are
    added to either.
    """

    def __init__(self, config: RudolphConfig) -> None:
        super().__init__()
        self.config = config
        self.text_embeddings = nn.Embedding(config.text_ids, config.width)
        self.image_embeddings = nn.Embedding(config.codes + config.image_special, config.width)
        self.l_text_pos_embeddings = nn.Embedding(config.left + 1, config.width)
        self.r_text_pos_embeddings = nn.Embedding(config.right + 1, config.width)
        self.image_row_embeddings = nn.Embedding(config.side, config.width)
        self.image_col_embeddings = nn.Embedding(config.side, config.width)
        logits = config.text_ids + config.codes + config.image_special
        self.to_logits = nn.Sequential(nn.LayerNorm(config.width), nn.Linear(config.width, logits))
        self.transformer = Transformer(config)
        self._masks: dict[tuple[Pattern, torch.device], Tensor] = {}

    def forward(self, left: Tensor, image: Tensor | None = None, right: Tensor | None = None) -> Tensor:
        """Logits of what follows each place, (rows, length, text and image ids); the parts are those of `embed`."""
        states, _ = self.read(self.embed(left, image, right))
        logits: Tensor = self.to_logits(states)
        return logits

    def embed(self, left: Tensor, image: Tensor | None = None, right: Tensor | None = None) -> Tensor:
        """The parts of sequences one behind another, (rows, length, width).

        Each part is ids, (rows, length), or vectors, (rows, length, width). left: at most `config.left`, exactly as
        many where an image follows; its padding, 0, has an id of its own at each place. image: `config.cells`, row by
        row. right: at most `config.right`.
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
        """A part of the left text from the place `start` on: (rows, length) ids or vectors → (rows, length, width)."""
        places = torch.arange(start, start + part.shape[1], device=part.device)
        if not part.is_floating_point():
            part = self.text_embeddings(torch.where(part == 0, places + self.config.written, part))
        placed: Tensor = part + self.l_text_pos_embeddings(places)
        return placed

    def embed_right(self, part: Tensor, start: int = 0) -> Tensor:
        """A part of the right text from the place `start` on: (rows, length) ids or vectors → (rows, length, width)."""
        places = torch.arange(start, start + part.shape[1], device=part.device)
        vectors = part if part.is_floating_point() else self.text_embeddings(part)
        placed: Tensor = vectors + self.r_text_pos_embeddings(places)
        return placed

    def read(self, embedded: Tensor) -> tuple[Tensor, list[tuple[Tensor, Tensor]]]:
        """Sequences from their beginning, (rows, length, width) → states (rows, length, width), keys and values."""
        x, kept = embedded, []
        for number, layer in enumerate(self._layers()):
            x, pair = layer.read(x, self._mask(number, x))
            kept.append(pair)
        return self.transformer.final_layernorm(x), kept

    def step(self, embedded: Tensor, cache: Cache) -> Tensor:
        """One text token more for each draft, (rows, drafts, width) → states of the same shape; the cache grows."""
        x = embedded
        for number, layer in enumerate(self._layers()):
            x = layer.step(x, cache.prefix[number], cache.tails[:, number], cache.used)
        cache.used += 1
        states: Tensor = self.transformer.final_layernorm(x)
        return states

    def text_logits(self, states: Tensor, *, padding: bool = False) -> Tensor:
        """States (…, width) → float logits of words and special text ids, (…, config.written), or of all text ids.

        padding: with the ids of the left text's padding, by which a text that goes on there may end.
        """
        return self._logits(states, 0, self.config.text_ids if padding else self.config.written)

    def code_logits(self, states: Tensor) -> Tensor:
        """States (…, width) → float logits of image codes, (…, config.codes)."""
        return self._logits(states, self.config.text_ids, self.config.text_ids + self.config.codes)

    def _logits(self, states: Tensor, start: int, end: int) -> Tensor:
        norm, head = cast(tuple[nn.LayerNorm, nn.Linear], tuple(self.to_logits))
        return functional.linear(norm(states), head.weight[start:end], head.bias[start:end]).float()

    def _layers(self) -> Sequence[Layer]:
        return cast(Sequence[Layer], self.transformer.layers)

    def _mask(self, layer: int, x: Tensor) -> Tensor:
        config = self.config
        name = choose_pattern(layer, config.layers)
        if (name, x.device) not in self._masks:
            kernel = config.last_kernel if name == "last" else config.kernel
            mask = build_mask(config.left, config.side, config.right, name, kernel)
            self._masks[name, x.device] = mask.to(x.device)
        length = x.shape[1]
        return self._masks[name, x.device][:length, :length]
