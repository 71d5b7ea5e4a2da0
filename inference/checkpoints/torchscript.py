"""Load the weights of a TorchScript archive without its program.

Such an archive is a zip: `data.pkl` describes the modules, `data/N` are the bytes of the tensors, `code/` is the
program. Only the first two are read, and of the pickle only modules and tensors: any other class is refused. OpenAI
published CLIP as such archives.
"""

from __future__ import annotations

import math
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor

_STORAGES: Final = {
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "DoubleStorage": torch.float64,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "BoolStorage": torch.bool,
}


class _Module:
    """A module of the program, reduced to its attributes."""


def is_torchscript(path: Path) -> bool:
    """Return True for a TorchScript archive, False for a plain pickle of tensors."""
    return zipfile.is_zipfile(path) and bool(_find_entries(path, "constants.pkl"))


def load_state_dict(path: Path) -> dict[str, Tensor]:
    """Load the state dict of a TorchScript archive; shapes and dtypes are the archive's.

    Raises `pickle.UnpicklingError` if the archive contains more than modules, tensors and plain values, and if a
    tensor is larger than its storage.
    """
    (entry,) = _find_entries(path, "data.pkl")
    with zipfile.ZipFile(path) as archive, archive.open(entry) as file:
        root = _Unpickler(file, archive, entry.removesuffix(".pkl")).load()
    return dict(_iterate_tensors(root, ""))


class _Unpickler(pickle.Unpickler):
    """Unpickles modules, tensors and lists of plain values, and refuses every other class or function."""

    def __init__(self, file: Any, archive: zipfile.ZipFile, folder: str) -> None:
        super().__init__(file)
        self._archive, self._folder = archive, folder
        self._storages: dict[tuple[str, torch.dtype], Tensor] = {}

    def find_class(self, module: str, name: str) -> Any:
        if module.split(".")[0] == "__torch__":
            return _Module
        if module == "torch" and name in _STORAGES:
            return _STORAGES[name]
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _rebuild_tensor
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if module == "torch.jit._pickle":
            return _drop_type
        raise pickle.UnpicklingError(f"{module}.{name} does not belong in a state dict")

    def persistent_load(self, pid: Any) -> Tensor:
        """("storage", type, number, device, length) → (length,)."""
        _, dtype, number, _, length = pid
        if (number, dtype) not in self._storages:
            self._storages[number, dtype] = self._storage(number, dtype, length)
        return self._storages[number, dtype]

    def _storage(self, number: str, dtype: torch.dtype, length: int) -> Tensor:
        if not length:
            return torch.zeros(0, dtype=dtype)
        entry = self._archive.getinfo(f"{self._folder}/{number}")
        if entry.compress_type != zipfile.ZIP_STORED or entry.file_size != length * dtype.itemsize:
            raise pickle.UnpicklingError(f"storage {number} does not contain {length} values of {dtype}")
        return torch.frombuffer(bytearray(self._archive.read(entry)), dtype=dtype)


def _rebuild_tensor(storage: Tensor, offset: int, size: tuple[int, ...], stride: tuple[int, ...], *_: object) -> Tensor:
    if math.prod(size) > storage.numel():
        raise pickle.UnpicklingError(f"a tensor of {size} is larger than its storage of {storage.numel()} values")
    return storage.as_strided(size, stride, offset)


def _drop_type(values: object, *_: object) -> object:
    """Return a list of numbers or tensors without the tag of its type."""
    return values


def _iterate_tensors(module: _Module, prefix: str) -> Iterator[tuple[str, Tensor]]:
    for name, attribute in vars(module).items():
        if isinstance(attribute, Tensor):
            yield prefix + name, attribute
        elif isinstance(attribute, _Module):
            yield from _iterate_tensors(attribute, f"{prefix}{name}.")


def _find_entries(path: Path, name: str) -> list[str]:
    with zipfile.ZipFile(path) as archive:
        return [entry for entry in archive.namelist() if entry.count("/") == 1 and entry.endswith(f"/{name}")]
