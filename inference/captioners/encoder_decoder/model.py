"""A vision encoder and a GPT-2 that looks at photos while it writes: `VisionEncoderDecoderModel` of `transformers`.

The published class shows one photo a row. Here a row sees any number of photos, or none: their states stand behind
each other, which cross-attention, having no positions, takes at any length. It handles pixels and token ids and knows
no tokenizer and no prompt.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import VisionEncoderDecoderConfig, VisionEncoderDecoderModel
from transformers.models.gpt2.modeling_gpt2 import GPT2Attention, GPT2LMHeadModel

from inference.captioners.generation.writer import generate
from inference.captioners.parts import whole


@dataclass(frozen=True, slots=True)
class CrossAttentionCache:
    """What one layer sees of the prompts that have the same number of photos.

    prompts: their places in the batch, (prompts,); keys, values: (prompts, heads, photos · states, width / heads).
    """

    prompts: Tensor
    keys: Tensor
    values: Tensor


class CrossAttention(nn.Module):
    """GPT-2's cross-attention over different numbers of photos a prompt, with the published weights.

    Keys and values are made once a prompt, not once a beam, and nothing is padded: no row pays for another's photos.
    The row of a prompt without photos gets zeros, so that its block is that of a GPT-2 without an encoder.
    """

    def __init__(self, published: GPT2Attention) -> None:
        super().__init__()
        self.c_attn, self.q_attn, self.c_proj = published.c_attn, published.q_attn, published.c_proj
        self._heads: int = published.num_heads
        self._scaling: float = published.scaling
        self._prompts = 0
        self._seen: tuple[CrossAttentionCache, ...] = ()

    @contextmanager
    def looking_at(self, rows: Sequence[Tensor]) -> Iterator[None]:
        """While it lasts, prompt n sees the states in `rows[n]`, (states, width); there may be none."""
        self._prompts = len(rows)
        lengths = sorted({len(row) for row in rows if len(row)})
        self._seen = tuple(self._look(rows, [n for n, row in enumerate(rows) if len(row) == each]) for each in lengths)
        try:
            yield
        finally:
            self._seen = ()

    def forward(self, hidden_states: Tensor, **_: object) -> tuple[Tensor, None]:
        """(rows, length, width) → (rows, length, width); rows are the prompts in order, each with its beams."""
        asked = hidden_states.reshape(self._prompts, -1, hidden_states.shape[-1])
        answers = torch.zeros_like(asked)
        for seen in self._seen:
            queries = self._split(self.q_attn(asked[seen.prompts]))
            found = functional.scaled_dot_product_attention(queries, seen.keys, seen.values, scale=self._scaling)
            answers[seen.prompts] = self.c_proj(found.transpose(1, 2).flatten(2))
        return answers.view(hidden_states.shape), None

    def _look(self, rows: Sequence[Tensor], prompts: list[int]) -> CrossAttentionCache:
        states = torch.stack([rows[number] for number in prompts])
        keys, values = self.c_attn(states).chunk(2, -1)
        return CrossAttentionCache(torch.tensor(prompts, device=states.device), self._split(keys), self._split(values))

    def _split(self, x: Tensor) -> Tensor:
        """(rows, length, width) → (rows, heads, length, width / heads)."""
        heads: Tensor = x.unflatten(-1, (self._heads, -1)).transpose(1, 2)
        return heads


class MultiPhotoDecoder:
    """A published encoder and decoder, joined by cross-attention to any number of photos. One thread at a time."""

    def __init__(self, model: VisionEncoderDecoderModel) -> None:
        if not isinstance(model.decoder, GPT2LMHeadModel):
            raise ValueError(f"{type(model.decoder).__name__} is no GPT-2")
        self.decoder: Any = model.decoder  # its types do not say that it generates
        self._encoder = model.encoder
        self._project: nn.Module = getattr(model, "enc_to_dec_proj", nn.Identity())
        blocks: list[Any] = list(self.decoder.transformer.h)
        self._layers = [CrossAttention(block.crossattention) for block in blocks]
        for block, layer in zip(blocks, self._layers, strict=True):
            block.crossattention = layer

    @property
    def positions(self) -> int:
        """How many tokens a prompt and its text may have together."""
        positions: int = self.decoder.config.n_positions
        return positions

    @property
    def dtype(self) -> torch.dtype:
        """Of the weights."""
        dtype: torch.dtype = self.decoder.dtype
        return dtype

    def look(self, pixels: Tensor) -> Tensor:
        """(photos, 3, height, width) → what the decoder sees of them, (photos, states, width)."""
        states = self._encoder(pixel_values=pixels.to(self.decoder.device, self.dtype)).last_hidden_state
        seen: Tensor = self._project(states)
        return seen

    @contextmanager
    def looking_at(self, rows: Sequence[Tensor]) -> Iterator[None]:
        """While it lasts, the decoder's prompt n sees the states in `rows[n]`, (states, width); there may be none."""
        with ExitStack() as stack:
            for layer in self._layers:
                stack.enter_context(layer.looking_at(rows))
            yield

    def write(self, ids: Sequence[Sequence[int]], rows: Sequence[Tensor], **settings: Any) -> Tensor:
        """What the decoder writes behind each prompt's ids, (prompts, tokens); `settings` go to `generate`.

        rows: the states that each prompt sees, (states, width) with any number of states.
        """
        longest = max(map(len, ids))
        padded = torch.tensor([[0] * (longest - len(row)) + list(row) for row in ids], device=self.decoder.device)
        mask = torch.tensor([[0] * (longest - len(row)) + [1] * len(row) for row in ids], device=self.decoder.device)
        with self.looking_at(rows):
            # The blocks ask their cross-attention only where there are states; these tell that there are.
            states = padded.new_zeros(len(padded), 1, 1, dtype=self.dtype)
            output_ids = generate(
                self.decoder, input_ids=padded, attention_mask=mask, encoder_hidden_states=states, **settings
            )
        return output_ids[:, longest:]


def build(config: Mapping[str, Any]) -> VisionEncoderDecoderModel:
    """The model of a published configuration, its weights random."""
    return VisionEncoderDecoderModel(VisionEncoderDecoderConfig(**config))


def load(folder: Path, dtype: torch.dtype | str) -> VisionEncoderDecoderModel:
    """The model of a folder, on the CPU. dtype: of its numbers, "auto" as they are in the files.

    Raises `ValueError` for a folder that lacks weights.
    """
    loaded = VisionEncoderDecoderModel.from_pretrained(
        folder, dtype=dtype, local_files_only=True, use_safetensors=True, output_loading_info=True
    )
    model: VisionEncoderDecoderModel = whole(loaded, folder)
    model.encoder.pooler = None
    model.eval()
    return model
