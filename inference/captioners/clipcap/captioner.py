"""ClipCap captioner: a mapper turns a dual encoder's vector of each photo into a prefix, which GPT-2 continues.

Several photos give several prefixes in a row. The first checkpoint of the kind `clip` in a card's `requires` is the
dual encoder; without one, the pipeline's is used.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from inference.captioners.base import LoadContext, Prompt
from inference.captioners.clipcap.model import ClipCap, build
from inference.captioners.generation.microbatches import MicrobatchCaptioner
from inference.captioners.generation.settings import GenerationSettings
from inference.captioners.generation.writer import Writer
from inference.captioners.parts import MIN_PROMPT_TOKENS, check_prompt_budget, make_thumbnail
from inference.checkpoints.adapters import merge_adapters
from inference.checkpoints.card import Card
from inference.checkpoints.settings import parse_settings
from inference.checkpoints.tokenizers import load_tokenizer
from inference.checkpoints.weights import fill_model, load_tensors
from inference.clip.dual_encoder import Clip
from inference.devices import Device
from inference.errors import CheckpointError


@dataclass(frozen=True, slots=True)
class Settings:
    """The `settings` table of a card.

    prompt: template of the text behind the prefixes, with `{attributes}` and `{token}`; None adds text only to prompts
    with fields or without photos.
    normalize: whether the mapper was trained with vectors of unit length.
    thumbnail: maximum pixels of a photo's longer side before the dual encoder; 0 keeps its size.
    """

    prompt: str | None = None
    normalize: bool = False
    thumbnail: int = 0


class ClipCapCaptioner(MicrobatchCaptioner):
    """A loaded checkpoint of the family `clipcap`."""

    def __init__(self, model: ClipCap, writer: Writer, clip: Clip, device: Device, card: Card) -> None:
        super().__init__(card)
        self._model = model.to(device.name, device.dtype)
        self._writer = writer
        self._clip = clip
        self._device = device
        self._settings = parse_settings(Settings, card)
        max_tokens = model.language.config.n_positions - writer.settings.max_new_tokens
        self._max_prompt_tokens = check_prompt_budget(card, max_tokens, model.config.length + MIN_PROMPT_TOKENS)
        self.max_photos = min(card.max_photos, (self._max_prompt_tokens - MIN_PROMPT_TOKENS) // model.config.length)

    @classmethod
    def load(cls, card: Card, context: LoadContext) -> ClipCapCaptioner:
        """Load a checkpoint folder: `config.json`, `model.safetensors`, a tokenizer.

        Raises `CheckpointError` where the dual encoder's dimension is not that of the training, and where texts leave
        no tokens for a photo.
        """
        model = read_model(card)
        names = [name.removeprefix("clip/") for name in card.requires if name.startswith("clip/")]
        clip = context.load_clip(names[0]) if names else context.clip
        if clip.dim != model.config.vector:
            raise CheckpointError(
                "clip-unfit", checkpoint=card.id, clip=clip.name, expected=model.config.vector, found=clip.dim
            )
        writer = Writer(load_tokenizer(card.folder), GenerationSettings.from_card(card))
        # Every ClipCap was trained on pixels of OpenAI's or OpenCLIP's code, whatever folder the encoder comes from.
        return cls(model, writer, clip.with_rounded_crop(), context.device, card)

    def _generate_batch(self, prompts: Sequence[Prompt]) -> list[str]:
        prefixes = self._encode_prefixes([image for prompt in prompts for image in prompt.images])
        parts = prefixes.split([len(prompt.images) for prompt in prompts])
        rows = [self._build_inputs_embeds(*each) for each in zip(prompts, parts, strict=True)]
        return self._writer.continue_embeddings(self._model.language, rows, prompts)

    def describe_image(self, frame: Image.Image) -> str:
        """Return the caption of one RGB image, such as a frame of a video."""
        return self.generate([Prompt((frame,), self._clip.encode_images(()), "", "<SINGLE>")])[0]

    def _encode_prefixes(self, images: Sequence[Image.Image]) -> Tensor:
        """Encode RGB images as prefixes, (photos, length, width)."""
        edge = self._settings.thumbnail
        if edge:
            images = [make_thumbnail(image, edge, Image.Resampling.LANCZOS) for image in images]
        vectors = self._clip.project_images(images)
        if self._settings.normalize:
            vectors = functional.normalize(vectors, dim=-1)
        return self._model.prefix(vectors.to(self._device.name, self._device.dtype))

    def _build_inputs_embeds(self, prompt: Prompt, prefixes: Tensor) -> Tensor:
        """Return the input embeddings of a prompt, (length, width): its prefixes, then its text."""
        if prompt.masked or self._settings.prompt is not None or not len(prefixes):
            max_tokens = self._max_prompt_tokens - len(prefixes) * self._model.config.length
            ids = self._writer.encode_prompt(prompt, max_tokens, self._settings.prompt)
        else:
            ids = []  # as in training: the caption directly follows the photo
        text = self._model.embed(torch.tensor(ids, dtype=torch.long, device=self._device.name))
        return torch.cat((prefixes.flatten(0, 1), text))


def read_model(card: Card) -> ClipCap:
    """Load a checkpoint folder's model and merge its adapters. Raises `UnfitWeights`."""
    with torch.device("meta"):
        model = build(json.loads((card.folder / "config.json").read_text("utf-8")))
    tied = ("language.lm_head.weight",) if model.language.config.tie_word_embeddings else ()
    fill_model(model, load_tensors(card.folder), tied=tied, assign=True)
    model.language.tie_weights()
    merge_adapters(model, card)
    return model.eval()
