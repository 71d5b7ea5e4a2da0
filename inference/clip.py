"""The photo–text dual encoder: which photo and which text belong together.

It reads `transformers` folders of two kinds, CLIP itself (ruCLIP converted, OpenAI's) and a vision-text dual encoder
(our `clip/mini`). It knows no listing and no threshold: images and texts in, views of them out.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn.utils import convert_conv2d_weight_memory_format
from torch.nn.utils.fusion import fuse_conv_bn_eval
from transformers import (
    CLIPConfig,
    CLIPModel,
    PreTrainedModel,
    ResNetConfig,
    VisionTextDualEncoderConfig,
    VisionTextDualEncoderModel,
)
from transformers.models.resnet.modeling_resnet import ResNetConvLayer, ResNetShortCut

GRID = 3


@dataclass(frozen=True, slots=True)
class PhotoViews:
    """What the encoder saw in photos.

    embeddings: (photos, dim), unit length, comparable with texts.
    states: (photos, 1 + GRID², width), the trunk's features of the whole photo, then of the cells of a grid over it.
    """

    embeddings: Tensor
    states: Tensor

    def __len__(self) -> int:
        return len(self.embeddings)

    def __getitem__(self, part: slice) -> PhotoViews:
        return PhotoViews(self.embeddings[part], self.states[part])


@dataclass(frozen=True, slots=True)
class TextViews:
    """What the encoder read in texts.

    embeddings: (texts, dim), unit length, comparable with photos.
    tokens: a (length, width) tensor a text, the states of its tokens, special ones at both ends included.
    """

    embeddings: Tensor
    tokens: tuple[Tensor, ...]


@dataclass(frozen=True, slots=True)
class PixelRule:
    """How a photo becomes pixels (`preprocessor_config.json`): size in pixels, mean and deviation a channel."""

    size: int
    crop: bool
    resample: Image.Resampling
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @classmethod
    def read(cls, path: Path) -> PixelRule:
        """The rule in a folder's `preprocessor_config.json`."""
        config = json.loads(path.read_text(encoding="utf-8"))
        size = config.get("crop_size") or config["size"]
        edge = size["height"] if isinstance(size, dict) else size
        resample = Image.Resampling(config.get("resample", Image.Resampling.BICUBIC))
        return cls(
            edge, config.get("do_center_crop", False), resample, tuple(config["image_mean"]), tuple(config["image_std"])
        )

    def pixels(self, images: Sequence[Image.Image]) -> Tensor:
        """RGB images → (images, 3, size, size) float."""
        squares = torch.from_numpy(np.stack([np.asarray(self._square(image)) for image in images]))
        # Planes first: arithmetic along a last axis of three would not be vectorised.
        planes = squares.permute(0, 3, 1, 2).contiguous().float()
        mean, std = torch.tensor(self.mean).view(3, 1, 1), torch.tensor(self.std).view(3, 1, 1)
        return planes.sub_(255 * mean).div_(255 * std)

    def _square(self, image: Image.Image) -> Image.Image:
        if self.crop:
            edge = min(image.size)
            left, top = (image.width - edge) // 2, (image.height - edge) // 2
            image = image.crop((left, top, left + edge, top + edge))
        return image.resize((self.size, self.size), self.resample, reducing_gap=3)


def build(config: VisionTextDualEncoderConfig | CLIPConfig) -> PreTrainedModel:
    """The model of a configuration, its weights random."""
    if isinstance(config, CLIPConfig):
        return CLIPModel(config)
    model = VisionTextDualEncoderModel(config)
    if isinstance(config.vision_config, ResNetConfig):
        # ResNet pools to (batch, width, 1, 1); the projection wants (batch, width).
        model.vision_model.pooler = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return model


