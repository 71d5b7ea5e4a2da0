"""Convert a published ruDOLPH, with the tokenizer and image encoder of ruDALL-E, to a checkpoint."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Final, cast

import torch
from torch import Tensor

from inference.captioners.rudolph.captioner import IMAGES, MODEL
from inference.captioners.rudolph.masks import Pattern, build_mask
from inference.captioners.rudolph.model import Rudolph, RudolphConfig
from inference.captioners.rudolph.vqgan import Vqgan, infer_config
from inference.checkpoints import youtokentome
from inference.checkpoints.card import Card
from inference.checkpoints.weights import fill_model, filter_tensors, load_pickle, save_tensors
from inference.errors import UnfitWeights

WEIGHTS, TOKENIZER, ENCODER = "pytorch_model.bin", "bpe.model", "vqgan.gumbelf8-sber.model.ckpt"

# (layers, width) → heads and kernels, which no shape reveals, of the models of ai-forever/ru-dolph. Any other needs a
# `config.json` beside the weights, with the argument names of ru-dolph's constructor.
_KNOWN_SIZES: Final = {
    (24, 1024): {"num_attention_heads": 16, "kernel_size": 7, "last_kernel_size": 9},
    (24, 2048): {"num_attention_heads": 16, "kernel_size": 9, "last_kernel_size": 11},
    (32, 2560): {"num_attention_heads": 32, "kernel_size": 7, "last_kernel_size": 9},
}
_MASKS: Final[Mapping[str, Pattern]] = {
    "row_mask": "row",
    "col_mask": "column",
    "conv_mask": "neighbourhood",
    "last_conv_mask": "last",
}
_ENCODER_PARTS: Final = ("encoder.", "quant_conv.", "quantize.proj.")
# As in the repository's captioning notebook, whose 48 drafts would take too long on a CPU.
_GENERATION: Final = {"max_new_tokens": 64, "min_new_tokens": 2, "temperature": 0.9, "top_k": 64}
_SETTINGS: Final = {"drafts": 4, "template": "на картинке", "top_p": 0.8}


def convert(source: Path, folder: Path) -> Card:
    """Convert a folder of three files, named by the constants: model, tokenizer and image encoder.

    The VQGAN's decoder and the masks, which are computed, are left out. Raises `ValueError` where sizes are unknown or
    do not fit, `UnfitWeights` for missing or unexpected weights.
    """
    tokenizer = youtokentome.load_tokenizer(source / TOKENIZER)
    encoder = cast(Mapping[str, Mapping[str, Tensor]], load_pickle(source / ENCODER))["state_dict"]
    encoder = {name: weight for name, weight in encoder.items() if name.startswith(_ENCODER_PARTS)}
    try:
        sizes = infer_config({name: weight.shape for name, weight in encoder.items()})
    except KeyError as error:
        raise UnfitWeights("weights-missing", tensor=str(error.args[0])) from error
    published = filter_tensors(load_pickle(source / WEIGHTS))
    config = _infer_config(published, _read_config(source / "config.json"), tokenizer.get_vocab_size(), sizes.codes)
    _check_masks(config, published)
    model = {name: weight for name, weight in published.items() if not name.endswith("_mask")}
    with torch.device("meta"):
        fill_model(Rudolph(config), model, assign=True)
        fill_model(Vqgan(sizes), encoder, assign=True)
    save_tensors(model, folder / MODEL)
    save_tensors(encoder, folder / IMAGES)
    tokenizer.save(str(folder / "tokenizer.json"))
    table = {"model_type": "rudolph", "model": asdict(config), "vqgan": asdict(sizes)}
    (folder / "config.json").write_text(json.dumps(table, indent=2) + "\n", "utf-8")
    return Card(
        folder=folder,
        family="rudolph",
        version="1",
        languages=("ru",),
        max_photos=10,
        settings=dict(_SETTINGS),
        generation=dict(_GENERATION),
        parameters=sum(weight.numel() for weight in model.values()),
    )


def build(published: Mapping[str, int]) -> Rudolph:
    """Build the model of the arguments of ru-dolph's constructor with random weights."""
    return Rudolph(_build_config(published))


def _build_config(arguments: Mapping[str, int]) -> RudolphConfig:
    """Map the arguments of ru-dolph's constructor; its `vocab_size` counts the vocabulary and the left padding."""
    return RudolphConfig(
        layers=arguments["num_layers"],
        width=arguments["hidden_size"],
        heads=arguments["num_attention_heads"],
        left=arguments["l_text_seq_length"],
        side=arguments["image_tokens_per_dim"],
        right=arguments["r_text_seq_length"],
        kernel=arguments["kernel_size"],
        last_kernel=arguments["last_kernel_size"],
        words=arguments["vocab_size"] - arguments["l_text_seq_length"],
        text_special=arguments["text_special_tokens"],
        codes=arguments["image_vocab_size"],
        image_special=arguments["image_special_tokens"],
    )


def _infer_config(
    published: Mapping[str, Tensor], arguments: Mapping[str, int], words: int, codes: int
) -> RudolphConfig:
    """Infer the sizes from the shapes of the weights, and the others from the table or `config.json`."""
    text_ids, width = published["text_embeddings.weight"].shape
    _ = published["transformer.layers.0.input_layernorm.weight"]  # of the first layer, without which none are counted
    found = (re.match(r"transformer\.layers\.(\d+)\.", name) for name in published)
    layers = arguments.get("num_layers", max(int(each[1]) + 1 for each in found if each))
    left = len(published["l_text_pos_embeddings.weight"]) - 1
    sizes = _KNOWN_SIZES.get((layers, width), {}) | {
        name: arguments[name] for name in _NOT_IN_SHAPES if name in arguments
    }
    if len(sizes) != len(_NOT_IN_SHAPES):
        raise ValueError(f"no size of ruDOLPH that is known: {layers} layers of {width}; config.json has to tell")
    return _build_config(
        {
            **sizes,
            "num_layers": layers,
            "hidden_size": width,
            "l_text_seq_length": left,
            "image_tokens_per_dim": len(published["image_row_embeddings.weight"]),
            "r_text_seq_length": len(published["r_text_pos_embeddings.weight"]) - 1,
            "vocab_size": words + left,
            "text_special_tokens": text_ids - words - left,
            "image_vocab_size": codes,
            "image_special_tokens": len(published["image_embeddings.weight"]) - codes,
        }
    )


_NOT_IN_SHAPES: Final = ("num_attention_heads", "kernel_size", "last_kernel_size")


def _read_config(path: Path) -> Mapping[str, int]:
    return cast(Mapping[str, int], json.loads(path.read_text("utf-8"))) if path.is_file() else {}


def _check_masks(config: RudolphConfig, published: Mapping[str, Tensor]) -> None:
    """Check that the masks in the file equal the computed ones: otherwise the kernel sizes are wrong."""
    for name, pattern in _MASKS.items():
        mask = published.get(f"transformer.{name}")
        kernel = config.last_kernel if pattern == "last" else config.kernel
        if mask is not None and not torch.equal(
            mask.bool(), build_mask(config.left, config.side, config.right, pattern, kernel)
        ):
            raise ValueError(f"{name} in the file is not that of kernel {kernel}")
