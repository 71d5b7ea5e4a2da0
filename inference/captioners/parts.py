"""Load components of `transformers` models, cast them, and find out how many tokens they take."""

from __future__ import annotations

from typing import Any, Final

import torch
from PIL import Image
from torch import Tensor, nn
from transformers import PreTrainedConfig

from inference.captioners.generation.quiet import quiet_transformers
from inference.checkpoints.card import Card

MIN_PROMPT_TOKENS: Final = 32  # for the text of a prompt, besides its photos
DEFAULT_MAX_POSITIONS: Final = 2048  # the relative positions of T5 and BLOOM set no limit


def load_from_state_dict(
    kind: Any, config: PreTrainedConfig, state: dict[str, Tensor], dtype: torch.dtype | str = "auto"
) -> Any:
    """Build a model from a state dict; `transformers` converts names of older versions and ties weights.

    kind: a model class; dtype: of the parameters, "auto" for the state dict's. Raises `ValueError` as
    `check_loading_info` does.
    """
    with quiet_transformers():  # it warns of published T5 models whose embeddings are not tied
        loaded = kind.from_pretrained(None, config=config, state_dict=state, dtype=dtype, output_loading_info=True)
    return check_loading_info(loaded, kind.__name__)


def check_loading_info(loaded: Any, source: object) -> Any:
    """Return the model from the result of `from_pretrained` with `output_loading_info`.

    Raises `ValueError` that names the weights which `source` lacks or has in another shape. A pooler may be missing:
    no family uses one, and many models are published without.
    """
    model, info = loaded
    missing = [name for name in info["missing_keys"] if "pooler" not in name.split(".")]
    if missing or info["mismatched_keys"]:
        raise ValueError(f"{source} lacks {missing}, of other shapes are {info['mismatched_keys']}")
    return model


def cast_parameters(model: nn.Module, dtype: torch.dtype) -> None:
    """Cast the parameters in place; merge adapters before, into weights of the published dtype.

    Buffers keep their dtype, because rotary positions would lose precision. For float16, so do the modules that
    `transformers` lists as `_keep_in_fp32_modules`.
    """
    float32_modules = set(getattr(model, "_keep_in_fp32_modules", None) or ()) if dtype == torch.float16 else set()
    for name, weight in model.named_parameters():
        if float32_modules.isdisjoint(name.split(".")):
            weight.data = weight.data.to(dtype)


def get_max_positions(config: PreTrainedConfig) -> int:
    """Return the context length of a language model in tokens, prompt and output together."""
    names = ("max_position_embeddings", "max_seq_len", "seq_length")
    return next((size for name in names if isinstance(size := getattr(config, name, None), int)), DEFAULT_MAX_POSITIONS)


def make_thumbnail(image: Image.Image, edge: int, resample: Image.Resampling) -> Image.Image:
    """Return a copy whose longer side has at most `edge` pixels."""
    small = image.copy()
    small.thumbnail((edge, edge), resample)
    return small


def check_prompt_budget(card: Card, max_tokens: int, minimum: int = MIN_PROMPT_TOKENS) -> int:
    """Return `max_tokens`, the context length that the generated text leaves for a prompt.

    Raises `CheckpointError` if it is below `minimum`: the card's `max_new_tokens` is too large for the model.
    """
    if max_tokens < minimum:
        raise card.field_error("generation.max_new_tokens")
    return max_tokens
