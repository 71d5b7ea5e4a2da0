"""BLIP-2: a Q-Former condenses the patches of a ViT into a fixed number of tokens for a language model.

"BLIP-2" (Li et al., 2023); several photos as in "mBLIP" (Geigle et al., 2023). The parts are those of `transformers`;
they are joined here so that any language model fits and no placeholder tokens are needed. Handles pixels and
embeddings, and knows no prompts, tokens or checkpoint formats.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForSeq2SeqLM,
    Blip2Config,
    Blip2QFormerModel,
    Blip2VisionModel,
    PreTrainedModel,
)

from inference.captioners.parts import cast_parameters, load_from_state_dict
from inference.checkpoints import weights
from inference.errors import UnfitWeights

LANGUAGE, VISION, QFORMER, PROJECTION = "language_model.", "vision_model.", "qformer.", "language_projection."
HEAD = "lm_head.weight"
QUERIES, POSITIONS = "query_tokens", "photo_positions"


class Blip2(nn.Module):
    """ViT, Q-Former, projection and language model under their published names.

    photo_positions: (photos, vision width), added to the ViT's states of the first, second … photo where one Q-Former
    pass covers several photos. None adds nothing, and the photos have no order.
    """

    def __init__(
        self, vision: Blip2VisionModel, qformer: Blip2QFormerModel, queries: int, language: PreTrainedModel
    ) -> None:
        super().__init__()
        width = qformer.config.hidden_size
        self.vision_model = vision
        self.qformer = qformer
        self.language_model = language
        self.query_tokens = nn.Parameter(torch.zeros(1, queries, width))
        self.language_projection = nn.Linear(width, embedding_width(language))
        self.photo_positions: nn.Parameter | None = None

    @property
    def queries(self) -> int:
        """Number of query tokens of one Q-Former pass."""
        return self.query_tokens.shape[1]

    def encode_each(self, pixels: Tensor, counts: Sequence[int]) -> list[Tensor]:
        """Encode every photo on its own.

        pixels: (all photos, 3, edge, edge). Returns (count · queries, language width) for each count.
        """
        if not len(pixels):
            return self._empty(len(counts))
        return [part.flatten(0, 1) for part in self._query(self._encode_images(pixels)).split(list(counts))]

    def encode_together(self, pixels: Tensor, counts: Sequence[int]) -> list[Tensor]:
        """Encode all photos of a prompt in one Q-Former pass.

        pixels: (all photos, 3, edge, edge). Returns (queries, language width) for each count, (0, language width) for
        zero.
        """
        read = self._empty(len(counts))
        if not len(pixels):
            return read
        states = self._encode_images(pixels)
        albums = [self._add_positions(part) for part in states.split(list(counts)) if len(part)]
        mask = pad_sequence([torch.ones(len(album), device=states.device) for album in albums], batch_first=True)
        answers = iter(self._query(pad_sequence(albums, batch_first=True), mask.long()))
        return [next(answers) if count else nothing for count, nothing in zip(counts, read, strict=True)]

    def _encode_images(self, pixels: Tensor) -> Tensor:
        """(photos, 3, edge, edge) → (photos, patches, vision width)."""
        states: Tensor = self.vision_model(pixels.to(self.query_tokens)).last_hidden_state
        return states

    def _add_positions(self, states: Tensor) -> Tensor:
        """(photos, patches, vision width) → (photos · patches, vision width), with each photo's position added."""
        if self.photo_positions is not None:
            states = states + self.photo_positions[: len(states), None]
        return states.flatten(0, 1)

    def _query(self, states: Tensor, mask: Tensor | None = None) -> Tensor:
        """(rows, states, vision width) → (rows, queries, language width); mask: (rows, states), 0 for padding."""
        queries = self.query_tokens.expand(len(states), -1, -1)
        answers = self.qformer(query_embeds=queries, encoder_hidden_states=states, encoder_attention_mask=mask)
        projected: Tensor = self.language_projection(answers.last_hidden_state)
        return projected

    def _empty(self, rows: int) -> list[Tensor]:
        return [self.query_tokens.new_zeros(0, self.language_projection.out_features)] * rows


