"""Load and save tensors: safetensors, and publishers' pickles without executing them."""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

_SINGLE_FILE, _INDEX = "model.safetensors", "model.safetensors.index.json"


def load_tensors(folder: Path) -> dict[str, Tensor]:
    """Load all tensors of a folder, shapes and dtypes as in its safetensors file or the shards in its index."""
    tensors: dict[str, Tensor] = {}
    for path in _list_files(folder):
        with safe_open(path, "pt") as file:
            tensors |= {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    return tensors


def read_shapes(folder: Path) -> list[tuple[str, tuple[int, ...]]]:
    """Return name and shape of every tensor in the safetensors files below `folder`; reads the headers only."""
    shapes: list[tuple[str, tuple[int, ...]]] = []
    for path in _list_files_below(folder):
        with safe_open(path, "np") as file:  # PyTorch would map the file privately, and that has to fit into memory
            shapes += [(name, tuple(file.get_slice(name).get_shape())) for name in file.keys()]  # noqa: SIM118
    return shapes


def count_parameters(folder: Path) -> int:
    """Return the number of parameters in the safetensors files below `folder`."""
    return sum(math.prod(shape) for _, shape in read_shapes(folder))


def compute_size(folder: Path) -> int:
    """Return the bytes of the safetensors files below `folder`."""
    return sum(path.stat().st_size for path in _list_files_below(folder))


def _list_files(folder: Path) -> list[Path]:
    """List the safetensors files that `transformers` would load; some publishers add a single file to the shards."""
    found, index = sorted(folder.glob("[!.]*.safetensors")), folder / _INDEX
    if not index.is_file() or folder / _SINGLE_FILE in found:
        return found
    named = set(json.loads(index.read_text("utf-8"))["weight_map"].values())
    return [path for path in found if path.name in named]


def _list_files_below(folder: Path) -> list[Path]:
    folders = sorted({path.parent for path in folder.rglob("*.safetensors")})
    return [path for subfolder in folders for path in _list_files(subfolder)]


def load_pickle(path: Path) -> dict[str, object]:
    """Load a publisher's `.bin`, `.pt` or `.ckpt`: tensors of any shape and dtype and plain values (`weights_only`).

    The file is memory-mapped, unless PyTorch before 1.6 wrote it.
    """
    with path.open("rb") as file:
        is_zip = file.read(2) == b"PK"
    # torch warns of newer pickle protocols, and then loads or refuses them.
    with warnings.catch_warnings(action="ignore", category=UserWarning):
        loaded: dict[str, object] = torch.load(path, map_location="cpu", weights_only=True, mmap=is_zip)
    return loaded


def load_published(folder: Path) -> dict[str, Tensor]:
    """Load all tensors of a `transformers` folder, shapes as published, from safetensors or else from pickles.

    Raises `FileNotFoundError` for a folder without weights.
    """
    tensors = load_tensors(folder)
    for path in [] if tensors else sorted(folder.glob("pytorch_model*.bin")):
        tensors |= filter_tensors(load_pickle(path))
    if not tensors:
        raise FileNotFoundError(folder / "pytorch_model.bin")
    return tensors


def save_tensors(tensors: Mapping[str, Tensor], path: Path) -> None:
    """Write tensors of any shape and dtype to a safetensors file.

    `save_file` takes only contiguous tensors that share no memory; it writes them without a second copy of the weights.
    """
    owned: set[int] = set()
    unshared: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        contiguous = tensor.detach().contiguous()
        is_shared = contiguous.untyped_storage().data_ptr() in owned
        unshared[name] = contiguous.clone() if is_shared else contiguous
        owned.add(contiguous.untyped_storage().data_ptr())
    save_file(unshared, path, metadata={"format": "pt"})


def convert_pickle(source: Path, target: Path) -> None:
    """Convert a publisher's pickled state dict into a safetensors file."""
    save_tensors(filter_tensors(load_pickle(source)), target)


def filter_tensors(state: Mapping[str, object]) -> dict[str, Tensor]:
    """Return the tensors of a state dict, of any shape, without the plain values that some publishers add."""
    return {name: tensor for name, tensor in state.items() if isinstance(tensor, Tensor)}


def select_prefix(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors whose names begin with a prefix, of any shape, and remove the prefix."""
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def drop_tied(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return each tensor once, shapes unchanged, under its first name: output heads are often tied to embeddings."""
    names: dict[tuple[int, torch.Size], str] = {}
    for name, tensor in tensors.items():
        names.setdefault((tensor.data_ptr(), tensor.shape), name)
    return {name: tensors[name] for name in names.values()}
