"""The photo–text dual encoder: embeds photos and texts in a common space.

Loads `transformers` folders of three kinds: CLIP (OpenAI's, converted ruCLIP; with `stages` in its `vision_config` one
with a residual network), SigLIP, and a vision-text dual encoder (the bundled `clip/mini`). Knows no listing and no
threshold.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, replace
from itertools import pairwise
from math import isqrt
from pathlib import Path

import torch
from PIL import Image
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn.utils import convert_conv2d_weight_memory_format
from torch.nn.utils.fusion import fuse_conv_bn_eval
from transformers import (
    AutoConfig,
    AutoModel,
    PretrainedConfig,
    PreTrainedModel,
    ResNetConfig,
    VisionTextDualEncoderConfig,
    VisionTextDualEncoderModel,
)

from inference.checkpoints.weights import fill_model
from inference.clip.preprocessing import ImagePreprocessor
from inference.clip.resnet import ModifiedResNet

GRID = 3
LOGIT_SCALE = 20.0  # of zero-shot softmaxes: a cosine difference of 0.05 gives odds of e to 1


@dataclass(frozen=True, slots=True)
class ImageFeatures:
    """Features of a batch of photos.

    embeddings: (photos, dim) float32, unit length, comparable with those of texts.
    states: (photos, 1 + GRID², width) float32, trunk features of the whole photo, then of the cells of a grid over it.
    """

    embeddings: Tensor
    states: Tensor

    def __len__(self) -> int:
        return len(self.embeddings)

    def __getitem__(self, part: slice) -> ImageFeatures:
        return ImageFeatures(self.embeddings[part], self.states[part])


@dataclass(frozen=True, slots=True)
class TextFeatures:
    """Features of a batch of texts.

    embeddings: (texts, dim) float32, unit length, comparable with those of photos.
    tokens: for each text the hidden states of its tokens, (length, width) float32, special tokens included.
    """

    embeddings: Tensor
    tokens: tuple[Tensor, ...]


def build_model(config: PretrainedConfig) -> PreTrainedModel:
    """Build the model of a configuration with random weights."""
    if not isinstance(config, VisionTextDualEncoderConfig):
        model: PreTrainedModel = AutoModel.from_config(config, trust_remote_code=False)
        stages = getattr(config.vision_config, "stages", None)
        if stages:
            model.vision_model = ModifiedResNet(stages, config.vision_config)
            model.visual_projection = nn.Identity()
        return model
    model = VisionTextDualEncoderModel(config)
    if isinstance(config.vision_config, ResNetConfig):
        # ResNet pools to (batch, width, 1, 1), but the projection takes (batch, width).
        model.vision_model.pooler = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return model


def load_model(folder: Path) -> PreTrainedModel:
    """Load `config.json` and `model.safetensors` in float32, on the CPU, in evaluation mode. Raises `UnfitWeights`."""
    with torch.device("meta"):  # initializing random weights first would take seconds
        model = build_model(AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False))
    weights = {name: weight.float() for name, weight in load_file(folder / "model.safetensors").items()}
    fill_model(model, weights, assign=True)
    model.eval()
    return model


class Clip:
    """A loaded dual encoder."""

    def __init__(
        self, model: PreTrainedModel, tokenizer: Tokenizer, preprocessor: ImagePreprocessor, name: str
    ) -> None:
        self.model = model.eval()
        self.preprocessor = preprocessor
        self.name = name
        text = model.config.text_config
        # Only SigLIP lacks `projection_dim`. It pools the last position of a fully padded text, without a mask.
        self._attends_padding = not hasattr(model.config, "projection_dim")
        self.dim: int = text.projection_size if self._attends_padding else model.config.projection_dim
        self._tokenizer = _configure_tokenizer(tokenizer, text, self._attends_padding)

    @classmethod
    def load(cls, folder: Path) -> Clip:
        """Load a folder: `config.json`, `model.safetensors`, `tokenizer.json`, `preprocessor_config.json`.

        The model is float32, on the CPU, in evaluation mode. Raises `UnfitWeights`.
        """
        model = load_model(folder)
        _fill_buffers(model)
        _fold_batch_norms(model)
        convert_conv2d_weight_memory_format(model, torch.channels_last)
        preprocessor = ImagePreprocessor.from_file(folder / "preprocessor_config.json")
        return cls(model, Tokenizer.from_file(str(folder / "tokenizer.json")), preprocessor, folder.name)

    @torch.inference_mode()
    def encode_images(self, images: Sequence[Image.Image]) -> ImageFeatures:
        """Encode RGB images of any size as one batch; an empty sequence gives empty features."""
        return self.encode_pixels(self.preprocess(images))

    def with_rounded_crop(self) -> Clip:
        """Return a copy that shares the model and crops as torchvision (`ImagePreprocessor.rounds_crop`)."""
        other = copy(self)
        other.preprocessor = replace(self.preprocessor, rounds_crop=True)
        return other

    def preprocess(self, images: Sequence[Image.Image]) -> Tensor:
        """Convert RGB images to pixels, (photos, 3, size, size) float32, channels last."""
        return self.preprocessor.preprocess(images).contiguous(memory_format=torch.channels_last)

    def encode_pixels(self, pixels: Tensor) -> ImageFeatures:
        """Encode preprocessed pixels, (photos, 3, size, size) float32, as one batch."""
        features, states = self._encode_pixels(pixels)
        return ImageFeatures(nn.functional.normalize(features, dim=-1), states)

    @torch.inference_mode()
    def project_images(self, images: Sequence[Image.Image]) -> Tensor:
        """Project RGB images to (photos, dim) float32, comparable with `project_texts` and not normalized."""
        return self._encode_pixels(self.preprocess(images))[0]

    @torch.inference_mode()
    def encode_texts(self, texts: Sequence[str]) -> TextFeatures:
        """Encode texts as one batch; an empty sequence gives empty features."""
        features, tokens = self._encode_texts(texts)
        return TextFeatures(nn.functional.normalize(features, dim=-1), tokens)

    @torch.inference_mode()
    def project_texts(self, texts: Sequence[str]) -> Tensor:
        """Project texts to (texts, dim) float32, not normalized, as averages of templates need them."""
        return self._encode_texts(texts)[0]

    def _encode_pixels(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Return embeddings, (photos, dim), and states, (photos, 1 + GRID², width)."""
        if not len(pixels):
            return torch.zeros(0, self.dim), torch.zeros(0, 1 + GRID**2, self.model.config.vision_config.hidden_size)
        output = self.model.get_image_features(pixel_values=pixels)
        return output.pooler_output, grid_states(output.last_hidden_state)

    def _encode_texts(self, texts: Sequence[str]) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Return embeddings, (texts, dim), and each text's hidden states, (length, width)."""
        if not texts:
            return torch.zeros(0, self.dim), ()
        encodings = self._tokenizer.encode_batch(list(texts))
        ids = torch.tensor([encoding.ids for encoding in encodings])
        mask = torch.tensor([encoding.attention_mask for encoding in encodings])
        output = self.model.get_text_features(input_ids=ids, attention_mask=None if self._attends_padding else mask)
        tokens = tuple(state[kept] for state, kept in zip(output.last_hidden_state, mask.bool(), strict=True))
        return output.pooler_output, tokens


