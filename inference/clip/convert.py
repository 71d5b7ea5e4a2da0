"""Convert published dual encoders into the folders that `Clip.load` reads.

Three formats: ruCLIP's folder; weights named as in OpenAI's CLIP (its own files, OpenCLIP's); a folder of
`transformers` (OpenAI's CLIP on the hub, SigLIP). All are saved as folders of `transformers`. Sources:
ai-forever/ru-clip at 3386dbb, openai/CLIP at d05afc4.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, cast

from safetensors.torch import load_file
from tokenizers import Tokenizer, normalizers
from torch import Tensor
from transformers import AutoConfig, CLIPConfig, CLIPTokenizer, PretrainedConfig

from inference.checkpoints import torchscript, weights, youtokentome
from inference.checkpoints.card import Card
from inference.checkpoints.convert import find_single_file
from inference.checkpoints.tokenizers import load_tokenizer
from inference.clip.architectures import build_config, build_ruclip_config, read_openclip_sizes
from inference.clip.dual_encoder import load_model
from inference.clip.openai_weights import infer_sizes, rename_weights

MEAN: Final = (0.48145466, 0.4578275, 0.40821073)
STD: Final = (0.26862954, 0.26130258, 0.27577711)
PREPROCESSOR: Final = "preprocessor_config.json"

_BILINEAR, _BICUBIC = 2, 3  # `PIL.Image.Resampling`


def convert_ruclip(source: Path, folder: Path) -> Card:
    """Convert a published ruCLIP folder: `config.json`, `bpe.model`, `pytorch_model.bin`. Return its card."""
    sizes = json.loads((source / "config.json").read_text("utf-8"))
    state = weights.filter_tensors(weights.load_pickle(source / "pytorch_model.bin"))
    tokenizer = youtokentome.load_tokenizer(source / "bpe.model")
    youtokentome.add_bos_eos(tokenizer, lowercase=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    # torchvision's RandomResizedCrop with fixed scale and ratio, as ruCLIP uses it.
    preprocessor = _build_preprocessor_config(
        sizes, size=_square(sizes["image_resolution"]), crop_first=True, resample=_BILINEAR
    )
    _save(folder, build_ruclip_config(sizes), rename_weights(state), preprocessor)
    return Card(folder=folder, family="clip", version="1", languages=("ru",))


def convert_openai(source: Path, folder: Path) -> Card:
    """Convert a folder with weights named as in openai/CLIP or OpenCLIP, and return its card.

    source: one `.pt` (OpenAI's are TorchScript), `.bin` or `.safetensors`, or a folder with one. Beside it are
    `tokenizer.json`, or `vocab.json` and `merges.txt`; and for a model of OpenCLIP's own its `open_clip_config.json`.
    """
    state = weights.Tensors((name.removeprefix("module."), each) for name, each in _load_state_dict(source).items())
    source = source.parent if source.is_file() else source
    openclip_config = source / "open_clip_config.json"
    published = json.loads(openclip_config.read_text("utf-8")) if openclip_config.is_file() else {}
    sizes = read_openclip_sizes(published["model_cfg"]) if published else infer_sizes(state)
    tokenizer = load_tokenizer(source, CLIPTokenizer, sizes["vocab_size"])
    tokenizer.backend_tokenizer.save(str(folder / "tokenizer.json"))
    edge = _square(sizes["image_resolution"])
    size = {"shortest_edge": edge["height"]}
    fit = {"size": size, "crop_size": edge, "do_center_crop": True, "rounds_crop": True, "resample": _BICUBIC}
    config = build_config(sizes, tokenizer.bos_token_id, tokenizer.eos_token_id)
    _save(folder, config, rename_weights(state), _build_preprocessor_config(published.get("preprocess_cfg", {}), **fit))
    return Card(folder=folder, family="clip", version="1", languages=("en",))


def convert_transformers(source: Path, folder: Path) -> Card:
    """Convert a `transformers` folder of a CLIP or a fixed-resolution SigLIP, and return its card.

    Raises `ValueError` for another architecture.
    """
    config = AutoConfig.from_pretrained(source, local_files_only=True, trust_remote_code=False)
    if config.model_type not in ("clip", "siglip"):
        raise ValueError(f"{source}: a {config.model_type} is no dual encoder that is known here")
    state = {
        name: weight for name, weight in weights.load_published(source).items() if not name.endswith("position_ids")
    }
    _load_tokenizer(source, config).save(str(folder / "tokenizer.json"))
    shutil.copyfile(source / PREPROCESSOR, folder / PREPROCESSOR)
    config.save_pretrained(folder)
    weights.save_tensors(state, folder / "model.safetensors")
    load_model(folder)
    return Card(folder=folder, family=config.model_type, version="1", languages=("en",))


def _load_state_dict(source: Path) -> dict[str, Tensor]:
    """Load the weights of a folder: safetensors, TorchScript or a pickle."""
    found = source.is_dir() and any(source.glob("[!.]*.safetensors"))
    path = find_single_file(source, *(("*.safetensors",) if found else ("*.pt", "*.bin")))
    if path.suffix == ".safetensors":
        return load_file(path)
    if torchscript.is_torchscript(path):
        return torchscript.load_state_dict(path)
    checkpoint = weights.load_pickle(path)
    return cast("dict[str, Tensor]", checkpoint.get("state_dict", checkpoint))


def _load_tokenizer(source: Path, config: PretrainedConfig) -> Tokenizer:
    path = source / "tokenizer.json"
    if path.is_file():
        tokenizer = Tokenizer.from_file(str(path))
    elif config.model_type == "siglip":  # `transformers` cannot convert its SentencePiece file
        raise FileNotFoundError(path)
    else:
        tokenizer = load_tokenizer(source).backend_tokenizer
    if config.model_type == "siglip":
        _configure_siglip(tokenizer, source)
    return tokenizer


def _configure_siglip(tokenizer: Tokenizer, source: Path) -> None:
    """Add lower-casing and SigLIP's padding; SigLIP 2 ships Gemma's tokenizer, which has neither."""
    if '"Lowercase"' not in tokenizer.to_str():
        first = [normalizers.Lowercase()]
        tokenizer.normalizer = normalizers.Sequence([*first, *([tokenizer.normalizer] if tokenizer.normalizer else [])])
    padding = json.loads((source / "tokenizer_config.json").read_text("utf-8"))["pad_token"]
    name = padding if isinstance(padding, str) else padding["content"]
    tokenizer.enable_padding(pad_id=tokenizer.token_to_id(name), pad_token=name)


def _build_preprocessor_config(published: Mapping[str, Any], **fit: object) -> dict[str, object]:
    """Build a `preprocessor_config.json`; mean and deviation default to CLIP's."""
    mean, std = published.get("mean") or MEAN, published.get("std") or STD
    return fit | {"image_mean": list(mean), "image_std": list(std)}


def _square(edge: int) -> dict[str, int]:
    return {"height": edge, "width": edge}


def _save(folder: Path, config: CLIPConfig, state: dict[str, Tensor], preprocessor: Mapping[str, object]) -> None:
    config.save_pretrained(folder)
    (folder / PREPROCESSOR).write_text(json.dumps(preprocessor, indent=2) + "\n", "utf-8")
    weights.save_tensors(state, folder / "model.safetensors")
    load_model(folder)
