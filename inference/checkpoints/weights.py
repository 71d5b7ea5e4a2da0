"""Tensors in files: safetensors in and out, and publishers' pickles, read once and with nothing executed."""

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

_WHOLE, _INDEX = "model.safetensors", "model.safetensors.index.json"


def read(folder: Path) -> dict[str, Tensor]:
    """Load all tensors of a folder, shapes and dtypes as in its safetensors file or the shards of its index."""
    tensors: dict[str, Tensor] = {}
    for path in _files(folder):
        with safe_open(path, "pt") as file:
            tensors |= {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    return tensors


def shapes(folder: Path) -> list[tuple[str, tuple[int, ...]]]:
    """Name and shape of every tensor in the safetensors files below `folder`; reads the headers alone."""
    found: list[tuple[str, tuple[int, ...]]] = []
    for path in _files_below(folder):
        with safe_open(path, "np") as file:  # PyTorch would map it as its own, which has to fit into memory
            found += [(name, tuple(file.get_slice(name).get_shape())) for name in file.keys()]  # noqa: SIM118
    return found


def count(folder: Path) -> int:
    """How many numbers the safetensors files below `folder` hold."""
    return sum(math.prod(shape) for _, shape in shapes(folder))


def size(folder: Path) -> int:
    """Bytes of the safetensors files below `folder`."""
    return sum(path.stat().st_size for path in _files_below(folder))


def _files(folder: Path) -> list[Path]:
    """The safetensors files of a folder; some publishers keep their shards once more in a file beside them."""
    found, index = sorted(folder.glob("[!.]*.safetensors")), folder / _INDEX
    if not index.is_file() or folder / _WHOLE in found:
        return found
    named = set(json.loads(index.read_text("utf-8"))["weight_map"].values())
    return [path for path in found if path.name in named]


def _files_below(folder: Path) -> list[Path]:
    """Those of a folder and of every folder below it."""
    folders = sorted({path.parent for path in folder.rglob("*.safetensors")})
    return [path for each in folders for path in _files(each)]


def read_pickle(path: Path) -> dict[str, object]:
    """What a publisher's `.bin`, `.pt` or `.ckpt` holds: tensors and plain values only (`weights_only`).

    The tensors stay in the file until they are used. Files of PyTorch before 1.6 are read whole.
    """
    with path.open("rb") as file:
        is_zip = file.read(2) == b"PK"
    # It warns of newer protocols, and then reads or refuses them.
    with warnings.catch_warnings(action="ignore", category=UserWarning):
        loaded: dict[str, object] = torch.load(path, map_location="cpu", weights_only=True, mmap=is_zip)
    return loaded


def published(folder: Path) -> dict[str, Tensor]:
    """Load all tensors of a `transformers` folder, shapes as published, from safetensors or else from pickles.

    Raises `FileNotFoundError` for a folder without weights.
    """
    tensors = read(folder)
    for path in [] if tensors else sorted(folder.glob("pytorch_model*.bin")):
        tensors |= only_tensors(read_pickle(path))
    if not tensors:
        raise FileNotFoundError(folder / "pytorch_model.bin")
    return tensors


def save(tensors: Mapping[str, Tensor], path: Path) -> None:
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


def unpickle(source: Path, target: Path) -> None:
    """Write the tensors of a publisher's state dict, pickled, as a safetensors file."""
    save(only_tensors(read_pickle(source)), target)


def only_tensors(kept: Mapping[str, object]) -> dict[str, Tensor]:
    """Return the tensors of a state dict, of any shape, without plain values that some publishers add."""
    return {name: tensor for name, tensor in kept.items() if isinstance(tensor, Tensor)}


def below(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors whose names begin with a prefix, of any shape, under their names without it."""
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def once(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return each tensor once, shapes unchanged, under its first name: heads are often tied to embeddings."""
    names: dict[tuple[int, torch.Size], str] = {}
    for name, tensor in tensors.items():
        names.setdefault((tensor.data_ptr(), tensor.shape), name)
    return {name: tensors[name] for name in names.values()}
