"""What the families have in common that join models of `transformers`: weights into parts, their room, small photos."""

from __future__ import annotations

from typing import Any, Final

import torch
from PIL import Image
from torch import Tensor, nn
from transformers import PreTrainedConfig

from inference.captioners.generation.quiet import quiet_transformers
from inference.checkpoints.card import Card

FEWEST_WORDS: Final = 32  # tokens that a prompt's fields have room for beside its photos
UNSAID: Final = 2048  # positions of a model that does not say how many: T5 and BLOOM would read without end


def filled(kind: Any, config: PreTrainedConfig, state: dict[str, Tensor], dtype: torch.dtype | str = "auto") -> Any:
    """A part with its weights: `transformers` knows the names of older versions, and which weights are one.

    kind: a model's class; dtype: of its numbers, "auto" as they are. Raises `ValueError` as `whole` does.
    """
    with quiet_transformers():  # it would warn of T5s whose two embeddings are two, as they were published
        loaded = kind.from_pretrained(None, config=config, state_dict=state, dtype=dtype, output_loading_info=True)
    return whole(loaded, kind.__name__)


def whole(loaded: Any, source: object) -> Any:
    """The model of what `from_pretrained` returns with `output_loading_info`.

    Raises `ValueError` naming the weights that `source` lacks or has in another shape; a pooler may be missing, as
    nothing here reads one and many models are published without.
    """
    model, told = loaded
    missing = [name for name in told["missing_keys"] if "pooler" not in name.split(".")]
    if missing or told["mismatched_keys"]:
        raise ValueError(f"{source} lacks {missing}, of other shapes are {told['mismatched_keys']}")
    return model


def cast(model: nn.Module, dtype: torch.dtype) -> None:
    """Give the parameters another type. Adapters are merged before, into the numbers as they were published.

    Buffers stay, of which rotary positions would lose their exactness, and so does in float16 what `transformers`
    keeps in float32.
    """
    kept = set(getattr(model, "_keep_in_fp32_modules", None) or ()) if dtype == torch.float16 else set()
    for name, weight in model.named_parameters():
        if kept.isdisjoint(name.split(".")):
            weight.data = weight.data.to(dtype)


def positions(config: PreTrainedConfig) -> int:
    """How many tokens a language model reads and writes at once."""
    names = ("max_position_embeddings", "max_seq_len", "seq_length")
    return next((size for name in names if isinstance(size := getattr(config, name, None), int)), UNSAID)


def thumbnail(image: Image.Image, edge: int, resample: Image.Resampling) -> Image.Image:
    """A copy whose longer side has at most `edge` pixels."""
    small = image.copy()
    small.thumbnail((edge, edge), resample)
    return small


def enough(card: Card, room: int, least: int = FEWEST_WORDS) -> int:
    """`room`: how many tokens a prompt may have beside what is written.

    Raises `CheckpointError` where they are fewer than `least`: the card asks for a text too long for its model.
    """
    if room < least:
        raise card.field_error("generation.max_new_tokens")
    return room
