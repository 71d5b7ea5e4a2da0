"""BLIP-2: a ViT looks, a Q-Former asks it a fixed number of questions, a language model reads the answers.

"BLIP-2" (Li et al., 2023); several photos as in "mBLIP" (Geigle et al., 2023). The parts are those of `transformers`,
joined here: the language model may be any, and no placeholder tokens stand for photos. Knows pixels and embeddings;
prompts, tokens and checkpoint formats are not its business.
"""

from __future__ import annotations

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

from inference.captioners.parts import cast, filled
from inference.checkpoints import weights

LANGUAGE, VISION, QFORMER, PROJECTION = "language_model.", "vision_model.", "qformer.", "language_projection."
QUERIES, POSITIONS = "query_tokens", "photo_positions"


class Blip2(nn.Module):
    """The parts together, named as publishers name them.

    photo_positions: (photos, vision width), what is added to the ViT's states of the first, second … photo where one
    pass of the Q-Former reads several; without it nothing is added, and the photos have no order.
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
        """How many tokens one pass of the Q-Former gives."""
        return self.query_tokens.shape[1]

    def read_each(self, pixels: Tensor, counts: Sequence[int]) -> list[Tensor]:
        """Every photo on its own: (all photos, 3, edge, edge) → for each count (count · queries, language width)."""
        if not len(pixels):
            return self._nothing(len(counts))
        return [part.flatten(0, 1) for part in self._ask(self._look(pixels)).split(list(counts))]

    def read_together(self, pixels: Tensor, counts: Sequence[int]) -> list[Tensor]:
        """All photos of a prompt in one pass: (all photos, 3, edge, edge) → for each count (queries, language width).

        A count of zero gives no tokens.
        """
        read = self._nothing(len(counts))
        if not len(pixels):
            return read
        states = self._look(pixels)
        albums = [self._in_order(part) for part in states.split(list(counts)) if len(part)]
        mask = pad_sequence([torch.ones(len(album), device=states.device) for album in albums], batch_first=True)
        answers = iter(self._ask(pad_sequence(albums, batch_first=True), mask.long()))
        return [next(answers) if count else nothing for count, nothing in zip(counts, read, strict=True)]

    def _look(self, pixels: Tensor) -> Tensor:
        """(photos, 3, edge, edge) → (photos, patches, vision width)."""
        states: Tensor = self.vision_model(pixels.to(self.query_tokens)).last_hidden_state
        return states

    def _in_order(self, states: Tensor) -> Tensor:
        """(photos, patches, vision width) → (photos · patches, vision width), each photo's states with its position."""
        if self.photo_positions is not None:
            states = states + self.photo_positions[: len(states), None]
        return states.flatten(0, 1)

    def _ask(self, states: Tensor, mask: Tensor | None = None) -> Tensor:
        """(rows, states, vision width) → (rows, queries, language width); mask: (rows, states), 0 for padding."""
        queries = self.query_tokens.expand(len(states), -1, -1)
        answers = self.qformer(query_embeds=queries, encoder_hidden_states=states, encoder_attention_mask=mask)
        projected: Tensor = self.language_projection(answers.last_hidden_state)
        return projected

    def _nothing(self, rows: int) -> list[Tensor]:
        return [self.query_tokens.new_zeros(0, self.language_projection.out_features)] * rows


def build(config: Mapping[str, Any]) -> Blip2:
    """The model of a published configuration with fresh weights; under the device `meta` without any."""
    parts: Any = Blip2Config.from_dict(dict(config))
    language = auto_class_for(parts.text_config).from_config(parts.text_config, trust_remote_code=False)
    if config["text_config"].get("tie_word_embeddings") is False:
        # transformers 5 ties those of every T5, and unties them only when it reads two different ones from a file.
        head = language.get_output_embeddings()
        head.weight = nn.Parameter(torch.empty_like(head.weight))
    vision, qformer = Blip2VisionModel(parts.vision_config), Blip2QFormerModel(parts.qformer_config)
    return Blip2(vision, qformer, parts.num_query_tokens, language)


def load(folder: Path, dtype: torch.dtype | str) -> Blip2:
    """The model of `config.json` and the safetensors in a folder. dtype: of its numbers, "auto" as they are.

    Raises `ValueError` naming the weights that the folder lacks.
    """
    config: Any = Blip2Config.from_pretrained(folder, local_files_only=True)
    tensors, below = weights.read(folder), weights.below
    with torch.device("meta"):
        language = type(auto_class_for(config.text_config).from_config(config.text_config, trust_remote_code=False))
    model = Blip2(
        filled(Blip2VisionModel, config.vision_config, below(VISION, tensors), dtype),
        filled(Blip2QFormerModel, config.qformer_config, below(QFORMER, tensors), dtype),
        config.num_query_tokens,
        filled(language, config.text_config, below(LANGUAGE, tensors), dtype),
    )
    if isinstance(dtype, torch.dtype):
        tensors = {name: tensor.to(dtype) for name, tensor in tensors.items() if _is_own(name)}
    model.query_tokens = nn.Parameter(tensors[QUERIES])
    model.language_projection.load_state_dict(below(PROJECTION, tensors), assign=True)
    if POSITIONS in tensors:
        model.photo_positions = nn.Parameter(tensors[POSITIONS])
    return model.eval()


def cast_parts(model: Blip2, dtype: torch.dtype) -> None:
    """Give the numbers another type, each part's as its class wants it."""
    for part in model.children():
        cast(part, dtype)
    for weight in model.parameters(recurse=False):
        weight.data = weight.data.to(dtype)


def auto_class_for(config: Any) -> Any:
    """The auto class of `transformers` for a language model's configuration.

    BLIP-2 there asks whether any decoder has that configuration, and would make half a model of BART.
    """
    return AutoModelForSeq2SeqLM if config.is_encoder_decoder else AutoModelForCausalLM


def embedding_width(language: PreTrainedModel) -> int:
    """The width of a language model's input embeddings; not always that of its layers (OPT 350M)."""
    embeddings: Any = language.get_input_embeddings()
    return int(embeddings.weight.shape[1])


def read_embedding_width(config: Mapping[str, Any]) -> int:
    """The same from a configuration alone."""
    settings: Any = AutoConfig.for_model(**config)
    with torch.device("meta"):
        return embedding_width(auto_class_for(settings).from_config(settings, trust_remote_code=False))


def _is_own(name: str) -> bool:
    return not name.startswith((VISION, QFORMER, LANGUAGE))
