"""A vision encoder and a GPT-2 with cross-attention, `VisionEncoderDecoderModel` of `transformers`, for several photos.

The published class takes one photo per row. Here a row attends to any number of photos, or none: their states are
concatenated, and cross-attention, which has no positions, takes any length. Handles pixels and token ids, and knows no
tokenizer and no prompt.
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

from inference.captioners.generation.writer import generate, pad_left
from inference.captioners.parts import load_pretrained


@dataclass(frozen=True, slots=True)
class CrossAttentionCache:
    """Keys and values of one layer for the prompts with the same number of photos.

    prompts: (prompts,) int64, their indices in the batch. keys, values: (prompts, heads, photos · states, width /
    heads).
    """

    prompts: Tensor
    keys: Tensor
    values: Tensor


class CrossAttention(nn.Module):
    """GPT-2's cross-attention, with the published weights, over a different number of photos per prompt.

    Keys and values are computed once per prompt, not per beam, and nothing is padded. Rows without photos get zeros,
    which makes their block that of a GPT-2 without an encoder.
    """

    def __init__(self, published: GPT2Attention) -> None:
        super().__init__()
        self.c_attn, self.q_attn, self.c_proj = published.c_attn, published.q_attn, published.c_proj
        self._heads: int = published.num_heads
        self._scaling: float = published.scaling
        self._prompts = 0
        self._caches: tuple[CrossAttentionCache, ...] = ()

    @contextmanager
    def attend_to(self, rows: Sequence[Tensor]) -> Iterator[None]:
        """Attend, inside the context, from prompt n to the states `rows[n]`, (states, width); there may be none."""
        self._prompts = len(rows)
        lengths = sorted({len(row) for row in rows if len(row)})
        self._caches = tuple(
            self._build_cache(rows, [n for n, row in enumerate(rows) if len(row) == each]) for each in lengths
        )
        try:
            yield
        finally:
            self._caches = ()

    def forward(self, hidden_states: Tensor, **_: object) -> tuple[Tensor, None]:
        """(rows, length, width) → (rows, length, width); rows are the prompts in order, each with its beams."""
        grouped = hidden_states.reshape(self._prompts, -1, hidden_states.shape[-1])
        output = torch.zeros_like(grouped)
        for cache in self._caches:
            queries = self._split(self.q_attn(grouped[cache.prompts]))
            attended = functional.scaled_dot_product_attention(queries, cache.keys, cache.values, scale=self._scaling)
            output[cache.prompts] = self.c_proj(attended.transpose(1, 2).flatten(2))
        return output.view(hidden_states.shape), None

    def _build_cache(self, rows: Sequence[Tensor], prompts: list[int]) -> CrossAttentionCache:
        states = torch.stack([rows[number] for number in prompts])
        keys, values = self.c_attn(states).chunk(2, -1)
        return CrossAttentionCache(torch.tensor(prompts, device=states.device), self._split(keys), self._split(values))

    def _split(self, x: Tensor) -> Tensor:
        """(rows, length, width) → (rows, heads, length, width / heads)."""
        heads: Tensor = x.unflatten(-1, (self._heads, -1)).transpose(1, 2)
        return heads


class MultiPhotoDecoder:
    """A published encoder and decoder with cross-attention to any number of photos. Not thread-safe."""

    def __init__(self, model: VisionEncoderDecoderModel) -> None:
        if not isinstance(model.decoder, GPT2LMHeadModel):
            raise ValueError(f"{type(model.decoder).__name__} is no GPT-2")
        self.decoder: Any = model.decoder  # `PreTrainedModel` is not typed as having `generate`
        self._encoder = model.encoder
        self._project: nn.Module = getattr(model, "enc_to_dec_proj", nn.Identity())
        blocks: list[Any] = list(self.decoder.transformer.h)
        self._layers = [CrossAttention(block.crossattention) for block in blocks]
        for block, layer in zip(blocks, self._layers, strict=True):
            block.crossattention = layer

    @property
    def positions(self) -> int:
        """Maximum number of tokens of a prompt and its text together."""
        positions: int = self.decoder.config.n_positions
        return positions

    @property
    def dtype(self) -> torch.dtype:
        """Data type of the weights."""
        dtype: torch.dtype = self.decoder.dtype
        return dtype

    def encode_images(self, pixels: Tensor) -> Tensor:
        """Encode pixels, (photos, 3, height, width), as the states for cross-attention, (photos, states, width)."""
        states = self._encoder(pixel_values=pixels.to(self.decoder.device, self.dtype)).last_hidden_state
        projected: Tensor = self._project(states)
        return projected

    @contextmanager
    def attend_to(self, rows: Sequence[Tensor]) -> Iterator[None]:
        """Attend, inside the context, from prompt n to the states `rows[n]`, (states, width); there may be none."""
        with ExitStack() as stack:
            for layer in self._layers:
                stack.enter_context(layer.attend_to(rows))
            yield

    def generate(self, input_ids: Sequence[Sequence[int]], rows: Sequence[Tensor], **settings: Any) -> Tensor:
        """Return the ids that continue each prompt, (prompts, tokens) int64; `settings` are passed to `generate`.

        rows: encoder states of each prompt, (states, width) with any number of states.
        """
        padded, mask = pad_left([torch.tensor(row, device=self.decoder.device) for row in input_ids])
        # GPT-2 skips its cross-attention without encoder states; these only turn it on.
        states = padded.new_zeros(len(padded), 1, 1, dtype=self.dtype)
        settings |= {"input_ids": padded, "attention_mask": mask, "encoder_hidden_states": states}
        with self.attend_to(rows):
            return generate(self.decoder, **settings)[:, padded.shape[1] :]


def build(config: Mapping[str, Any]) -> VisionEncoderDecoderModel:
    """Build the model of a published configuration with random weights."""
    return VisionEncoderDecoderModel(VisionEncoderDecoderConfig(**config))


def load(folder: Path, dtype: torch.dtype | str, device: str | None = None) -> VisionEncoderDecoderModel:
    """Load the model of a folder onto the CPU or onto the device `meta`, in evaluation mode.

    dtype: of the weights; "auto" keeps that of the files. Raises `UnfitWeights`.
    """
    model: VisionEncoderDecoderModel = load_pretrained(
        VisionEncoderDecoderModel, folder, dtype=dtype, use_safetensors=True, device_map=device
    )
    model.encoder.pooler = None
    model.eval()
    return model
