"""A language model that sees photos: any decoder of `transformers`, any ViT, and what OpenFlamingo puts between them.

The language model stays as it is: what looks at the photos is hooked before its layers, so that its own `generate`,
cache, beams and adapters work. It knows tensors; what the text says is the captioner's business.
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
from inference.captioners.parts import whole
from inference.checkpoints import weights
from inference.checkpoints.tokenizers import read_tokenizer

END, IMAGE, PADDING = "<|endofchunk|>", "<image>", "<PAD>"
LANGUAGE, VISION = "language", "vision"  # folders of `transformers` inside the checkpoint's folder
PIXELS: Final = "preprocessor_config.json"
CONFIG, WEIGHTS = "config.json", "model.safetensors"


@dataclass(frozen=True, slots=True)
class FlamingoConfig:
    """What stands between the ViT and the language model (`config.json`).

    every: a gated block stands before each `every`-th layer; depth, latents: of the perceiver.
    """

    every: int
    depth: int = 6
    latents: int = 64


@dataclass
class VisionState:
    """What the layers of a language model see. Their hooks hold this and not the model, which no cycle keeps alive.

    read: number of a gated block → the keys and values that it made of the photos.
    """

    media: Media | None = None
    read: Mapping[str, tuple[Tensor, Tensor]] = field(default_factory=dict)

    def look(
        self, number: str, block: nn.Module, layer: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Before a layer: its input, (rows × beams, length, width), has looked at the photos."""
        if self.media is None:
            raise RuntimeError("the language model was called outside of `seeing`")
        hidden = args[0] if args else kwargs["hidden_states"]
        looked = block(hidden, *self.read[number], self.media.seen(hidden.shape[1]))
        return ((looked, *args[1:]), kwargs) if args else (args, kwargs | {"hidden_states": looked})


