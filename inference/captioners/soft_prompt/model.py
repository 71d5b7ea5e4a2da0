"""A soft prompt: the features of a vision transformer, projected to the embedding width of a language model.

The design of `captioners/prefix` at full size, from published parts: any ViT, and any decoder of `transformers` that
accepts embeddings, or ruDOLPH ("Multimodal few-shot learning with frozen language models", Tsimpoukelli et al., 2021;
several vectors a photo as in "ClipCap", Mokady et al., 2021). The module handles pixels, ids and embeddings and
knows no prompts.
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

from inference.captioners.parts import load_from_state_dict, load_pretrained
from inference.captioners.prefix.format import IMAGE_TOKENS, MASK_TOKENS
from inference.captioners.rudolph.captioner import MODEL as RUDOLPH
from inference.captioners.rudolph.model import Rudolph, RudolphConfig
from inference.checkpoints import weights
from inference.checkpoints.tokenizers import load_tokenizer

MODEL_TYPE: Final = "soft-prompt"
PHOTO_VECTORS: Final = 10  # the whole photo and a grid of nine cells, as in `captioners/prefix`
TOKENIZER: Final = "tokenizer.json"
_PARTS: Final = ("vision.", "language.", "projection.")
TOKENS: Final = (*IMAGE_TOKENS, "<SINGLE>", "<VARIATIVE>", *MASK_TOKENS)

SaveTokenizer = Callable[[Path], object]


class SoftPrompt(nn.Module):
    """A vision transformer, a linear layer from its width to the language model's, and the language model.

    photo_vectors: embeddings per photo, 1 + g²: the state of the class token and the means of the cells of a g × g grid
    of patches; 1 is the class token alone. Raises `ValueError` for another number.
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

    def encode_images(self, pixels: Tensor) -> Tensor:
        """Encode pixels (photos, 3, edge, edge), normalized for the ViT, as (photos, photo_vectors, width)."""
        states = self.vision(pixel_values=pixels).last_hidden_state
        vectors: Tensor = self.projection(torch.cat((states[:, :1], self._pool_cells(states)), 1))
        return vectors

    def embed(self, input_ids: Tensor) -> Tensor:
        """Embed token ids (length,) as (length, width)."""
        embedded: Tensor = _get_embeddings(self.language)(input_ids)
        return embedded

    def _pool_cells(self, states: Tensor) -> Tensor:
        """Average patch states (photos, tokens, width) over a grid, (photos, grid², width)."""
        if not self.grid:
            return states[:, :0]
        edge = self.vision.config.image_size // self.vision.config.patch_size
        patches = states[:, -(edge**2) :].transpose(1, 2).unflatten(2, (edge, edge))
        return functional.adaptive_avg_pool2d(patches, self.grid).flatten(2).transpose(1, 2)


def build(config: Mapping[str, Any]) -> SoftPrompt:
    """Build the model of a `config.json` with random weights."""
    vision = AutoModel.from_config(_build_config(config["vision"]), trust_remote_code=False)
    return SoftPrompt(vision, _build_language(config["language"]), config["photo_vectors"])


def create(vision: Path, language: Path, photo_vectors: int = PHOTO_VECTORS) -> tuple[SoftPrompt, SaveTokenizer]:
    """Join the models of two folders for training; return the model and a function that saves its tokenizer.

    vision: a ViT as `transformers` saves it; language: a decoder likewise, or a converted ruDOLPH. Tokens for photos,
    diversity and numbers are added to the decoder's vocabulary as ordinary tokens, so that decoding keeps them. Their
    embeddings and the projection are random. ruDOLPH has special ids for photos and spells the others in pieces.
    Raises `UnfitWeights` for a model whose weights are incomplete.
    """
    with weights.name_tensors("vision."):
        encoder = load_pretrained(AutoModel, vision, is_part=True, trust_remote_code=False)
    if _is_rudolph(json.loads((language / "config.json").read_text("utf-8"))):
        rudolph, tokenizer = _load_rudolph(language)
        return SoftPrompt(encoder, rudolph, photo_vectors).eval(), lambda folder: tokenizer.save(
            str(folder / TOKENIZER)
        )
    with weights.name_tensors("language."):
        decoder: Any = load_pretrained(AutoModelForCausalLM, language, trust_remote_code=False)
    words = load_tokenizer(language)
    words.add_tokens(list(TOKENS))
    rows = max(len(words), len(_get_embeddings(decoder).weight))
    # The default fits a normal distribution to all embeddings, which is slow and of no use before training.
    decoder.resize_token_embeddings(rows, mean_resizing=False)
    return SoftPrompt(encoder, decoder, photo_vectors).eval(), words.save_pretrained


