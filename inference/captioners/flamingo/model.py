"""Flamingo: any decoder and any ViT of `transformers`, joined by OpenFlamingo's perceiver and gated cross-attention.

The cross-attention is hooked before the decoder's layers, so that its own `generate`, cache, beam search and adapters
keep working. Handles tensors, and knows no prompts.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor, nn
from transformers import (
    MODEL_FOR_CAUSAL_LM_MAPPING,
    MODEL_MAPPING,
    AddedToken,
    AutoConfig,
    CLIPVisionModel,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from inference.captioners.flamingo.attention import GatedCrossAttentionBlock, Media, PerceiverResampler
from inference.captioners.flamingo.mosaic import QKNormMptForCausalLM
from inference.captioners.parts import load_pretrained
from inference.checkpoints import weights
from inference.checkpoints.tokenizers import load_tokenizer

END, IMAGE, PADDING = "<|endofchunk|>", "<image>", "<PAD>"
LANGUAGE, VISION = "language", "vision"  # folders of `transformers` inside the checkpoint's folder
PIXELS: Final = "preprocessor_config.json"
CONFIG, WEIGHTS = "config.json", "model.safetensors"


@dataclass(frozen=True, slots=True)
class FlamingoConfig:
    """Sizes of the modules between the ViT and the language model (`config.json`).

    every: a gated block stands before each `every`-th layer. depth, latents: of the perceiver.
    """

    every: int
    depth: int = 6
    latents: int = 64


@dataclass
class VisionState:
    """The photos that the layers of a language model attend to.

    Hooks hold this instead of the model, so that no reference cycle keeps the model alive.

    keys_values: number of a gated block → the keys and values of its photos.
    """

    media: Media | None = None
    keys_values: Mapping[str, tuple[Tensor, Tensor]] = field(default_factory=dict)

    def attend(
        self, number: str, block: nn.Module, layer: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Apply a gated block to a layer's input, (rows × beams, length, width), as a forward pre-hook.

        Raises `RuntimeError` outside of `Flamingo.attend_to`.
        """
        if self.media is None:
            raise RuntimeError("the language model was called outside of `attend_to`")
        hidden = args[0] if args else kwargs["hidden_states"]
        attended = block(hidden, *self.keys_values[number], self.media.attention_mask(hidden.shape[1]))
        return ((attended, *args[1:]), kwargs) if args else (args, kwargs | {"hidden_states": attended})


