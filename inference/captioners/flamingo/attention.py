"""Perceiver resampler and gated cross-attention of Flamingo.

"Flamingo: a Visual Language Model for Few-Shot Learning" (Alayrac et al., 2022), in the layout of OpenFlamingo
(mlfoundations/open_flamingo), whose checkpoints name the modules.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

HEADS: Final = 8
HEAD_WIDTH: Final = 64


@dataclass(frozen=True, slots=True)
class Media:
    """The photos of a batch, and which of them each token attends to.

    latents: (rows, max_latents, width), all photos of a row one after the other.
    media_ids: (rows, max_latents) int64, the number of the latent's `<image>`, from 1; 0 for padding.
    token_media_ids: (rows, length) int64, the number of `<image>` tokens up to and including a token. A token attends
    to the latents of the last `<image>`, and to none before the first.
    """

    latents: Tensor
    media_ids: Tensor
    token_media_ids: Tensor

    @classmethod
    def from_latents(cls, photos: Sequence[Tensor], shown: Sequence[Tensor], *, together: bool) -> Media:
        """Build the media of a batch, with texts padded on the left.

        photos: (photos, latents, width) for each row, with any number of photos. shown: (length,) bool for each row,
        True at `<image>`. together: all photos of a row belong to one `<image>`, which no published model was trained
        with; otherwise each photo has its own.
        """
        max_latents = max((each.shape[0] * each.shape[1] for each in photos), default=0)
        length = max((len(each) for each in shown), default=0)
        latents = photos[0].new_zeros(len(photos), max_latents, photos[0].shape[2])
        media_ids = torch.zeros(len(photos), max_latents, dtype=torch.long, device=latents.device)
        token_media_ids = torch.zeros(len(photos), length, dtype=torch.long, device=latents.device)
        for row, (each, image_mask) in enumerate(zip(photos, shown, strict=True)):
            size = each.shape[0] * each.shape[1]
            latents[row, :size] = each.flatten(0, 1)
            numbers = torch.arange(each.shape[0], device=latents.device).repeat_interleave(each.shape[1])
            media_ids[row, :size] = 1 if together else numbers + 1
            token_media_ids[row, length - len(image_mask) :] = image_mask.to(latents.device).cumsum(0)
        return cls(latents, media_ids, token_media_ids)

    def attention_mask(self, length: int) -> Tensor:
        """Return a bool mask, (rows, length, max_latents), True where a token attends to a latent.

        A forward pass covers the prompt, the prompt and new tokens, or with a cache only the last token.
        """
        new_tokens = length - self.token_media_ids.shape[1]
        last = self.token_media_ids[:, -1:]
        token_media_ids = (
            last.expand(-1, length)
            if new_tokens < 0
            else torch.cat((self.token_media_ids, last.expand(-1, new_tokens)), 1)
        )
        return (token_media_ids[:, :, None] == self.media_ids[:, None]) & (self.media_ids[:, None] > 0)


class PerceiverAttention(nn.Module):
    """Attention from latents to the tokens of a photo and to themselves."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm_media = nn.LayerNorm(width)
        self.norm_latents = nn.LayerNorm(width)
        self.to_q = nn.Linear(width, HEADS * HEAD_WIDTH, bias=False)
        self.to_kv = nn.Linear(width, 2 * HEADS * HEAD_WIDTH, bias=False)
        self.to_out = nn.Linear(HEADS * HEAD_WIDTH, width, bias=False)

    def forward(self, tokens: Tensor, latents: Tensor) -> Tensor:
        """(photos, tokens, width) and (photos, latents, width) → residual of the latents, (photos, latents, width)."""
        latents = self.norm_latents(latents)
        context = torch.cat((self.norm_media(tokens), latents), 1)
        keys, values = (_split_heads(part) for part in self.to_kv(context).chunk(2, -1))
        attended = functional.scaled_dot_product_attention(_split_heads(self.to_q(latents)), keys, values)
        output: Tensor = self.to_out(attended.transpose(1, 2).flatten(2))
        return output


