"""Load components of `transformers` models, cast them, and find out how many tokens they take."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import torch
from PIL import Image
from torch import Tensor, nn
from transformers import PreTrainedConfig

from inference.captioners.generation.quiet import quiet_transformers
from inference.checkpoints import weights
from inference.checkpoints.card import CARD, Card
from inference.errors import CheckpointError

MIN_PROMPT_TOKENS: Final = 32  # for the text of a prompt, besides its photos
DEFAULT_MAX_POSITIONS: Final = 2048  # the relative positions of T5 and BLOOM set no limit


def load_from_state_dict(
    kind: Any, config: PreTrainedConfig, state: dict[str, Tensor], dtype: torch.dtype | str = "auto", **more: Any
) -> Any:
    """Build a model from a state dict; `transformers` converts names of older versions and ties weights.

    kind: a model class; dtype: of the parameters, "auto" for the state dict's; more: arguments of `from_pretrained`.
    Raises `UnfitWeights`.
    """
    return load_pretrained(kind, None, config=config, state_dict=state, dtype=dtype, **more)


def load_pretrained(kind: Any, folder: Path | None, *, is_part: bool = False, **more: Any) -> Any:
    """Load a model of `transformers` from a folder by `kind.from_pretrained`, which fills gaps with random numbers.

    kind: a model class; is_part: the folder may hold more than this model, such as a head for another task; more:
    arguments of `from_pretrained`; `device_map="meta"` compares names and shapes and reads no weights. Raises
    `UnfitWeights` where the files lack a weight, have one in another shape, or have one in excess.
    """
    more |= {"local_files_only": True, "output_loading_info": True, "ignore_mismatched_sizes": True}
    try:
        with quiet_transformers():
            model, info = kind.from_pretrained(folder, **more)
    except OSError:
        if folder:
            weights.list_published(folder)  # raises the error that names the missing file, as that of the hub does not
        raise
    unexpected = () if is_part else info["unexpected_keys"]
    weights.check_fit(info["missing_keys"], info["mismatched_keys"], unexpected)
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


def check_prompt_budget(
    card: Card, max_tokens: int, minimum: int = MIN_PROMPT_TOKENS, field: str = "generation.max_new_tokens"
) -> int:
    """Return `max_tokens`, the context length that the generated text leaves for a prompt.

    Raises `CheckpointError` if it is below `minimum`: the card's `field` is too large for the model. A folder without a
    card has the default, so that its `config.json` says what does not fit.
    """
    if max_tokens < minimum:
        if not (card.folder / CARD).is_file():
            raise CheckpointError(
                "context-short", checkpoint=card.id, file=str(card.folder / "config.json"), lacking=minimum - max_tokens
            )
        raise card.field_error(field)
    return max_tokens
