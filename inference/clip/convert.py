"""Dual encoders in their publishers' formats, read once and written out as `Clip.load` reads them.

Three formats: ruCLIP's folder; weights named as OpenAI's CLIP names them (its own files, OpenCLIP's); a folder of
`transformers` (OpenAI's CLIP as the hub has it, SigLIP). The first two become the third, whose names are
`transformers`' own. Sources: ai-forever/ru-clip at 3386dbb, openai/CLIP at d05afc4.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from math import isqrt
from pathlib import Path
from typing import Any, Final, cast

from tokenizers import Tokenizer, normalizers
from torch import Tensor
from transformers import AutoConfig, CLIPConfig, CLIPModel, CLIPTokenizer, PretrainedConfig

from inference.checkpoints import torchscript, weights, youtokentome
from inference.checkpoints.convert import only_file
from inference.checkpoints.registry import Card
from inference.checkpoints.tokenizers import read_tokenizer
from inference.clip.dual_encoder import build_model
from inference.clip.resnet import GROWTH, REDUCTION

Weights = dict[str, Tensor]

MEAN: Final = (0.48145466, 0.4578275, 0.40821073)
STD: Final = (0.26862954, 0.26130258, 0.27577711)
PREPROCESSOR: Final = "preprocessor_config.json"

HEAD: Final = 64  # numbers of an attention head where nothing else is said
PAD: Final = 0  # what stands behind the end of a text, where nobody reads it

_BILINEAR, _BICUBIC = 2, 3

# Of a block: OpenAI's name and that of `transformers`; weights and biases alike.
_BLOCK: Final = {
    "attn.out_proj": "self_attn.out_proj",
    "ln_1": "layer_norm1",
    "ln_2": "layer_norm2",
    "mlp.c_fc": "mlp.fc1",
    "mlp.c_proj": "mlp.fc2",
}
# What stands once in a model. The misspelling is `transformers`' own.
_SINGLE: Final = {
    "logit_scale": "logit_scale",
    "token_embedding.weight": "text_model.embeddings.token_embedding.weight",
    "positional_embedding": "text_model.embeddings.position_embedding.weight",
    "ln_final.weight": "text_model.final_layer_norm.weight",
    "ln_final.bias": "text_model.final_layer_norm.bias",
    "visual.class_embedding": "vision_model.embeddings.class_embedding",
    "visual.conv1.weight": "vision_model.embeddings.patch_embedding.weight",
    "visual.positional_embedding": "vision_model.embeddings.position_embedding.weight",
    "visual.ln_pre.weight": "vision_model.pre_layrnorm.weight",
    "visual.ln_pre.bias": "vision_model.pre_layrnorm.bias",
    "visual.ln_post.weight": "vision_model.post_layernorm.weight",
    "visual.ln_post.bias": "vision_model.post_layernorm.bias",
}
# These stand the other way round.
_TRANSPOSED: Final = {"text_projection": "text_projection.weight", "visual.proj": "visual_projection.weight"}
_TOWERS: Final = {
    "transformer.resblocks": "text_model.encoder.layers",
    "visual.transformer.resblocks": "vision_model.encoder.layers",
}
# Numbers that are no weights, by the last part of their names: sizes in OpenAI's archives, the causal mask in early
# files of OpenCLIP, how many batches a norm has seen.
_NON_WEIGHTS: Final = frozenset(
    {"input_resolution", "context_length", "vocab_size", "attn_mask", "num_batches_tracked"}
)
# What a residual network has and a vision transformer has not.
_RESIDUAL: Final = "visual.attnpool.positional_embedding"


def convert_ruclip(source: Path, folder: Path) -> Card:
    """A folder of ruCLIP as it is published: `config.json`, `bpe.model`, `pytorch_model.bin`."""
    sizes = json.loads((source / "config.json").read_text("utf-8"))
    state = cast(Weights, weights.read_pickle(source / "pytorch_model.bin"))
    tokenizer = youtokentome.read(source / "bpe.model")
    youtokentome.frame(tokenizer, lowercase=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    # What torchvision's RandomResizedCrop does where scale and ratio leave it no choice.
    rule = _build_preprocessor_config(
        sizes, size=_square(sizes["image_resolution"]), crop_first=True, resample=_BILINEAR
    )
    _save(folder, build_ruclip_config(sizes), rename_weights(state), rule)
    return Card(folder=folder, family="clip", version="1", languages=("ru",))


def convert_openai(source: Path, folder: Path) -> Card:
    """A file of weights as openai/CLIP or OpenCLIP names them, and beside it the tokenizer of CLIP.

    source: a folder with one `.pt` (OpenAI's are TorchScript), `.bin` or `.safetensors`, with `tokenizer.json` (or
    `vocab.json` and `merges.txt`), and with OpenCLIP's `open_clip_config.json` where the model is one of its own.
    """
    state = {name.removeprefix("module."): weight for name, weight in _load_state_dict(source).items()}
    shown = source / "open_clip_config.json"
    more = json.loads(shown.read_text("utf-8")) if shown.is_file() else {}
    sizes = read_openclip_sizes(more["model_cfg"]) if more else _infer_sizes(state)
    tokenizer = read_tokenizer(source, CLIPTokenizer, sizes["vocab_size"])
    tokenizer.backend_tokenizer.save(str(folder / "tokenizer.json"))
    edge = _square(sizes["image_resolution"])
    fit = {"size": {"shortest_edge": edge["height"]}, "crop_size": edge, "do_center_crop": True, "resample": _BICUBIC}
    config = _build_config(sizes, tokenizer.bos_token_id, tokenizer.eos_token_id)
    _save(folder, config, rename_weights(state), _build_preprocessor_config(more.get("preprocess_cfg", {}), **fit))
    return Card(folder=folder, family="clip", version="1", languages=("en",))


def convert_transformers(source: Path, folder: Path) -> Card:
    """A folder of a CLIP or a SigLIP of fixed resolution as `transformers` publishes it."""
    config = AutoConfig.from_pretrained(source, local_files_only=True, trust_remote_code=False)
    if config.model_type not in ("clip", "siglip"):
        raise ValueError(f"{source}: a {config.model_type} is no dual encoder that is known here")
    state = {name: weight for name, weight in weights.published(source).items() if not name.endswith("position_ids")}
    _load_tokenizer(source, config).save(str(folder / "tokenizer.json"))
    shutil.copyfile(source / PREPROCESSOR, folder / PREPROCESSOR)
    config.save_pretrained(folder)
    weights.save(state, folder / "model.safetensors")
    return Card(folder=folder, family=config.model_type, version="1", languages=("en",))


def build_ruclip_config(sizes: Mapping[str, Any]) -> CLIPConfig:
    """The configuration of a ruCLIP from its published `config.json`."""
    return _build_config(sizes, begin=2, end=3)


def build_ruclip(sizes: Mapping[str, Any]) -> CLIPModel:
    """A ruCLIP with random weights from its published `config.json`."""
    return cast(CLIPModel, build_model(build_ruclip_config(sizes)))


def read_openclip_sizes(model: Mapping[str, Any]) -> dict[str, Any]:
    """What `open_clip_config.json` says under `model_cfg`, named as in ruCLIP's `config.json`."""
    vision, text = model["vision_cfg"], model["text_cfg"]
    return {
        "embed_dim": model["embed_dim"],
        "image_resolution": vision["image_size"],
        "vision_layers": vision["layers"],
        "vision_width": vision["width"],
        "vision_patch_size": vision["patch_size"],
        "vision_head": vision.get("head_width", HEAD),
        "context_length": text["context_length"],
        "vocab_size": text["vocab_size"],
        "transformer_width": text["width"],
        "transformer_heads": text["heads"],
        "transformer_layers": text["layers"],
        "hidden_act": "quick_gelu" if model.get("quick_gelu") else "gelu",
    }


