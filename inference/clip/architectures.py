"""Configurations and untrained models of the published CLIP formats: ruCLIP's, OpenCLIP's and `transformers`'.

ruCLIP's `config.json` names the sizes of all of them. Knows no weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, cast

from transformers import AutoConfig, CLIPConfig, CLIPModel

from inference.clip.dual_encoder import build_model
from inference.clip.resnet import GROWTH, REDUCTION

HEAD_DIM: Final = 64  # width of an attention head in all models of OpenAI's that state none
PAD_TOKEN_ID: Final = 0  # behind the end token, where attention is causal and the value has no effect


def build_ruclip_config(sizes: Mapping[str, Any]) -> CLIPConfig:
    """Build the configuration of a ruCLIP from its published `config.json`."""
    return build_config(sizes, begin=2, end=3)


def build_ruclip(sizes: Mapping[str, Any]) -> CLIPModel:
    """Build a ruCLIP with random weights from its published `config.json`."""
    return cast(CLIPModel, build_model(build_ruclip_config(sizes)))


def build_openclip(model: Mapping[str, Any]) -> CLIPModel:
    """Build an OpenCLIP model with random weights from its published `model_cfg`; its tokens are OpenAI's."""
    return cast(CLIPModel, build_model(build_config(read_openclip_sizes(model), begin=49406, end=49407)))


def build_transformers_clip(config: Mapping[str, Any]) -> CLIPModel:
    """Build a model with random weights from its published `config.json`."""
    return cast(CLIPModel, build_model(AutoConfig.for_model(**config)))


def read_openclip_sizes(model: Mapping[str, Any]) -> dict[str, Any]:
    """Return the sizes in `model_cfg` of `open_clip_config.json` under the keys of ruCLIP's `config.json`."""
    vision, text = model["vision_cfg"], model["text_cfg"]
    return {
        "embed_dim": model["embed_dim"],
        "image_resolution": vision["image_size"],
        "vision_layers": vision["layers"],
        "vision_width": vision["width"],
        "vision_patch_size": vision["patch_size"],
        "vision_head": vision.get("head_width", HEAD_DIM),
        "context_length": text["context_length"],
        "vocab_size": text["vocab_size"],
        "transformer_width": text["width"],
        "transformer_heads": text["heads"],
        "transformer_layers": text["layers"],
        "hidden_act": "quick_gelu" if model.get("quick_gelu") else "gelu",
    }


def build_config(sizes: Mapping[str, Any], begin: int, end: int) -> CLIPConfig:
    """Build a configuration from `sizes` under the keys of ruCLIP's `config.json`.

    `vision_layers` is a number for a vision transformer, a list of four for the stages of a residual network. begin,
    end: ids of the tokens around a text, which is pooled at its first `end`.
    """
    common = {"hidden_act": sizes.get("hidden_act", "quick_gelu"), "layer_norm_eps": 1e-5}
    common |= {"projection_dim": sizes["embed_dim"]}
    text = {
        "vocab_size": sizes["vocab_size"],
        "hidden_size": sizes["transformer_width"],
        "intermediate_size": 4 * sizes["transformer_width"],
        "num_hidden_layers": sizes["transformer_layers"],
        "num_attention_heads": sizes["transformer_heads"],
        "max_position_embeddings": sizes["context_length"],
        "bos_token_id": begin,
        "eos_token_id": end,
        "pad_token_id": PAD_TOKEN_ID,
    }
    vision = _build_vision_config(sizes) | common
    return CLIPConfig(text_config=text | common, vision_config=vision, projection_dim=sizes["embed_dim"])


def _build_vision_config(sizes: Mapping[str, Any]) -> dict[str, Any]:
    layers, width = sizes["vision_layers"], sizes["vision_width"]
    is_residual = isinstance(layers, list)
    hidden = 8 * GROWTH * width if is_residual else width
    own = {"stages": layers, "num_hidden_layers": 0} if is_residual else {"num_hidden_layers": layers}
    return own | {
        "hidden_size": hidden,
        "intermediate_size": 4 * hidden,
        "num_attention_heads": hidden // sizes.get("vision_head", HEAD_DIM),
        "image_size": sizes["image_resolution"],
        "patch_size": REDUCTION if is_residual else sizes["vision_patch_size"],
    }