def grid_states(hidden: Tensor) -> Tensor:
    """Average trunk features over the whole photo and over the cells of a grid: (photos, 1 + GRID², width).

    hidden: (photos, width, height, height), or (photos, patches, width) with or without a leading class token.
    """
    if hidden.dim() == 3:
        edge = isqrt(hidden.shape[1])
        hidden = hidden[:, -edge * edge :].transpose(1, 2).unflatten(2, (edge, edge))
    cells = nn.functional.adaptive_avg_pool2d(hidden, GRID).flatten(2)
    return torch.cat((hidden.mean((2, 3)).unsqueeze(2), cells), 2).transpose(1, 2)


def _configure_tokenizer(tokenizer: Tokenizer, text: PretrainedConfig, is_full: bool) -> Tokenizer:
    """Truncate to the model's context, and pad to it or to the longest text of a batch."""
    longest = text.max_position_embeddings
    tokenizer.enable_truncation(longest)
    own = tokenizer.padding or {"pad_id": text.pad_token_id or 0}
    kept = {name: own[name] for name in ("pad_id", "direction") if name in own}
    tokenizer.enable_padding(**kept, length=longest if is_full else None)
    return tokenizer


def _fill_buffers(model: nn.Module) -> None:
    """Initialize the buffers that no file holds: positions count up, token types and counters are zero."""
    for module in model.modules():
        for name, buffer in module.named_buffers(recurse=False):
            if buffer.is_meta:
                filled = torch.zeros(buffer.shape, dtype=buffer.dtype)
                setattr(module, name, filled + torch.arange(buffer.shape[-1]) if name == "position_ids" else filled)


def _fold_batch_norms(model: nn.Module) -> None:
    """Fold each batch norm of a ResNet into the convolution before it: the same function with a third fewer passes."""
    for module in model.modules():
        for (name, first), (next_name, second) in pairwise(list(module.named_children())):
            if isinstance(first, nn.Conv2d) and isinstance(second, nn.BatchNorm2d):
                module.add_module(name, fuse_conv_bn_eval(first, second))
                module.add_module(next_name, nn.Identity())