def build_openclip(model: Mapping[str, Any]) -> CLIPModel:
    """A model of OpenCLIP with random weights from its published `model_cfg`; its words are OpenAI's."""
    return cast(CLIPModel, build_model(_build_config(read_openclip_sizes(model), begin=49406, end=49407)))


def build_transformers_clip(config: Mapping[str, Any]) -> CLIPModel:
    """A model with random weights from its published `config.json`."""
    return cast(CLIPModel, build_model(AutoConfig.for_model(**config)))


def rename_weights(state: Mapping[str, Tensor]) -> Weights:
    """OpenAI's names of the weights of a dual encoder → those of `CLIPModel`; a residual network keeps its own.

    Raises ValueError for a weight of another architecture.
    """
    is_residual = _RESIDUAL in state
    weights_alone = ((name, weight) for name, weight in state.items() if name.rpartition(".")[2] not in _NON_WEIGHTS)
    return dict(pair for name, weight in weights_alone for pair in _rename_weight(name, weight, is_residual))


def _rename_weight(name: str, weight: Tensor, is_residual: bool) -> Iterator[tuple[str, Tensor]]:
    if is_residual and name.startswith("visual."):
        yield name.replace("visual", "vision_model", 1), weight
    elif name in _SINGLE:
        yield _SINGLE[name], weight
    elif name in _TRANSPOSED:
        yield _TRANSPOSED[name], weight.T
    else:
        tower, number, part, kind = _parse_name(name)
        start = f"{_TOWERS[tower]}.{number}"
        if part == "attn.in_proj":
            for letter, third in zip("qkv", weight.chunk(3), strict=True):
                yield f"{start}.self_attn.{letter}_proj.{kind}", third
        else:
            yield f"{start}.{_BLOCK[part]}.{kind}", weight