class PerceiverResampler(nn.Module):
    """Condense any number of photo tokens into a fixed number of latents."""

    def __init__(self, width: int, depth: int, latents: int) -> None:
        super().__init__()
        self.latents = nn.Parameter(torch.randn(latents, width))
        self.layers = nn.ModuleList(
            nn.ModuleList((PerceiverAttention(width), _build_feed_forward(width))) for _ in range(depth)
        )
        self.norm = nn.LayerNorm(width)

    def forward(self, tokens: Tensor) -> Tensor:
        """(photos, tokens, width) → (photos, latents, width)."""
        latents = self.latents.expand(len(tokens), -1, -1)
        for layer in cast(Iterable[nn.ModuleList], self.layers):
            latents = latents + layer[0](tokens, latents)
            latents = latents + layer[1](latents)
        normed: Tensor = self.norm(latents)
        return normed


class CrossAttention(nn.Module):
    """Attention from text to latents. `width` is the text's, `vision_width` the latents'."""

    def __init__(self, width: int, vision_width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.to_q = nn.Linear(width, HEADS * HEAD_WIDTH, bias=False)
        self.to_kv = nn.Linear(vision_width, 2 * HEADS * HEAD_WIDTH, bias=False)
        self.to_out = nn.Linear(HEADS * HEAD_WIDTH, width, bias=False)

    def project_latents(self, latents: Tensor) -> tuple[Tensor, Tensor]:
        """(rows, max_latents, vision_width) → keys and values, (rows, HEADS, max_latents, HEAD_WIDTH) each."""
        keys, values = self.to_kv(latents).chunk(2, -1)
        return _split_heads(keys), _split_heads(values)

    def forward(self, text: Tensor, keys: Tensor, values: Tensor, attention_mask: Tensor) -> Tensor:
        """Return the residual of the text, (rows × beams, length, width).

        keys, values: from `project_latents`. attention_mask: (rows, length, max_latents) bool. The beams of a row share
        its
        keys: they are computed as one longer text.
        """
        rows, beams, length = len(keys), len(text) // len(keys), text.shape[1]
        queries = _split_heads(self.to_q(self.norm(text)))
        queries = queries.unflatten(0, (rows, beams)).transpose(1, 2).flatten(2, 3)
        attention_mask = attention_mask.repeat(1, beams, 1)[:, None]
        is_empty = ~attention_mask.any(-1, keepdim=True)
        # A softmax over an empty set is NaN: tokens without photos attend to everything, and their result is zeroed.
        attended = functional.scaled_dot_product_attention(queries, keys, values, attn_mask=attention_mask | is_empty)
        attended = attended.masked_fill(is_empty, 0).unflatten(2, (beams, length)).transpose(1, 2).flatten(0, 1)
        output: Tensor = self.to_out(attended.transpose(1, 2).flatten(2))
        return output


class GatedCrossAttentionBlock(nn.Module):
    """Gated cross-attention before a layer of the language model; its gates start at zero, where it is the identity."""

    def __init__(self, width: int, vision_width: int) -> None:
        super().__init__()
        self.attn = CrossAttention(width, vision_width)
        self.attn_gate = nn.Parameter(torch.zeros(1))
        self.ff = _build_feed_forward(width)
        self.ff_gate = nn.Parameter(torch.zeros(1))

    def forward(self, text: Tensor, keys: Tensor, values: Tensor, attention_mask: Tensor) -> Tensor:
        """Return the text with its residuals; a batch without photos only passes the feed-forward layer.

        Takes the arguments of `CrossAttention.forward`; (rows × beams, length, width) in and out.
        """
        if keys.shape[2]:
            text = text + self.attn_gate.tanh() * self.attn(text, keys, values, attention_mask)
        gated: Tensor = text + self.ff_gate.tanh() * self.ff(text)
        return gated


def _build_feed_forward(width: int) -> nn.Sequential:
    return nn.Sequential(
        nn.LayerNorm(width), nn.Linear(width, 4 * width, bias=False), nn.GELU(), nn.Linear(4 * width, width, bias=False)
    )


def _split_heads(x: Tensor) -> Tensor:
    """(rows, length, HEADS × HEAD_WIDTH) → (rows, HEADS, length, HEAD_WIDTH)."""
    split: Tensor = x.unflatten(-1, (HEADS, HEAD_WIDTH)).transpose(1, 2)
    return split
