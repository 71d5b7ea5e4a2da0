"""Merge the LoRA adapters of a card into the weights of its model ("LoRA", Hu et al., 2021).

The merged model is as fast and as large as the original. Nothing is unpickled.
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
from inference.checkpoints.convert import link_or_copy
from inference.checkpoints.weights import convert_pickle, load_tensors
from inference.errors import CheckpointError

WEIGHTS, PICKLE = "adapter_model.safetensors", "adapter_model.bin"

_PREFIX = "base_model.model."  # of every name that PEFT saves
_PARAMETER_SUFFIX = re.compile(r"\.(lora_\w+(\.\w+)?|weight|bias)$")  # follows the path of a module
# transformers 5 renamed the modules of ViT. PEFT does not follow: it would silently ignore an older adapter.
_VIT_RENAMES: Final = (
    (r"\bencoder\.layer\.", "layers."),
    (r"\battention\.attention\.query\b", "attention.q_proj"),
    (r"\battention\.attention\.key\b", "attention.k_proj"),
    (r"\battention\.attention\.value\b", "attention.v_proj"),
    (r"\battention\.output\.dense\b", "attention.o_proj"),
    (r"\bintermediate\.dense\b", "mlp.fc1"),
    (r"\boutput\.dense\b", "mlp.fc2"),
)


def merge_adapters(model: nn.Module, card: Card) -> nn.Module:
    """Merge every adapter of a card into a model, in place and in the card's order, and return the model.

    Each adapter is a folder inside the card's folder, as PEFT saves it; the paths of its modules are those in `model`.
    Supports LoRA on linear, `Conv1D`, convolutional and embedding layers, rank stabilisation, DoRA, ranks and alphas
    by module, and fully trained modules. Merge before casting the weights to a dtype narrower than the adapter's.

    Raises `CheckpointError` that names an adapter which is missing, pickled, or has weights that the model does not.
    """
    for name in card.adapters:
        model = _merge_adapter(model, card, name)
    return model


def convert_adapters(source: Path, folder: Path) -> tuple[str, ...]:
    """Copy the adapters in subfolders of a published folder, pickles as safetensors; return the subfolders' names."""
    adapters = sorted(path.parent for path in source.glob(f"*/{ADAPTER}"))
    for adapter in adapters:
        target = folder / adapter.name
        target.mkdir()
        link_or_copy(adapter / ADAPTER, target / ADAPTER)
        if (adapter / WEIGHTS).is_file():
            link_or_copy(adapter / WEIGHTS, target / WEIGHTS)
        else:
            convert_pickle(adapter / PICKLE, target / WEIGHTS)
    return tuple(adapter.name for adapter in adapters)


def _merge_adapter(model: nn.Module, card: Card, name: str) -> nn.Module:
    folder = card.folder / name
    if not (folder / WEIGHTS).is_file() and (folder / PICKLE).is_file():
        raise CheckpointError("adapter-pickled", checkpoint=card.id, adapter=name)
    if not (folder / WEIGHTS).is_file() or not (folder / ADAPTER).is_file():
        raise CheckpointError("adapter-missing", checkpoint=card.id, adapter=name)
    try:
        # PEFT warns of problems that are checked here or that it corrects.
        with warnings.catch_warnings(action="ignore"):
            return _attach_adapter(model, folder).merge_and_unload()
    # PEFT raises many kinds of exceptions for the adapter of another model.
    except Exception as error:
        raise CheckpointError("adapter-unfit", checkpoint=card.id, adapter=name) from error


def _attach_adapter(model: nn.Module, folder: Path) -> LoraModel:
    """Return the model with the adapter's matrices beside its weights. Raises `ValueError` for unmatched weights."""
    config = PeftConfig.from_pretrained(str(folder))
    if not isinstance(config, LoraConfig):
        raise ValueError(f"{folder}: no LoRA adapter but {config.peft_type}")
    published = {name.removeprefix(_PREFIX): weight for name, weight in load_tensors(folder).items()}
    names = _map_names(model, published)
    _retarget_config(config, names)
    _untie_weights(model, config.target_modules or ())
    weights = {names[name]: weight for name, weight in published.items()}
    tuner = LoraModel(model, config, "default", state_dict=weights)
    missing, unexpected = cast(tuple[list[str], list[str]], set_peft_model_state_dict(tuner.model, weights))
    missing = [name for name in missing if ".lora_" in name]
    if unexpected or missing:
        raise ValueError(f"{folder}: unexpected weights {unexpected}, missing weights {missing}")
    return tuner


def _map_names(model: nn.Module, published: dict[str, Tensor]) -> dict[str, str]:
    """Return published name → name in the model for each weight; they differ where modules were renamed."""
    modules = {name for name, _ in model.named_modules()}
    return {name: name if _get_module_path(name) in modules else _rename_vit_modules(name) for name in published}


def _rename_vit_modules(name: str) -> str:
    for old, new in _VIT_RENAMES:
        name = re.sub(old, new, name)
    return name


def _get_module_path(name: str) -> str:
    return _PARAMETER_SUFFIX.sub("", name)


def _retarget_config(config: LoraConfig, names: dict[str, str]) -> None:
    """Replace published module names in the config by the model's. names: published → model's name of each weight."""
    paths = {_get_module_path(new): _get_module_path(name) for name, new in names.items() if ".lora_" in name}
    config.target_modules = list(paths)
    config.rank_pattern = _resolve_patterns(config.rank_pattern or {}, paths)
    config.alpha_pattern = _resolve_patterns(config.alpha_pattern or {}, paths)
    config.modules_to_save = [_rename_vit_modules(name) for name in config.modules_to_save or ()] or None
    config.inference_mode = True


def _untie_weights(model: nn.Module, paths: Iterable[str]) -> None:
    """Copy weights that other modules share: an adapter of the output head must not change the embedding."""
    uses = Counter(id(weight) for _, weight in model.named_parameters(remove_duplicate=False))
    modules = dict(model.named_modules())
    for module in (modules[path] for path in paths if path in modules):
        weight = getattr(module, "weight", None)
        if isinstance(weight, nn.Parameter) and uses[id(weight)] > 1:
            module.weight = nn.Parameter(weight.detach().clone())


def _resolve_patterns(patterns: dict[str, int], paths: dict[str, str]) -> dict[str, int]:
    """Return one pattern for each module; PEFT matches the given ones with the ends of published paths."""
    values = {new: _match_pattern(patterns, published) for new, published in paths.items()}
    return {f"^{re.escape(new)}": value for new, value in values.items() if value is not None}


def _match_pattern(patterns: dict[str, int], path: str) -> int | None:
    return next((value for end, value in patterns.items() if re.match(rf"(.*\.)?({end})$", path)), None)