def save(model: SoftPrompt, save_tokenizer: SaveTokenizer, folder: Path) -> int:
    """Write `config.json`, `model.safetensors` and the tokenizer; return the number of parameters."""
    config = {
        "model_type": MODEL_TYPE,
        "photo_vectors": model.photo_vectors,
        "vision": _to_table(model.vision.config),
        "language": _to_table(model.language.config),
    }
    (folder / "config.json").write_text(json.dumps(config, indent=2), "utf-8")
    tensors = weights.drop_tied(model.state_dict())
    weights.save_tensors(tensors, folder / "model.safetensors")
    save_tokenizer(folder)
    return sum(tensor.numel() for tensor in tensors.values())


def load(folder: Path) -> SoftPrompt:
    """Load the model of a checkpoint folder for inference. Raises `UnfitWeights`."""
    config = json.loads((folder / "config.json").read_text("utf-8"))
    tensors = weights.load_tensors(folder)
    with torch.device("meta"):  # initializing random weights first would take seconds
        model = build(config)
    with weights.name_tensors("vision."):
        own = weights.select_prefix("vision.", tensors)
        model.vision = _drop_pooler(load_from_state_dict(type(model.vision), model.vision.config, own))
    with weights.name_tensors("language."):
        own = weights.select_prefix("language.", tensors)
        if isinstance(model.language, Rudolph):
            weights.fill_model(model.language, own, assign=True)
        else:
            model.language = load_from_state_dict(type(model.language), model.language.config, own)
    with weights.name_tensors("projection."):
        weights.fill_model(model.projection, weights.select_prefix("projection.", tensors), assign=True)
    weights.check_fit((), (), (name for name in tensors if not name.startswith(_PARTS)))
    return model.eval()


def _drop_pooler(vision: Any) -> Any:
    """Remove the pooler, which only classifiers use; the state of the class token is used as it is."""
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
    """Load a checkpoint of `captioners/rudolph` without its image encoder."""
    config = json.loads((folder / "config.json").read_text("utf-8"))
    with torch.device("meta"):
        model = Rudolph(RudolphConfig(**config["model"]))
    with weights.name_tensors("language."):
        weights.fill_model(model, load_file(folder / RUDOLPH), assign=True)
    return model, Tokenizer.from_file(str(folder / TOKENIZER))


def _get_embeddings(language: PreTrainedModel | Rudolph) -> nn.Embedding:
    embeddings = language.text_embeddings if isinstance(language, Rudolph) else language.get_input_embeddings()
    if not isinstance(embeddings, nn.Embedding):
        raise TypeError(f"{type(language).__name__} has no table of embeddings")
    return embeddings


def _build_config(table: Mapping[str, Any]) -> PretrainedConfig:
    config: PretrainedConfig = AutoConfig.for_model(**table)
    return config


def _to_table(config: PretrainedConfig | RudolphConfig) -> dict[str, Any]:
    """Return what `_build_config` and `_build_language` need: values that differ from the defaults, without labels."""
    if isinstance(config, RudolphConfig):
        return {"model_type": "rudolph"} | asdict(config)
    table = config.to_diff_dict()
    left_out = ("id2label", "label2id", "architectures", "transformers_version", "_name_or_path", "dtype")
    return {name: value for name, value in table.items() if name not in left_out}
