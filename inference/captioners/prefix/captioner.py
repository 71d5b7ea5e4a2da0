"""The prefix captioner: photos as a soft prompt of a small GPT-2-like decoder, the best of several sampled drafts."""

from __future__ import annotations

import json
from collections.abc import Sequence

import torch
from tokenizers import Tokenizer

from inference.captioners.base import LoadContext, Prompt
from inference.captioners.prefix.decoding import DraftTokenizer, Sampling, generate_drafts
from inference.captioners.prefix.format import PHOTO, build_prompt_ids, get_token_ids
from inference.captioners.prefix.model import Decoder, DecoderConfig
from inference.captioners.prefix.reranking import pick_best
from inference.checkpoints.card import Card
from inference.checkpoints.weights import fill_model, load_tensors
from inference.clip.dual_encoder import Clip


class PrefixCaptioner:
    """A checkpoint of the family `prefix`; it takes the image features of the dual encoder that it was trained with."""

    reads_attributes = False

    def __init__(self, model: Decoder, tokenizer: Tokenizer, clip: Clip, name: str, max_photos: int) -> None:
        self.name = name
        self.max_photos = max_photos
        self.sampling = Sampling()
        self._model = model.eval()
        self._tokenizer = DraftTokenizer(tokenizer)
        self._clip = clip

    @classmethod
    def load(cls, card: Card, context: LoadContext) -> PrefixCaptioner:
        """Load a checkpoint folder: `config.json`, `model.safetensors`, `tokenizer.json`."""
        sizes = json.loads((card.folder / "config.json").read_text(encoding="utf-8"))
        sizes.pop("model_type")
        model = Decoder(DecoderConfig(**sizes))
        fill_model(model, {name: weight.float() for name, weight in load_tensors(card.folder).items()})
        if card.adapters:
            from inference.checkpoints.adapters import (
                merge_adapters,  # PEFT: takes seconds, the embedded ones need none
            )

            merge_adapters(model, card)
        tokenizer = Tokenizer.from_file(str(card.folder / "tokenizer.json"))
        return cls(model, tokenizer, context.clip, card.name, card.max_photos)

    @torch.inference_mode()
    def generate(self, prompts: Sequence[Prompt]) -> list[str]:
        """Return one text per prompt, the best of several sampled drafts."""
        tokenizer, vectors = self._tokenizer.tokenizer, self._model.config.photo_vectors
        rows = [build_prompt_ids(tokenizer, p.token, len(p.features), vectors, p.masked) for p in prompts]
        image_token_id = get_token_ids(tokenizer, (PHOTO,))[0]
        states = torch.cat([prompt.features.states for prompt in prompts])
        drafts = generate_drafts(self._model, self._tokenizer, rows, states, image_token_id, prompts, self.sampling)
        return pick_best(self._clip, prompts, drafts)
