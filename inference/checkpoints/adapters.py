"""LoRA adapters that a card names, merged into the weights of its model ("LoRA", Hu et al., 2021).

Behind it stands no adapter any more: the model is as fast and as large as without. Nothing is unpickled.
"""

from __future__ import annotations

import re
import warnings
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Final, cast

from peft import LoraConfig, LoraModel, PeftConfig, set_peft_model_state_dict
from torch import Tensor, nn

from inference.checkpoints.card import ADAPTER, Card
from inference.checkpoints.convert import link
from inference.checkpoints.weights import read, unpickle
from inference.errors import CheckpointError

WEIGHTS, PICKLE = "adapter_model.safetensors", "adapter_model.bin"

_PREFIX = "base_model.model."  # before every name of a file that PEFT wrote
_WEIGHT = re.compile(r"\.(lora_\w+(\.\w+)?|weight|bias)$")  # what stands behind the path of a module
# Paths inside a ViT before transformers 5, in which its modules got new names. PEFT does not know of it: an adapter
# made before would be left out without a word.
_MOVED: Final = (
    (r"\bencoder\.layer\.", "layers."),
    (r"\battention\.attention\.query\b", "attention.q_proj"),
    (r"\battention\.attention\.key\b", "attention.k_proj"),
    (r"\battention\.attention\.value\b", "attention.v_proj"),
    (r"\battention\.output\.dense\b", "attention.o_proj"),
    (r"\bintermediate\.dense\b", "mlp.fc1"),
    (r"\boutput\.dense\b", "mlp.fc2"),
)


def merge_adapters(model: nn.Module, card: Card) -> nn.Module:
    """The model with every adapter of the card merged into it, in the card's order; the model itself is changed.

    Each adapter is a folder inside the card's folder, as PEFT saves it; the paths of its modules are those in `model`.
    LoRA on linear, `Conv1D`, convolutional and embedding layers, rank-stabilised or not, DoRA, ranks and factors by
    module, and whole modules that were trained along. Merge before the weights become narrower than the adapter's.

    Raises `CheckpointError` naming the adapter for one that is not there, is pickled or does not fit: every weight of
    its file has to find its place.
    """
    for name in card.adapters:
        model = _merged(model, card, name)
    return model


def convert_adapters(source: Path, folder: Path) -> tuple[str, ...]:
    """Copy the adapters that lie in folders of a published one; the names of these folders, for the card.

    What was pickled is written out as safetensors.
    """
    given = sorted(path.parent for path in source.glob(f"*/{ADAPTER}"))
    for each in given:
        taken = folder / each.name
        taken.mkdir()
        link(each / ADAPTER, taken / ADAPTER)
        if (each / WEIGHTS).is_file():
            link(each / WEIGHTS, taken / WEIGHTS)
        else:
            unpickle(each / PICKLE, taken / WEIGHTS)
    return tuple(each.name for each in given)


def _merged(model: nn.Module, card: Card, name: str) -> nn.Module:
    folder = card.folder / name
    if not (folder / WEIGHTS).is_file() and (folder / PICKLE).is_file():
        raise CheckpointError("adapter-pickled", checkpoint=card.id, adapter=name)
    if not (folder / WEIGHTS).is_file() or not (folder / ADAPTER).is_file():
        raise CheckpointError("adapter-missing", checkpoint=card.id, adapter=name)
    try:
        # PEFT warns of what is checked here, and of what it corrects by itself.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _attached(model, folder).merge_and_unload()
    # A file of another model fails in as many ways as PEFT reads it.
    except Exception as error:
        raise CheckpointError("adapter-unfit", checkpoint=card.id, adapter=name) from error


def _attached(model: nn.Module, folder: Path) -> LoraModel:
    """The model with the adapter's pairs beside its weights. Raises `ValueError` unless all found their places."""
    config = PeftConfig.from_pretrained(str(folder))
    if not isinstance(config, LoraConfig):
        raise ValueError(f"{folder}: no LoRA adapter but {config.peft_type}")
    published = {name.removeprefix(_PREFIX): weight for name, weight in read(folder).items()}
    moved = _moved(model, published)
    _aim(config, published, moved)
    _untie(model, config.target_modules or ())
    weights = {moved[name]: weight for name, weight in published.items()}
    tuner = LoraModel(model, config, "default", state_dict=weights)
    missing, unexpected = cast(tuple[list[str], list[str]], set_peft_model_state_dict(tuner.model, weights))
    lacking = [name for name in missing if ".lora_" in name]
    if unexpected or lacking:
        raise ValueError(f"{folder}: without a place {unexpected}, not in the file {lacking}")
    return tuner


def _moved(model: nn.Module, published: dict[str, Tensor]) -> dict[str, str]:
    """Published name of each weight → its name in the model, which differs where the model's modules were renamed."""
    modules = {name for name, _ in model.named_modules()}
    return {name: name if _path(name) in modules else _today(name) for name in published}


def _today(name: str) -> str:
    for old, new in _MOVED:
        name = re.sub(old, new, name)
    return name


def _path(name: str) -> str:
    return _WEIGHT.sub("", name)


def _aim(config: LoraConfig, published: dict[str, Tensor], moved: dict[str, str]) -> None:
    """Name the modules, their ranks and factors as the model does: patterns were written for the published names."""
    paths = {_path(moved[name]): _path(name) for name in published if ".lora_" in name}
    config.target_modules = list(paths)
    config.rank_pattern = _by_module(config.rank_pattern or {}, paths)
    config.alpha_pattern = _by_module(config.alpha_pattern or {}, paths)
    config.modules_to_save = [_today(name) for name in config.modules_to_save or ()] or None
    config.inference_mode = True


def _untie(model: nn.Module, paths: Iterable[str]) -> None:
    """Give each module its own copy of a weight that others use too: an adapter of the head tunes no embedding."""
    parameters = model.named_parameters(remove_duplicate=False)
    uses = Counter(id(weight) for _, weight in parameters)
    modules = dict(model.named_modules())
    for module in (modules[path] for path in paths if path in modules):
        weight = getattr(module, "weight", None)
        if isinstance(weight, nn.Parameter) and uses[id(weight)] > 1:
            module.weight = nn.Parameter(weight.detach().clone())


def _by_module(patterns: dict[str, int], paths: dict[str, str]) -> dict[str, int]:
    """The patterns, which PEFT holds against the ends of paths, as one for each module that they mean."""
    values = {new: _first(patterns, published) for new, published in paths.items()}
    return {f"^{re.escape(new)}": value for new, value in values.items() if value is not None}


def _first(patterns: dict[str, int], path: str) -> int | None:
    return next((value for end, value in patterns.items() if re.match(rf"(.*\.)?({end})$", path)), None)