def _parse_name(name: str) -> tuple[str, str, str, str]:
    """`visual.transformer.resblocks.3.mlp.c_fc.weight` → tower, number of the block, part, weight or bias."""
    tower, found, rest = name.partition("resblocks.")
    number, _, rest = rest.partition(".")
    part, _, kind = rest.replace("in_proj_", "in_proj.").rpartition(".")
    tower += "resblocks"
    if not found or tower not in _TOWERS or part not in (*_BLOCK, "attn.in_proj"):
        raise ValueError(f"{name}: no weight of a CLIP")
    return tower, number, part, kind


def _build_config(sizes: Mapping[str, Any], begin: int, end: int) -> CLIPConfig:
    """`sizes` are named as in ruCLIP's `config.json`; the text is read at its first `end`, an id.

    `vision_layers` is a number for a vision transformer, a list of four for the stages of a residual network.
    """
    common = {"hidden_act": sizes.get("hidden_act", "quick_gelu"), "layer_norm_eps": 1e-5}
    common |= {"projection_dim": sizes["embed_dim"]}
    text = {
        "vocab_size": sizes["vocab_size"],
        "hidden_size": sizes["transformer_width"],
        "intermediate_size": 4 * sizes["transformer_width"],
        "num_hidden_layers": sizes["transformer_layers"],
        "num_attention_heads": sizes["transformer_heads"],
        "max_position_embeddings": sizes["context_length"],
        "bos_token_id": begin,
        "eos_token_id": end,
        "pad_token_id": PAD,
    }
    vision = _build_vision_config(sizes) | common
    return CLIPConfig(text_config=text | common, vision_config=vision, projection_dim=sizes["embed_dim"])


def _build_vision_config(sizes: Mapping[str, Any]) -> dict[str, Any]:
    layers, width = sizes["vision_layers"], sizes["vision_width"]
    is_residual = isinstance(layers, list)
    hidden = 8 * GROWTH * width if is_residual else width
    own = {"stages": layers, "num_hidden_layers": 0} if is_residual else {"num_hidden_layers": layers}
    return own | {
        "hidden_size": hidden,
        "intermediate_size": 4 * hidden,
        "num_attention_heads": hidden // sizes.get("vision_head", HEAD),
        "image_size": sizes["image_resolution"],
        "patch_size": REDUCTION if is_residual else sizes["vision_patch_size"],
    }


