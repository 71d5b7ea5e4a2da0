"""The photo–text dual encoder: which photo and which text belong together.

It reads `transformers` folders of three kinds: CLIP (OpenAI's and ruCLIP converted; with `stages` in its
`vision_config` one with a residual network), SigLIP, and a vision-text dual encoder (our `clip/mini`). It knows no
listing and no threshold: images and texts in, views of them out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
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

from inference.clip.preprocessing import ImagePreprocessor
from inference.clip.resnet import ModifiedResNet

GRID = 3
LOGIT_SCALE = 20.0  # of zero-shot softmaxes: a cosine difference of 0.05 is e to 1


@dataclass(frozen=True, slots=True)
class ImageFeatures:
    """What the encoder saw in photos.

    embeddings: (photos, dim), unit length, comparable with texts.
    states: (photos, 1 + GRID², width), the trunk's features of the whole photo, then of the cells of a grid over it.
    """

    embeddings: Tensor
    states: Tensor

    def __len__(self) -> int:
        return len(self.embeddings)

    def __getitem__(self, part: slice) -> ImageFeatures:
        return ImageFeatures(self.embeddings[part], self.states[part])


@dataclass(frozen=True, slots=True)
class TextFeatures:
    """What the encoder read in texts.

    embeddings: (texts, dim), unit length, comparable with photos.
    tokens: a (length, width) tensor a text, the states of its tokens, special ones at both ends included.
    """

    embeddings: Tensor
    tokens: tuple[Tensor, ...]


def build_model(config: PretrainedConfig) -> PreTrainedModel:
    """The model of a configuration, its weights random."""
    if not isinstance(config, VisionTextDualEncoderConfig):
        model: PreTrainedModel = AutoModel.from_config(config, trust_remote_code=False)
        stages = getattr(config.vision_config, "stages", None)
        if stages:
            model.vision_model = ModifiedResNet(stages, config.vision_config)
            model.visual_projection = nn.Identity()
        return model
    model = VisionTextDualEncoderModel(config)
    if isinstance(config.vision_config, ResNetConfig):
        # ResNet pools to (batch, width, 1, 1); the projection wants (batch, width).
        model.vision_model.pooler = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return model


class Clip:
    """A loaded dual encoder, ready to look and read."""

    def __init__(self, model: PreTrainedModel, tokenizer: Tokenizer, rule: ImagePreprocessor, name: str) -> None:
        self.model = model.eval()
        self.rule = rule
        self.name = name
        text = model.config.text_config
        # A SigLIP says it of the text alone, and reads the end of a text of full length, padding and all.
        self._reads_padding = not hasattr(model.config, "projection_dim")
        self.dim: int = text.projection_size if self._reads_padding else model.config.projection_dim
        self._tokenizer = _configure_tokenizer(tokenizer, text, self._reads_padding)

    @classmethod
    def load(cls, folder: Path) -> Clip:
        """The encoder of a checkpoint folder: `config.json`, `model.safetensors`, `tokenizer.json`, pixel rule."""
        with torch.device("meta"):  # numbers come from the file alone; drawing random ones first takes seconds
            model = build_model(AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False))
        weights = {name: weight.float() for name, weight in load_file(folder / "model.safetensors").items()}
        missing, unexpected = model.load_state_dict(weights, strict=False, assign=True)
        if unexpected or any(not name.endswith(("position_ids", "num_batches_tracked")) for name in missing):
            raise ValueError(f"{folder}: weights do not fit the configuration: {missing + unexpected}")
        model.eval()
        _fill_buffers(model)
        _fold_batch_norms(model)
        convert_conv2d_weight_memory_format(model, torch.channels_last)
        rule = ImagePreprocessor.read(folder / "preprocessor_config.json")
        return cls(model, Tokenizer.from_file(str(folder / "tokenizer.json")), rule, folder.name)

    @torch.inference_mode()
    def encode_images(self, images: Sequence[Image.Image]) -> ImageFeatures:
        """RGB images as one batch; an empty sequence gives empty views."""
        return self.encode_pixels(self.preprocess(images))

    def preprocess(self, images: Sequence[Image.Image]) -> Tensor:
        """RGB images as `look_at` wants them; an empty sequence gives none."""
        if not images:
            return torch.zeros(0, 3, self.rule.size, self.rule.size)
        return self.rule.pixels(images).contiguous(memory_format=torch.channels_last)

    def encode_pixels(self, pixels: Tensor) -> ImageFeatures:
        """Pixels prepared by the rule, (photos, 3, size, size), as one batch."""
        features, states = self._see(pixels)
        return ImageFeatures(nn.functional.normalize(features, dim=-1), states)

    @torch.inference_mode()
    def project_images(self, images: Sequence[Image.Image]) -> Tensor:
        """RGB images → (photos, dim), projected and comparable with `text_features`, their lengths as they come."""
        return self._see(self.preprocess(images))[0]

    @torch.inference_mode()
    def encode_texts(self, texts: Sequence[str]) -> TextFeatures:
        """Texts as one batch; an empty sequence gives empty views."""
        features, tokens = self._understand(texts)
        return TextFeatures(nn.functional.normalize(features, dim=-1), tokens)

    @torch.inference_mode()
    def project_texts(self, texts: Sequence[str]) -> Tensor:
        """Texts → (texts, dim), projected, their lengths as they come: averages of templates are taken here."""
        return self._understand(texts)[0]

    def _see(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Features (photos, dim) and states (photos, 1 + GRID², width)."""
        if not len(pixels):
            return torch.zeros(0, self.dim), torch.zeros(0, 1 + GRID**2, self.model.config.vision_config.hidden_size)
        seen = self.model.get_image_features(pixel_values=pixels)
        return seen.pooler_output, grid_states(seen.last_hidden_state)

    def _understand(self, texts: Sequence[str]) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Features (texts, dim) and each text's states (length, width)."""
        if not texts:
            return torch.zeros(0, self.dim), ()
        encodings = self._tokenizer.encode_batch(list(texts))
        ids = torch.tensor([encoding.ids for encoding in encodings])
        mask = torch.tensor([encoding.attention_mask for encoding in encodings])
        read = self.model.get_text_features(input_ids=ids, attention_mask=None if self._reads_padding else mask)
        tokens = tuple(state[kept] for state, kept in zip(read.last_hidden_state, mask.bool(), strict=True))
        return read.pooler_output, tokens