def build(config: Mapping[str, Any]) -> Blip2:
    """Build the model of a published configuration with random weights; on the device `meta` without any."""
    parts: Any = Blip2Config.from_dict(dict(config))
    language = auto_class_for(parts.text_config).from_config(parts.text_config, trust_remote_code=False)
    if config["text_config"].get("tie_word_embeddings") is False:
        # transformers 5 ties the embeddings of every T5, and unties them only on loading two different ones.
        head = language.get_output_embeddings()
        head.weight = nn.Parameter(torch.empty_like(head.weight))
    vision, qformer = Blip2VisionModel(parts.vision_config), Blip2QFormerModel(parts.qformer_config)
    return Blip2(vision, qformer, parts.num_query_tokens, language)


def load(folder: Path, dtype: torch.dtype | str, device: str | None = None) -> Blip2:
    """Load `config.json` and the safetensors of a folder onto the CPU or onto the device `meta`, in evaluation mode.

    dtype: of the weights; "auto" keeps that of the files. Raises `UnfitWeights`.
    """
    table = json.loads((folder / "config.json").read_text("utf-8"))
    config: Any = Blip2Config.from_pretrained(folder, local_files_only=True)
    tensors, below = weights.load_tensors(folder), weights.select_prefix
    with torch.device("meta"):
        language = type(auto_class_for(config.text_config).from_config(config.text_config, trust_remote_code=False))
    model = Blip2(
        _load_part(Blip2VisionModel, config.vision_config, VISION, tensors, dtype, device),
        _load_part(Blip2QFormerModel, config.qformer_config, QFORMER, tensors, dtype, device),
        config.num_query_tokens,
        _load_part(language, config.text_config, LANGUAGE, tensors, dtype, device),
    )
    if is_head_needed(table["text_config"]) and LANGUAGE + HEAD not in tensors:
        raise UnfitWeights("weights-missing", tensor=LANGUAGE + HEAD)
    own = {name: tensor for name, tensor in tensors.items() if _is_own(name)}
    expected = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items() if _is_own(name)}
    if POSITIONS in own:
        expected[POSITIONS] = len(own[POSITIONS]), config.vision_config.hidden_size
    weights.check_shapes(expected, own)
    if isinstance(dtype, torch.dtype):
        own = {name: tensor.to(dtype) for name, tensor in own.items()}
    model.query_tokens = nn.Parameter(own[QUERIES])
    model.language_projection.load_state_dict(below(PROJECTION, own), assign=True)
    if POSITIONS in own:
        model.photo_positions = nn.Parameter(own[POSITIONS])
    return model.eval()


def _load_part(
    kind: Any,
    config: Any,
    prefix: str,
    tensors: Mapping[str, Tensor],
    dtype: torch.dtype | str,
    device: str | None,
) -> Any:
    """Load one of the models. Raises `UnfitWeights` with the whole name of the tensor."""
    with weights.name_tensors(prefix):
        below = weights.select_prefix(prefix, tensors)
        return load_from_state_dict(kind, config, below, dtype, device_map=device)


def is_head_needed(language: Mapping[str, Any]) -> bool:
    """Return True for a T5 with a head of its own: `transformers` 5 takes the embeddings where the head is missing."""
    return language.get("tie_word_embeddings") is False and str(language.get("model_type")).endswith("t5")


def cast_parts(model: Blip2, dtype: torch.dtype) -> None:
    """Cast the weights in place, each part as its class requires."""
    for part in model.children():
        cast_parameters(part, dtype)
    for weight in model.parameters(recurse=False):
        weight.data = weight.data.to(dtype)


def auto_class_for(config: Any) -> Any:
    """Return the auto class of `transformers` for a language model's configuration.

    `Blip2ForConditionalGeneration` prefers a causal model wherever one exists, which would load half of a BART.
    """
    return AutoModelForSeq2SeqLM if config.is_encoder_decoder else AutoModelForCausalLM


def embedding_width(language: PreTrainedModel) -> int:
    """Return the width of the input embeddings, which may differ from that of the layers (OPT 350M)."""
    embeddings: Any = language.get_input_embeddings()
    return int(embeddings.weight.shape[1])


def infer_embedding_width(config: Mapping[str, Any]) -> int:
    """Return the width of the input embeddings from a configuration, without allocating weights."""
    settings: Any = AutoConfig.for_model(**config)
    with torch.device("meta"):
        return embedding_width(auto_class_for(settings).from_config(settings, trust_remote_code=False))


def _is_own(name: str) -> bool:
    return not name.startswith((VISION, QFORMER, LANGUAGE))