class Flamingo(nn.Module):
    """A language model whose layers attend to photos. Call it inside `attend_to`.

    post_layernorm: whether the perceiver gets the ViT's tokens after its last norm. OpenFlamingo was trained without
    it, with open_clip 2.16 to 2.20; later versions of open_clip apply it.
    """

    def __init__(
        self,
        language: PreTrainedModel,
        vision: PreTrainedModel,
        config: FlamingoConfig,
        *,
        post_layernorm: bool = False,
    ) -> None:
        super().__init__()
        width: int = language.config.hidden_size
        vision_width: int = vision.config.hidden_size
        layers = decoder_layers(language)
        self.language = language
        self.vision = vision
        self.perceiver = PerceiverResampler(vision_width, config.depth, config.latents)
        self.gated = nn.ModuleDict(
            {
                str(number): GatedCrossAttentionBlock(width, vision_width)
                for number in range(config.every - 1, len(layers), config.every)
            }
        )
        self.adapter_config = config
        self.post_layernorm = post_layernorm
        self._vision_state = VisionState()
        for number, block in self.gated.items():
            layers[int(number)].register_forward_pre_hook(
                partial(self._vision_state.attend, number, block), with_kwargs=True
            )

    def encode_images(self, pixels: Tensor) -> Tensor:
        """Encode pixels, (photos, 3, size, size), as latents, (photos, latents, width)."""
        latents: Tensor = self.perceiver(self.encode_patches(pixels))
        return latents

    def encode_patches(self, pixels: Tensor) -> Tensor:
        """Encode pixels, (photos, 3, size, size), as the ViT's patch tokens, (photos, patches, width)."""
        states: Tensor = self.vision(pixel_values=pixels).last_hidden_state
        if self.post_layernorm and isinstance(self.vision, CLIPVisionModel):
            states = self.vision.post_layernorm(states)
        patches = (pixels.shape[-1] // self.vision.config.patch_size) ** 2
        return states[:, -patches:]  # class and register tokens come first

    @contextmanager
    def attend_to(self, media: Media) -> Iterator[PreTrainedModel]:
        """Yield the language model, which attends to these photos inside the context."""
        self._vision_state.media = media
        self._vision_state.keys_values = {
            number: block.attn.project_latents(media.latents)  # type: ignore[operator, union-attr]
            for number, block in self.gated.items()
        }
        try:
            yield self.language
        finally:
            self._vision_state.media, self._vision_state.keys_values = None, {}


def decoder_layers(language: PreTrainedModel) -> nn.ModuleList:
    """Return a decoder's layers: the outermost module list whose length is that of its configuration.

    Raises `ValueError` for a model without such a list.
    """
    count = language.config.num_hidden_layers
    for _, module in sorted(language.named_modules(), key=lambda named: named[0].count(".")):
        if isinstance(module, nn.ModuleList) and len(module) == count:
            return module
    raise ValueError(f"{type(language).__name__} has no list of {count} layers")


def build(config: Mapping[str, Any]) -> Flamingo:
    """Build a model of the published sizes with random weights.

    config: `language` and `vision`, each a configuration of `transformers` with its `model_type`, and `every`.
    """
    language, vision = AutoConfig.for_model(**config["language"]), AutoConfig.for_model(**config["vision"])
    return assemble(language, vision, FlamingoConfig(config["every"]))


def assemble(language: PreTrainedConfig, vision: PreTrainedConfig, config: FlamingoConfig) -> Flamingo:
    """Build a model with random weights."""
    return Flamingo(_language_class(language)(language), _vision_class(vision)(vision), config)


def init_from_pretrained(
    language: Path, vision: Path, every: int, depth: int = 6, latents: int = 64
) -> tuple[Flamingo, PreTrainedTokenizerBase]:
    """Build a model to train from folders of `transformers`: any decoder with its tokenizer, and any ViT.

    Its gates are closed: until it is trained it generates what the language model alone would.
    """
    tokenizer = add_special_tokens(load_tokenizer(language))
    language_model, vision_model = _load(_language_class, language, "auto"), _load(_vision_class, vision, "auto")
    language_model.resize_token_embeddings(max(len(tokenizer), language_model.config.vocab_size))
    return Flamingo(language_model, vision_model, FlamingoConfig(every, depth, latents)), tokenizer


def add_special_tokens(tokenizer: PreTrainedTokenizerBase) -> PreTrainedTokenizerBase:
    """Append OpenFlamingo's special tokens to a tokenizer, in its order; texts end with `<|endofchunk|>`."""
    tokens = [END, IMAGE] + ([PADDING] if tokenizer.pad_token is None else [])
    tokenizer.add_tokens([AddedToken(token, special=True, normalized=False) for token in tokens], special_tokens=True)
    if tokenizer.pad_token is None:
        tokenizer.pad_token = PADDING
    tokenizer.eos_token = END
    return tokenizer


def save(model: Flamingo, tokenizer: PreTrainedTokenizerBase, vision: Path, folder: Path) -> None:
    """Save the model for `load`; `vision`: the folder whose `preprocessor_config.json` is copied."""
    model.language.save_pretrained(folder / LANGUAGE)
    tokenizer.save_pretrained(folder / LANGUAGE)
    model.vision.save_pretrained(folder / VISION)
    shutil.copyfile(vision / PIXELS, folder / VISION / PIXELS)
    save_adapter(adapter_state_dict(model), model.adapter_config, folder)


def adapter_state_dict(model: Flamingo) -> dict[str, Tensor]:
    """Return the weights that belong neither to the language model nor to the ViT."""
    return {name: weight for name, weight in model.state_dict().items() if _is_own(name)}


def save_adapter(own: Mapping[str, Tensor], config: FlamingoConfig, folder: Path) -> None:
    """Save the weights between the two models as `config.json` and `model.safetensors`."""
    weights.save_tensors(own, folder / WEIGHTS)
    (folder / CONFIG).write_text(json.dumps({"model_type": "flamingo"} | asdict(config), indent=2) + "\n", "utf-8")


def load(
    folder: Path, dtype: torch.dtype | str = "auto", *, post_layernorm: bool = False, device: str | None = None
) -> Flamingo:
    """Load the model of a checkpoint folder onto the CPU or onto the device `meta`, in evaluation mode.

    dtype: of the weights; "auto" keeps that of the files. Raises `UnfitWeights`.
    """
    sizes = json.loads((folder / CONFIG).read_text("utf-8"))
    sizes.pop("model_type")
    more: dict[str, Any] = {"use_safetensors": True, "device_map": device}
    language = _load(_language_class, folder / LANGUAGE, dtype, **more)
    vision = _load(_vision_class, folder / VISION, dtype, **more)
    with torch.device("meta"):
        model = Flamingo(language, vision, FlamingoConfig(**sizes), post_layernorm=post_layernorm)
    own = weights.load_tensors(folder)
    if isinstance(dtype, torch.dtype):
        own = {name: weight.to(dtype) for name, weight in own.items()}
    weights.check_shapes({name: tuple(tensor.shape) for name, tensor in adapter_state_dict(model).items()}, own)
    model.load_state_dict(own, strict=False, assign=True)
    return model.eval()


def _language_class(config: PreTrainedConfig) -> Any:
    """Return the class of a decoder."""
    is_normed = config.model_type == "mpt" and config.attn_config.qk_ln
    return QKNormMptForCausalLM if is_normed else MODEL_FOR_CAUSAL_LM_MAPPING[type(config)]


def _vision_class(config: PreTrainedConfig) -> Any:
    """Return the class of a ViT; for a CLIP, that of its vision model."""
    return CLIPVisionModel if config.model_type.startswith("clip") else MODEL_MAPPING[type(config)]


def _load(kind: Any, folder: Path, dtype: torch.dtype | str, **more: Any) -> PreTrainedModel:
    """Load a model of `transformers`, all of whose weights must be in the folder; a published one may hold others."""
    config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    is_part = not more.get("use_safetensors", False)
    with weights.name_tensors(f"{folder.name}."):
        model: PreTrainedModel = load_pretrained(kind(config), folder, is_part=is_part, dtype=dtype, **more)
    return model


def _is_own(name: str) -> bool:
    return not name.startswith((f"{LANGUAGE}.", f"{VISION}."))