class Clip:
    """A loaded dual encoder, ready to look and read."""

    def __init__(self, model: PreTrainedModel, tokenizer: Tokenizer, rule: PixelRule, name: str) -> None:
        self.model = model.eval()
        self.rule = rule
        self.name = name
        self.dim: int = model.config.projection_dim
        self._tokenizer = tokenizer
        self._tokenizer.enable_truncation(model.config.text_config.max_position_embeddings)
        self._pad: int = model.config.text_config.pad_token_id or 0

    @classmethod
    def load(cls, folder: Path) -> Clip:
        """The encoder of a checkpoint folder: `config.json`, `model.safetensors`, `tokenizer.json`, pixel rule."""
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        kind = CLIPConfig if config["model_type"] == "clip" else VisionTextDualEncoderConfig
        model = build(kind.from_pretrained(folder))
        weights = {name: weight.float() for name, weight in load_file(folder / "model.safetensors").items()}
        missing, unexpected = model.load_state_dict(weights, strict=False)
        if unexpected or any(not name.endswith(("position_ids", "num_batches_tracked")) for name in missing):
            raise ValueError(f"{folder}: weights do not fit the configuration: {missing + unexpected}")
        model.eval()
        _fold_batch_norms(model)
        convert_conv2d_weight_memory_format(model, torch.channels_last)
        rule = PixelRule.read(folder / "preprocessor_config.json")
        return cls(model, Tokenizer.from_file(str(folder / "tokenizer.json")), rule, folder.name)

    @torch.inference_mode()
    def look(self, images: Sequence[Image.Image]) -> PhotoViews:
        """RGB images as one batch; an empty sequence gives empty views."""
        return self.look_at(self.pixels(images))

    def pixels(self, images: Sequence[Image.Image]) -> Tensor:
        """RGB images as `look_at` wants them; an empty sequence gives none."""
        if not images:
            return torch.zeros(0, 3, self.rule.size, self.rule.size)
        return self.rule.pixels(images).contiguous(memory_format=torch.channels_last)

    def look_at(self, pixels: Tensor) -> PhotoViews:
        """Pixels prepared by the rule, (photos, 3, size, size), as one batch."""
        if not len(pixels):
            width = self.model.config.vision_config.hidden_size
            return PhotoViews(torch.zeros(0, self.dim), torch.zeros(0, 1 + GRID**2, width))
        seen = self.model.get_image_features(pixel_values=pixels)
        embeddings = nn.functional.normalize(seen.pooler_output, dim=-1)
        return PhotoViews(embeddings, grid_states(seen.last_hidden_state))

    @torch.inference_mode()
    def read(self, texts: Sequence[str]) -> TextViews:
        """Texts as one batch; an empty sequence gives empty views."""
        if not texts:
            return TextViews(torch.zeros(0, self.dim), ())
        ids = [encoding.ids for encoding in self._tokenizer.encode_batch(list(texts))]
        longest = max(map(len, ids))
        padded = torch.tensor([row + [self._pad] * (longest - len(row)) for row in ids])
        mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in ids])
        read = self.model.get_text_features(input_ids=padded, attention_mask=mask)
        embeddings = nn.functional.normalize(read.pooler_output, dim=-1)
        tokens = tuple(state[: len(row)] for state, row in zip(read.last_hidden_state, ids, strict=True))
        return TextViews(embeddings, tokens)


def grid_states(hidden: Tensor) -> Tensor:
    """Trunk features, (photos, width, height, height) or (photos, 1 + patches, width) → (photos, 1 + GRID², width)."""
    if hidden.dim() == 3:
        edge = int((hidden.shape[1] - 1) ** 0.5)
        hidden = hidden[:, 1:].transpose(1, 2).unflatten(2, (edge, edge))
    cells = nn.functional.adaptive_avg_pool2d(hidden, GRID).flatten(2)
    return torch.cat((hidden.mean((2, 3)).unsqueeze(2), cells), 2).transpose(1, 2)


def _fold_batch_norms(model: nn.Module) -> None:
    """Fold each batch norm of a ResNet into the convolution before it: the same function, a third fewer passes."""
    for module in model.modules():
        if isinstance(module, ResNetConvLayer | ResNetShortCut):
            module.convolution = fuse_conv_bn_eval(module.convolution, module.normalization)
            module.add_module("normalization", nn.Identity())