def _infer_sizes(state: Mapping[str, Tensor]) -> dict[str, Any]:
    """The sizes of a model, read off its weights and named as in ruCLIP's `config.json`."""
    width = state["ln_final.weight"].shape[0]
    vision = _infer_resnet_sizes(state) if _RESIDUAL in state else _infer_vit_sizes(state)
    return vision | {
        "embed_dim": state["text_projection"].shape[1],
        "context_length": len(state["positional_embedding"]),
        "vocab_size": len(state["token_embedding.weight"]),
        "transformer_width": width,
        "transformer_heads": width // HEAD,
        "transformer_layers": _count_layers(state, "transformer.resblocks."),
    }


def _infer_vit_sizes(state: Mapping[str, Tensor]) -> dict[str, Any]:
    width, _, patch, _ = state["visual.conv1.weight"].shape
    return {
        "image_resolution": patch * _grid_size(state["visual.positional_embedding"]),
        "vision_layers": _count_layers(state, "visual.transformer.resblocks."),
        "vision_width": width,
        "vision_patch_size": patch,
    }


def _infer_resnet_sizes(state: Mapping[str, Tensor]) -> dict[str, Any]:
    return {
        "image_resolution": REDUCTION * _grid_size(state[_RESIDUAL]),
        "vision_layers": [_count_layers(state, f"visual.layer{stage}.") for stage in range(1, 5)],
        "vision_width": state["visual.conv3.weight"].shape[0],
    }


def _count_layers(state: Mapping[str, Tensor], prefix: str) -> int:
    """How many numbers follow the prefix in the names."""
    return len({name.removeprefix(prefix).partition(".")[0] for name in state if name.startswith(prefix)})


def _grid_size(positions: Tensor) -> int:
    """How many cells an edge of the photo has; one position is the whole photo's."""
    return isqrt(len(positions) - 1)


def _load_state_dict(source: Path) -> Weights:
    """The weights in a folder."""
    found = weights.read(source)
    if found:
        return found
    path = only_file(source, "*.pt", "*.bin")
    if torchscript.is_program(path):
        return torchscript.read(path)
    kept = weights.read_pickle(path)
    return cast(Weights, kept.get("state_dict", kept))


def _load_tokenizer(source: Path, config: PretrainedConfig) -> Tokenizer:
    path = source / "tokenizer.json"
    if path.is_file():
        tokenizer = Tokenizer.from_file(str(path))
    elif config.model_type == "siglip":  # from SentencePiece's own file `transformers` makes no tokenizer of this kind
        raise FileNotFoundError(path)
    else:
        tokenizer = read_tokenizer(source).backend_tokenizer
    if config.model_type == "siglip":
        _configure_siglip(tokenizer, source)
    return tokenizer


def _configure_siglip(tokenizer: Tokenizer, source: Path) -> None:
    """Lower case, and the padding that SigLIP reads; the tokenizer of SigLIP 2 is Gemma's and says neither."""
    if '"Lowercase"' not in tokenizer.to_str():
        first = [normalizers.Lowercase()]
        tokenizer.normalizer = normalizers.Sequence([*first, *([tokenizer.normalizer] if tokenizer.normalizer else [])])
    padding = json.loads((source / "tokenizer_config.json").read_text("utf-8"))["pad_token"]
    name = padding if isinstance(padding, str) else padding["content"]
    tokenizer.enable_padding(pad_id=tokenizer.token_to_id(name), pad_token=name)


def _build_preprocessor_config(published: Mapping[str, Any], **fit: object) -> dict[str, object]:
    """A `preprocessor_config.json`; mean and deviation are CLIP's where nothing else is published."""
    mean, std = published.get("mean") or MEAN, published.get("std") or STD
    return fit | {"image_mean": list(mean), "image_std": list(std)}


def _square(edge: int) -> dict[str, int]:
    return {"height": edge, "width": edge}


def _save(folder: Path, config: CLIPConfig, state: Weights, rule: Mapping[str, object]) -> None:
    config.save_pretrained(folder)
    (folder / PREPROCESSOR).write_text(json.dumps(rule, indent=2) + "\n", "utf-8")
    weights.save(state, folder / "model.safetensors")