class Flamingo(nn.Module):
    """A language model whose layers look at photos. It is called inside `seeing`.

    post_layernorm: whether the perceiver reads the ViT's tokens behind its last norm. OpenFlamingo was trained without
    it, with open_clip 2.16 to 2.20; later versions of open_clip apply it.
    """

    def __init__(
        self,
        language: PreTrainedModel,
        vision: PreTrainedModel,
        between: FlamingoConfig,
        *,
        post_layernorm: bool = False,
    ) -> None:
        super().__init__()
        width: int = language.config.hidden_size
        seen_width: int = vision.config.hidden_size
        layers = decoder_layers(language)
        self.language = language
        self.vision = vision
        self.perceiver = PerceiverResampler(seen_width, between.depth, between.latents)
        self.gated = nn.ModuleDict(
            {
                str(number): GatedCrossAttentionBlock(width, seen_width)
                for number in range(between.every - 1, len(layers), between.every)
            }
        )
        self.between = between
        self.post_layernorm = post_layernorm
        self._sight = VisionState()
        for number, block in self.gated.items():
            layers[int(number)].register_forward_pre_hook(partial(self._sight.look, number, block), with_kwargs=True)

    def look(self, pixels: Tensor) -> Tensor:
        """(photos, 3, size, size) → the latents of each photo, (photos, latents, width)."""
        latents: Tensor = self.perceiver(self.tokens(pixels))
        return latents

    def tokens(self, pixels: Tensor) -> Tensor:
        """(photos, 3, size, size) → what the ViT sees in each patch, (photos, patches, width)."""
        states: Tensor = self.vision(pixel_values=pixels).last_hidden_state
        if self.post_layernorm and isinstance(self.vision, CLIPVisionModel):
            states = self.vision.post_layernorm(states)
        patches = (pixels.shape[-1] // self.vision.config.patch_size) ** 2
        return states[:, -patches:]  # class and register tokens stand first

    @contextmanager
    def seeing(self, media: Media) -> Iterator[PreTrainedModel]:
        """The language model, which sees these photos for as long as the context lasts."""
        self._sight.media = media
        self._sight.read = {number: block.attn.read(media.latents) for number, block in self.gated.items()}  # type: ignore[operator, union-attr]
        try:
            yield self.language
        finally:
            self._sight.media, self._sight.read = None, {}


def decoder_layers(language: PreTrainedModel) -> nn.ModuleList:
    """The layers of any decoder: the outermost list of as many modules as its configuration says."""
    count = language.config.num_hidden_layers
    for _, module in sorted(language.named_modules(), key=lambda named: named[0].count(".")):
        if isinstance(module, nn.ModuleList) and len(module) == count:
            return module
    raise ValueError(f"{type(language).__name__} has no list of {count} layers")


def build(config: Mapping[str, Any]) -> Flamingo:
    """A model of the publishers' sizes with random weights.

    config: `language` and `vision`, each a configuration of `transformers` with its `model_type`, and `every`.
    """
    language, vision = AutoConfig.for_model(**config["language"]), AutoConfig.for_model(**config["vision"])
    return assemble(language, vision, FlamingoConfig(config["every"]))


def assemble(language: PreTrainedConfig, vision: PreTrainedConfig, between: FlamingoConfig) -> Flamingo:
    """A model with random weights."""
    return Flamingo(_language_class(language)(language), _vision_class(vision)(vision), between)


def init_from_pretrained(
    language: Path, vision: Path, every: int, depth: int = 6, latents: int = 64
) -> tuple[Flamingo, PreTrainedTokenizerBase]:
    """A model to be trained, from folders of `transformers`: any decoder with its tokenizer and any ViT.

    Its gates are shut: until it is trained it writes what the language model writes.
    """
    tokenizer = add_special_tokens(read_tokenizer(language))
    speaker, seer = _load(_language_class, language, "auto"), _load(_vision_class, vision, "auto")
    speaker.resize_token_embeddings(max(len(tokenizer), speaker.config.vocab_size))
    return Flamingo(speaker, seer, FlamingoConfig(every, depth, latents)), tokenizer


def add_special_tokens(tokenizer: PreTrainedTokenizerBase) -> PreTrainedTokenizerBase:
    """The tokenizer with OpenFlamingo's tokens behind its own, in its order; a text ends with `<|endofchunk|>`."""
    tokens = [END, IMAGE] + ([PADDING] if tokenizer.pad_token is None else [])
    tokenizer.add_tokens([AddedToken(token, special=True, normalized=False) for token in tokens], special_tokens=True)
    if tokenizer.pad_token is None:
        tokenizer.pad_token = PADDING
    tokenizer.eos_token = END
    return tokenizer


def save(model: Flamingo, tokenizer: PreTrainedTokenizerBase, vision: Path, folder: Path) -> None:
    """Write the model as `load` reads it; `vision`: the folder whose pixel rule the photos follow."""
    model.language.save_pretrained(folder / LANGUAGE)
    tokenizer.save_pretrained(folder / LANGUAGE)
    model.vision.save_pretrained(folder / VISION)
    shutil.copyfile(vision / PIXELS, folder / VISION / PIXELS)
    save_adapter(adapter_state_dict(model), model.between, folder)


def adapter_state_dict(model: Flamingo) -> dict[str, Tensor]:
    """The weights that are neither the language model's nor the ViT's."""
    return {name: weight for name, weight in model.state_dict().items() if _is_own(name)}


def save_adapter(own: Mapping[str, Tensor], between: FlamingoConfig, folder: Path) -> None:
    """Write what stands between the two models: `config.json` and `model.safetensors`."""
    weights.save(own, folder / WEIGHTS)
    (folder / CONFIG).write_text(json.dumps({"model_type": "flamingo"} | asdict(between), indent=2) + "\n", "utf-8")


def load(folder: Path, dtype: torch.dtype | str = "auto", *, post_layernorm: bool = False) -> Flamingo:
    """The model of a checkpoint folder, on the CPU. dtype: of its numbers, "auto" as they are in the files.

    Raises `ValueError` for weights that are missing or too many.
    """
    sizes = json.loads((folder / CONFIG).read_text("utf-8"))
    sizes.pop("model_type")
    language = _load(_language_class, folder / LANGUAGE, dtype, use_safetensors=True)
    vision = _load(_vision_class, folder / VISION, dtype, use_safetensors=True)
    with torch.device("meta"):
        model = Flamingo(language, vision, FlamingoConfig(**sizes), post_layernorm=post_layernorm)
    own = weights.read(folder)
    if isinstance(dtype, torch.dtype):
        own = {name: weight.to(dtype) for name, weight in own.items()}
    missing, unexpected = model.load_state_dict(own, strict=False, assign=True)
    if wrong := [name for name in missing if _is_own(name)] + unexpected:
        raise ValueError(f"{folder}: weights do not fit the configuration: {wrong}")
    return model.eval()


def _language_class(config: PreTrainedConfig) -> Any:
    """The class of a decoder."""
    is_normed = config.model_type == "mpt" and config.attn_config.qk_ln
    return QKNormMptForCausalLM if is_normed else MODEL_FOR_CAUSAL_LM_MAPPING[type(config)]


def _vision_class(config: PreTrainedConfig) -> Any:
    """The class of a ViT; of a CLIP, its half that sees."""
    return CLIPVisionModel if config.model_type.startswith("clip") else MODEL_MAPPING[type(config)]


def _load(kind: Any, folder: Path, dtype: torch.dtype | str, **more: bool) -> PreTrainedModel:
    """A model of `transformers`, all of whose weights are in the folder."""
    config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    more |= {"local_files_only": True, "output_loading_info": True}
    model: PreTrainedModel = whole(kind(config).from_pretrained(folder, dtype=dtype, **more), folder)
    return model


def _is_own(name: str) -> bool:
    return not name.startswith((f"{LANGUAGE}.", f"{VISION}."))