def grid_states(hidden: Tensor) -> Tensor:
    """Trunk features → (photos, 1 + GRID², width).

    hidden: (photos, width, height, height), or (photos, patches, width) with or without a class token before them.
    """
    if hidden.dim() == 3:
        edge = isqrt(hidden.shape[1])
        hidden = hidden[:, -edge * edge :].transpose(1, 2).unflatten(2, (edge, edge))
    cells = nn.functional.adaptive_avg_pool2d(hidden, GRID).flatten(2)
    return torch.cat((hidden.mean((2, 3)).unsqueeze(2), cells), 2).transpose(1, 2)


def _configure_tokenizer(tokenizer: Tokenizer, text: PretrainedConfig, is_full: bool) -> Tokenizer:
    """The tokenizer, cutting to the model's length and padding to it, or to the longest text of a batch."""
    longest = text.max_position_embeddings
    tokenizer.enable_truncation(longest)
    own = tokenizer.padding or {"pad_id": text.pad_token_id or 0}
    kept = {name: own[name] for name in ("pad_id", "direction") if name in own}
    tokenizer.enable_padding(**kept, length=longest if is_full else None)
    return tokenizer


def _fill_buffers(model: nn.Module) -> None:
    """Give the buffers that no file holds their numbers: positions count up, token types and counters are zero."""
    for module in model.modules():
        for name, buffer in module.named_buffers(recurse=False):
            if buffer.is_meta:
                filled = torch.zeros(buffer.shape, dtype=buffer.dtype)
                setattr(module, name, filled + torch.arange(buffer.shape[-1]) if name == "position_ids" else filled)


def _fold_batch_norms(model: nn.Module) -> None:
    """Fold each batch norm of a ResNet into the convolution before it: the same function, a third fewer passes."""
    for module in model.modules():
        for (name, first), (next_name, second) in pairwise(list(module.named_children())):
            if isinstance(first, nn.Conv2d) and isinstance(second, nn.BatchNorm2d):
                module.add_module(name, fuse_conv_bn_eval(first, second))
                module.add_module(next_name, nn.Identity())
