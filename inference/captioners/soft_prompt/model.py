"""A soft prompt: what a vision transformer saw in photos, projected to the width of a language model's embeddings.

The design of `captioners/prefix` at full size, of published parts: any ViT, and any decoder of `transformers` that
reads embeddings, or ruDOLPH ("Multimodal few-shot learning with frozen language models", Tsimpoukelli et al., 2021;
several vectors a photo as in "ClipCap", Mokady et al., 2021). It handles pixels, ids and embeddings and knows no
prompt.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForCausalLM,
    PretrainedConfig,
    PreTrainedModel,
)

from inference.captioners.parts import filled
from inference.captioners.prefix.format import IMAGE_TOKENS, MASK_TOKENS
from inference.captioners.rudolph.captioner import MODEL as RUDOLPH
from inference.captioners.rudolph.model import Rudolph, RudolphConfig
from inference.checkpoints import weights
from inference.checkpoints.tokenizers import read_tokenizer

MODEL_TYPE: Final = "soft-prompt"
PHOTO_VECTORS: Final = 10  # the whole photo and a grid of nine cells, as the small model has it
TOKENIZER: Final = "tokenizer.json"
TOKENS: Final = (*IMAGE_TOKENS, "<SINGLE>", "<VARIATIVE>", *MASK_TOKENS)

SaveTokenizer = Callable[[Path], object]


class SoftPrompt(nn.Module):
    """A vision transformer, a linear layer from its width to the language model's, and the language model.

    photo_vectors: how many embeddings stand for a photo: 1 + g², its class token's state and the means of the cells of
    a g × g grid over its patches; 1 is the class token alone. Raises `ValueError` for another number.
    """

    def __init__(self, vision: PreTrainedModel, language: PreTrainedModel | Rudolph, photo_vectors: int) -> None:
        super().__init__()
        self.photo_vectors = photo_vectors
        self.grid = math.isqrt(photo_vectors - 1)
        if 1 + self.grid**2 != photo_vectors:
            raise ValueError(f"{photo_vectors} vectors a photo: not one and a square")
        self.vision = _drop_pooler(vision)
        self.projection = nn.Linear(vision.config.hidden_size, _get_embeddings(language).weight.shape[1])
        self.language = language

    def look(self, pixels: Tensor) -> Tensor:
        """Pixels (photos, 3, edge, edge) → embeddings (photos, photo_vectors, width)."""
        states = self.vision(pixel_values=pixels).last_hidden_state
        vectors: Tensor = self.projection(torch.cat((states[:, :1], self._cells(states)), 1))
        return vectors

    def embed(self, ids: Tensor) -> Tensor:
        """Token ids (length,) → embeddings (length, width)."""
        embedded: Tensor = _get_embeddings(self.language)(ids)
        return embedded

    def _cells(self, states: Tensor) -> Tensor:
        """Means over a grid of patches: (photos, tokens, width) → (photos, grid², width)."""
        if not self.grid:
            return states[:, :0]
        edge = self.vision.config.image_size // self.vision.config.patch_size
        patches = states[:, -(edge**2) :].transpose(1, 2).unflatten(2, (edge, edge))
        return functional.adaptive_avg_pool2d(patches, self.grid).flatten(2).transpose(1, 2)


def build(config: Mapping[str, Any]) -> SoftPrompt:
    """The model of a `config.json`, its weights random."""
    vision = AutoModel.from_config(_build_config(config["vision"]), trust_remote_code=False)
    return SoftPrompt(vision, _build_language(config["language"]), config["photo_vectors"])


def create(vision: Path, language: Path, photo_vectors: int = PHOTO_VECTORS) -> tuple[SoftPrompt, SaveTokenizer]:
    """A model of two folders, to be trained, and what writes its tokenizer into a folder; the projection is random.

    vision: a ViT as `transformers` saves it; language: a decoder likewise, or a ruDOLPH that was imported. The tokens
    that stand for photos, diversity and numbers become words of the decoder's tokenizer, which decoding keeps, and
    their embeddings are random; ruDOLPH has special ids for photos, and spells the others in pieces.
    """
    eyes = AutoModel.from_pretrained(vision, local_files_only=True, trust_remote_code=False)
    if _is_rudolph(json.loads((language / "config.json").read_text("utf-8"))):
        rudolph, tokenizer = _load_rudolph(language)
        return SoftPrompt(eyes, rudolph, photo_vectors).eval(), lambda folder: tokenizer.save(str(folder / TOKENIZER))
    speaker: Any = AutoModelForCausalLM.from_pretrained(language, local_files_only=True, trust_remote_code=False)
    words = read_tokenizer(language)
    words.add_tokens(list(TOKENS))
    rows = max(len(words), len(_get_embeddings(speaker).weight))
    speaker.resize_token_embeddings(rows, mean_resizing=False)
    return SoftPrompt(eyes, speaker, photo_vectors).eval(), words.save_pretrained


def save(model: SoftPrompt, save_tokenizer: SaveTokenizer, folder: Path) -> int:
    """Write `config.json`, `model.safetensors` and the tokenizer; returns how many numbers the weights are."""
    config = {
        "model_type": MODEL_TYPE,
        "photo_vectors": model.photo_vectors,
        "vision": _to_table(model.vision.config),
        "language": _to_table(model.language.config),
    }
    (folder / "config.json").write_text(json.dumps(config, indent=2), "utf-8")
    tensors = weights.once(model.state_dict())
    weights.save(tensors, folder / "model.safetensors")
    save_tokenizer(folder)
    return sum(tensor.numel() for tensor in tensors.values())


def load(folder: Path) -> SoftPrompt:
    """The model of a checkpoint folder, for inference. Raises `ValueError` when its weights do not fit."""
    config = json.loads((folder / "config.json").read_text("utf-8"))
    tensors = weights.read(folder)
    with torch.device("meta"):
        model = build(config)
    model.vision = _drop_pooler(filled(type(model.vision), model.vision.config, weights.below("vision.", tensors)))
    own = weights.below("language.", tensors)
    if isinstance(model.language, Rudolph):
        model.language.load_state_dict(own, assign=True)
    else:
        model.language = filled(type(model.language), model.language.config, own)
    model.projection.load_state_dict(weights.below("projection.", tensors), assign=True)
    return model.eval()


def _drop_pooler(vision: Any) -> Any:
    """A vision transformer without what only classifiers read; here the class token's own state is read."""
    if hasattr(vision, "pooler"):
        vision.pooler = None
    return vision


