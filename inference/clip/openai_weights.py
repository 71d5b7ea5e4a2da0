"""Weights of dual encoders under OpenAI's names: their names in `transformers`, and the sizes that they imply.

Source of the names: openai/CLIP at d05afc4.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import isqrt
from typing import Any, Final

from torch import Tensor

from inference.clip.architectures import HEAD_DIM
from inference.clip.resnet import REDUCTION
from inference.errors import UnfitWeights

# OpenAI's layer of a block → that of `transformers`, for weights and biases.
_BLOCK: Final = {
    "attn.out_proj": "self_attn.out_proj",
    "ln_1": "layer_norm1",
    "ln_2": "layer_norm2",
    "mlp.c_fc": "mlp.fc1",
    "mlp.c_proj": "mlp.fc2",
}
# Weights outside of blocks. The misspelling is `transformers`' own.
_SINGLE: Final = {
    "logit_scale": "logit_scale",
    "token_embedding.weight": "text_model.embeddings.token_embedding.weight",
    "positional_embedding": "text_model.embeddings.position_embedding.weight",
    "ln_final.weight": "text_model.final_layer_norm.weight",
    "ln_final.bias": "text_model.final_layer_norm.bias",
    "visual.class_embedding": "vision_model.embeddings.class_embedding",
    "visual.conv1.weight": "vision_model.embeddings.patch_embedding.weight",
    "visual.positional_embedding": "vision_model.embeddings.position_embedding.weight",
    "visual.ln_pre.weight": "vision_model.pre_layrnorm.weight",
    "visual.ln_pre.bias": "vision_model.pre_layrnorm.bias",
    "visual.ln_post.weight": "vision_model.post_layernorm.weight",
    "visual.ln_post.bias": "vision_model.post_layernorm.bias",
}
# `transformers` stores these as linear layers, whose weights are transposed.
_TRANSPOSED: Final = {"text_projection": "text_projection.weight", "visual.proj": "visual_projection.weight"}
_TOWERS: Final = {
    "transformer.resblocks": "text_model.encoder.layers",
    "visual.transformer.resblocks": "vision_model.encoder.layers",
}
# Last parts of the names of tensors that are no weights: sizes in OpenAI's archives, the causal mask in early files of
# OpenCLIP, the counters of batch norms.
_NON_WEIGHTS: Final = frozenset(
    {"input_resolution", "context_length", "vocab_size", "attn_mask", "num_batches_tracked"}
)
# Width → number of layers of OpenAI's models: a file without the last layer has to be refused.
_TEXT_LAYERS: Final = {512: 12, 640: 12, 768: 12}
_VISION_LAYERS: Final = {768: 12, 1024: 24}
# Present in a residual network alone.
_RESIDUAL: Final = "visual.attnpool.positional_embedding"


def rename_weights(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename OpenAI's weights to those of `CLIPModel`; a residual network keeps its names.

    Raises `UnfitWeights` for a weight of another architecture.
    """
    is_residual = _RESIDUAL in state
    named_weights = ((name, weight) for name, weight in state.items() if name.rpartition(".")[2] not in _NON_WEIGHTS)
    return dict(pair for name, weight in named_weights for pair in _rename_weight(name, weight, is_residual))


def _rename_weight(name: str, weight: Tensor, is_residual: bool) -> Iterator[tuple[str, Tensor]]:
    if is_residual and name.startswith("visual."):
        yield name.replace("visual", "vision_model", 1), weight
    elif name in _SINGLE:
        yield _SINGLE[name], weight
    elif name in _TRANSPOSED:
        yield _TRANSPOSED[name], weight.T
    else:
        tower, number, part, kind = _parse_name(name)
        start = f"{_TOWERS[tower]}.{number}"
        if part == "attn.in_proj":
            for letter, third in zip("qkv", weight.chunk(3), strict=True):
                yield f"{start}.self_attn.{letter}_proj.{kind}", third
        else:
            yield f"{start}.{_BLOCK[part]}.{kind}", weight


def _parse_name(name: str) -> tuple[str, str, str, str]:
    """Split `visual.transformer.resblocks.3.mlp.c_fc.weight` into tower, block number, layer and "weight" or "bias"."""
    tower, separator, rest = name.partition("resblocks.")
    number, _, rest = rest.partition(".")
    part, _, kind = rest.replace("in_proj_", "in_proj.").rpartition(".")
    tower += "resblocks"
    if not separator or tower not in _TOWERS or part not in (*_BLOCK, "attn.in_proj"):
        raise UnfitWeights("weights-unexpected", tensor=name)
    return tower, number, part, kind


def infer_sizes(state: Mapping[str, Tensor]) -> dict[str, Any]:
    """Infer the sizes of a model from its weights, under the keys of ruCLIP's `config.json`."""
    width = state["ln_final.weight"].shape[0]
    vision = _infer_resnet_sizes(state) if _RESIDUAL in state else _infer_vit_sizes(state)
    return vision | {
        "embed_dim": state["text_projection"].shape[1],
        "context_length": len(state["positional_embedding"]),
        "vocab_size": len(state["token_embedding.weight"]),
        "transformer_width": width,
        "transformer_heads": width // HEAD_DIM,
        "transformer_layers": _count_layers(state, "transformer.resblocks.", _TEXT_LAYERS.get(width, 0)),
    }


def _infer_vit_sizes(state: Mapping[str, Tensor]) -> dict[str, Any]:
    width, _, patch, _ = state["visual.conv1.weight"].shape
    return {
        "image_resolution": patch * _grid_size(state["visual.positional_embedding"]),
        "vision_layers": _count_layers(state, "visual.transformer.resblocks.", _VISION_LAYERS.get(width, 0)),
        "vision_width": width,
        "vision_patch_size": patch,
    }


def _infer_resnet_sizes(state: Mapping[str, Tensor]) -> dict[str, Any]:
    return {
        "image_resolution": REDUCTION * _grid_size(state[_RESIDUAL]),
        "vision_layers": [_count_layers(state, f"visual.layer{stage}.") for stage in range(1, 5)],
        "vision_width": state["visual.conv3.weight"].shape[0],
    }


def _count_layers(state: Mapping[str, Tensor], prefix: str, least: int = 0) -> int:
    """Return the number of layers by the highest number behind a prefix, at least `least`."""
    numbers = {name.removeprefix(prefix).partition(".")[0] for name in state if name.startswith(prefix)}
    return max(least, *(1 + int(number) for number in numbers), 0)


def _grid_size(positions: Tensor) -> int:
    """Return the cells along an edge of the photo; the first position is that of the class token."""
    return isqrt(len(positions) - 1)
