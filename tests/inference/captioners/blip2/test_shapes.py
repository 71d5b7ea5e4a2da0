"""BLIP-2's vision part joined with Russian language models has the published shapes at full size."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from benchmarks.shapes import load_shape
from inference.captioners.blip2.model import build

T5 = {"model_type": "t5", "feed_forward_proj": "relu", "vocab_size": 32101, "d_kv": 64, "is_encoder_decoder": True}
GPT2 = {"model_type": "gpt2", "vocab_size": 50257, "n_positions": 2048}
# Name → configuration and the published number of parameters: a quarter of the file's bytes, the paper's for ruGPT-3.
LANGUAGES: dict[str, tuple[dict[str, Any], int]] = {
    "ai-forever/ruT5-base": (
        T5 | {"d_model": 768, "d_ff": 3072, "num_layers": 12, "num_decoder_layers": 12, "num_heads": 12},
        892_000_000 // 4,
    ),
    "ai-forever/ruT5-large": (
        T5 | {"d_model": 1024, "d_ff": 4096, "num_layers": 24, "num_decoder_layers": 24, "num_heads": 16},
        2_950_000_000 // 4,
    ),
    "ai-forever/rugpt3large_based_on_gpt2": (GPT2 | {"n_embd": 1536, "n_layer": 24, "n_head": 16}, 760_000_000),
}
SIGHT = 1_091_114_496  # the ViT, the Q-Former and its queries, without a projection


@pytest.mark.parametrize("name", LANGUAGES)
def test_a_joined_model_is_the_sum_of_its_parts(name: str) -> None:
    language, size = LANGUAGES[name]
    with torch.device("meta"):
        model = build(load_shape("blip2-flan-t5-xl").config | {"text_config": language})
    numbers = sum(weight.numel() for weight in model.parameters())
    words = sum(weight.numel() for weight in model.language_model.parameters())
    assert words == pytest.approx(size, rel=0.002)
    assert numbers == SIGHT + words + (768 + 1) * model.language_projection.out_features