def _build_language(table: Mapping[str, Any]) -> PreTrainedModel | Rudolph:
    if _is_rudolph(table):
        return Rudolph(RudolphConfig(**{name: value for name, value in table.items() if name != "model_type"}))
    model: PreTrainedModel = AutoModelForCausalLM.from_config(_build_config(table), trust_remote_code=False)
    return model


def _is_rudolph(table: Mapping[str, Any]) -> bool:
    return bool(table["model_type"] == "rudolph")


def _load_rudolph(folder: Path) -> tuple[Rudolph, Tokenizer]:
    """A ruDOLPH as `captioners/rudolph` keeps it; the encoder of its images is not needed."""
    config = json.loads((folder / "config.json").read_text("utf-8"))
    with torch.device("meta"):
        model = Rudolph(RudolphConfig(**config["model"]))
    model.load_state_dict(load_file(folder / RUDOLPH), assign=True)
    return model, Tokenizer.from_file(str(folder / TOKENIZER))


def _get_embeddings(language: PreTrainedModel | Rudolph) -> nn.Embedding:
    found = language.text_embeddings if isinstance(language, Rudolph) else language.get_input_embeddings()
    if not isinstance(found, nn.Embedding):
        raise TypeError(f"{type(language).__name__} has no table of embeddings")
    return found


def _build_config(table: Mapping[str, Any]) -> PretrainedConfig:
    config: PretrainedConfig = AutoConfig.for_model(**table)
    return config


def _to_table(config: PretrainedConfig | RudolphConfig) -> dict[str, Any]:
    """What `_config` and `_language` read: what differs from the defaults, without the labels of a classifier."""
    if isinstance(config, RudolphConfig):
        return {"model_type": "rudolph"} | asdict(config)
    table = config.to_diff_dict()
    left_out = ("id2label", "label2id", "architectures", "transformers_version", "_name_or_path", "dtype")
    return {name: value for name, value in table.items() if name not in left_out}
