"""How photos reach a language model: a few latents a photo, which the text looks at through gates.

"Flamingo: a Visual Language Model for Few-Shot Learning" (Alayrac et al., 2022), in the layout of OpenFlamingo
(mlfoundations/open_flamingo): the names inside the modules are those of its checkpoints.
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
    """The photos of a batch and which token sees which of them.

    latents: (rows, room, width), all photos of a row one behind the other; owners: (rows, room), the number of the
    `<image>` that shows a latent, from 1, and 0 for padding; times: (rows, length), how many `<image>` stand up to and
    at a token. A token sees the latents of the last `<image>`, and nothing before the first.
    """

    latents: Tensor
    owners: Tensor
    times: Tensor

    @classmethod
    def of(cls, photos: Sequence[Tensor], shown: Sequence[Tensor], *, together: bool) -> Media:
        """photos: a (photos, latents, width) tensor a row; shown: (length,) bool a row, true where `<image>` stands.

        Rows may have any number of photos, also none; texts are padded on the left. together: all photos of a row
        belong to one `<image>`, which the model was never trained with; otherwise each photo has its own.
        """
        room = max((each.shape[0] * each.shape[1] for each in photos), default=0)
        length = max((len(each) for each in shown), default=0)
        latents = photos[0].new_zeros(len(photos), room, photos[0].shape[2])
        owners = torch.zeros(len(photos), room, dtype=torch.long, device=latents.device)
        times = torch.zeros(len(photos), length, dtype=torch.long, device=latents.device)
        for row, (each, places) in enumerate(zip(photos, shown, strict=True)):
            size = each.shape[0] * each.shape[1]
            latents[row, :size] = each.flatten(0, 1)
            numbers = torch.arange(each.shape[0], device=latents.device).repeat_interleave(each.shape[1])
            owners[row, :size] = 1 if together else numbers + 1
            times[row, length - len(places) :] = places.to(latents.device).cumsum(0)
        return cls(latents, owners, times)

    def seen(self, length: int) -> Tensor:
        """(rows, length, room): which latents the tokens of a pass see.

        A pass is the prompt, the prompt and what was written behind it, or only the last of what was written.
        """
        behind = length - self.times.shape[1]
        last = self.times[:, -1:]
        times = last.expand(-1, length) if behind < 0 else torch.cat((self.times, last.expand(-1, behind)), 1)
        return (times[:, :, None] == self.owners[:, None]) & (self.owners[:, None] > 0)


class PerceiverAttention(nn.Module):
    """Latents look at the tokens of a photo and at themselves."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm_media = nn.LayerNorm(width)
        self.norm_latents = nn.LayerNorm(width)
        self.to_q = nn.Linear(width, HEADS * HEAD_WIDTH, bias=False)
        self.to_kv = nn.Linear(width, 2 * HEADS * HEAD_WIDTH, bias=False)
        self.to_out = nn.Linear(HEADS * HEAD_WIDTH, width, bias=False)

    def forward(self, tokens: Tensor, latents: Tensor) -> Tensor:
        """(photos, tokens, width) and (photos, latents, width) → what is added to the latents."""
        latents = self.norm_latents(latents)
        read = torch.cat((self.norm_media(tokens), latents), 1)
        keys, values = (_heads(part) for part in self.to_kv(read).chunk(2, -1))
        attended = functional.scaled_dot_product_attention(_heads(self.to_q(latents)), keys, values)
        added: Tensor = self.to_out(attended.transpose(1, 2).flatten(2))
        return added


class PerceiverResampler(nn.Module):
    """However many tokens a photo has, it becomes the same number of latents."""

    def __init__(self, width: int, depth: int, latents: int) -> None:
        super().__init__()
        self.latents = nn.Parameter(torch.randn(latents, width))
        self.layers = nn.ModuleList(
            nn.ModuleList((PerceiverAttention(width), _feed_forward(width))) for _ in range(depth)
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
    """Text looks at the latents of photos. `width` is the text's, `seen_width` the latents'."""

    def __init__(self, width: int, seen_width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.to_q = nn.Linear(width, HEADS * HEAD_WIDTH, bias=False)
        self.to_kv = nn.Linear(seen_width, 2 * HEADS * HEAD_WIDTH, bias=False)
        self.to_out = nn.Linear(HEADS * HEAD_WIDTH, width, bias=False)

    def read(self, latents: Tensor) -> tuple[Tensor, Tensor]:
        """(rows, room, seen width) → keys and values, (rows, HEADS, room, HEAD_WIDTH) each."""
        keys, values = self.to_kv(latents).chunk(2, -1)
        return _heads(keys), _heads(values)

    def forward(self, text: Tensor, keys: Tensor, values: Tensor, seen: Tensor) -> Tensor:
        """(rows × beams, length, width) and what `read` gave for the rows → what is added to the text.

        seen: (rows, length, room). The beams of a row look at the same keys, as if they were one longer text.
        """
        rows, beams, length = len(keys), len(text) // len(keys), text.shape[1]
        queries = _heads(self.to_q(self.norm(text)))
        queries = queries.unflatten(0, (rows, beams)).transpose(1, 2).flatten(2, 3)
        seen = seen.repeat(1, beams, 1)[:, None]
        blind = ~seen.any(-1, keepdim=True)
        # A softmax over nothing has no value: who sees nothing looks at everything, and gets zero for it.
        attended = functional.scaled_dot_product_attention(queries, keys, values, attn_mask=seen | blind)
        attended = attended.masked_fill(blind, 0).unflatten(2, (beams, length)).transpose(1, 2).flatten(0, 1)
        added: Tensor = self.to_out(attended.transpose(1, 2).flatten(2))
        return added


class GatedCrossAttentionBlock(nn.Module):
    """Stands before a layer of the language model; its gates begin at zero, where it changes nothing."""

    def __init__(self, width: int, seen_width: int) -> None:
        super().__init__()
        self.attn = CrossAttention(width, seen_width)
        self.attn_gate = nn.Parameter(torch.zeros(1))
        self.ff = _feed_forward(width)
        self.ff_gate = nn.Parameter(torch.zeros(1))

    def forward(self, text: Tensor, keys: Tensor, values: Tensor, seen: Tensor) -> Tensor:
        """As `CrossAttention`, but returns the text itself. A batch without any photo only passes the second gate."""
        if keys.shape[2]:
            text = text + self.attn_gate.tanh() * self.attn(text, keys, values, seen)
        gated: Tensor = text + self.ff_gate.tanh() * self.ff(text)
        return gated


def _feed_forward(width: int) -> nn.Sequential:
    return nn.Sequential(
        nn.LayerNorm(width), nn.Linear(width, 4 * width, bias=False), nn.GELU(), nn.Linear(4 * width, width, bias=False)
    )


def _heads(x: Tensor) -> Tensor:
    """(rows, length, HEADS × HEAD_WIDTH) → (rows, HEADS, length, HEAD_WIDTH)."""
    split: Tensor = x.unflatten(-1, (HEADS, HEAD_WIDTH)).transpose(1, 2)
    return split
