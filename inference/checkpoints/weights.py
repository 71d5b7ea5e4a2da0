"""Load and save tensors: safetensors, and publishers' pickles without executing them; compare them with a model."""

from __future__ import annotations

import json
import math
import re
import warnings
import zipfile
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from inference.errors import UnfitWeights

_SINGLE_FILE, _INDEX = "model.safetensors", "model.safetensors.index.json"
_PICKLE, _PICKLE_INDEX = "pytorch_model.bin", "pytorch_model.bin.index.json"
# What a file may lack: no family uses a pooler, and the others are computed.
_OPTIONAL = re.compile(r"(^|.*\.)(pooler(\..+)?|position_ids|num_batches_tracked)")
# What a file may have beside its model: buffers that older versions of libraries saved.
_SURPLUS = re.compile(r"(^|.*\.)(rotary_emb\..+|inv_freq|masked_bias|version|(attn|attention|crossattention)\.bias)")
_FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


@contextmanager
def name_tensors(prefix: str) -> Iterator[None]:
    """Put the name of a part before the tensor of an `UnfitWeights` that the block raises."""
    try:
        yield
    except UnfitWeights as error:
        raise UnfitWeights(error.code, **error.details | {"tensor": prefix + error.details["tensor"]}) from error


class Tensors(dict[str, Tensor]):
    """Tensors by name; looking up one that is missing raises `UnfitWeights`."""

    def __missing__(self, name: str) -> Tensor:
        raise UnfitWeights("weights-missing", tensor=name)


def check_fit(
    missing: Iterable[str], misshapen: Iterable[tuple[str, Sequence[int], Sequence[int]]], unexpected: Iterable[str]
) -> None:
    """Raise `UnfitWeights` for the first tensor, by name, that a file lacks, has in another shape or has in excess.

    misshapen: name, shape in the file, shape in the model. Poolers, which no family uses, and computed buffers do not
    count.
    """
    for name in sorted(name for name in missing if not _OPTIONAL.fullmatch(name)):
        raise UnfitWeights("weights-missing", tensor=name)
    for name, found, expected in sorted(misshapen, key=lambda each: each[0]):
        shapes = {"found": _format_shape(found), "expected": _format_shape(expected)}
        raise UnfitWeights("weights-misshapen", tensor=name, **shapes)
    for name in sorted(unexpected):
        if not _OPTIONAL.fullmatch(name) and not _SURPLUS.fullmatch(name):
            raise UnfitWeights("weights-unexpected", tensor=name)


def check_shapes(
    expected: Mapping[str, Sequence[int]], tensors: Mapping[str, Tensor], tied: Collection[str] = ()
) -> None:
    """Compare tensors with the names and shapes of a model as `check_fit` does; `tied` names may be missing."""
    found = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    misshapen = [
        (name, found[name], shape) for name, shape in expected.items() if name in found and found[name] != tuple(shape)
    ]
    check_fit(expected.keys() - found.keys() - set(tied), misshapen, found.keys() - expected.keys())


def fill_model(
    model: nn.Module, tensors: Mapping[str, Tensor], *, tied: Collection[str] = (), assign: bool = False
) -> None:
    """Load tensors into a model in place. Raises `UnfitWeights` unless they are exactly the model's.

    tied: names that may be missing because other tensors stand for them. assign: take the tensors themselves, which
    fills a model on the device `meta`.
    """
    check_shapes({name: weight.shape for name, weight in model.state_dict().items()}, tensors, tied)
    model.load_state_dict(tensors, strict=False, assign=assign)


def check_values(folder: Path) -> None:
    """Raise `UnfitWeights` for the first tensor with a NaN in the safetensors files below `folder`.

    One tensor at a time is in memory. A process reads an unchanged file only once.
    """
    for path in _list_files_below(folder):
        status = path.stat()
        if name := _find_nan(path, status.st_size, status.st_mtime_ns):
            raise UnfitWeights("weights-nan", tensor=name, file=path.name)


@cache
def _find_nan(path: Path, size: int, mtime_ns: int) -> str:
    """Return the name of the first tensor with a NaN, empty without one."""
    with safe_open(path, "pt") as file:
        names: list[str] = sorted(file.keys())
        for name in names:
            tensor = file.get_tensor(name)
            if tensor.dtype in _FLOATS and bool(tensor.isnan().any()):
                return name
    return ""


def _format_shape(shape: Sequence[int]) -> str:
    return " × ".join(map(str, shape)) or "1"


def load_tensors(folder: Path) -> dict[str, Tensor]:
    """Load all tensors of a folder, shapes and dtypes as in its safetensors file or the shards in its index."""
    tensors = Tensors()
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
    """List the safetensors files that `transformers` would load; some publishers add a single file to the shards.

    Raises `FileNotFoundError` for a shard that the index names and that is not there.
    """
    found, index = sorted(folder.glob("[!.]*.safetensors")), folder / _INDEX
    if not index.is_file() or folder / _SINGLE_FILE in found:
        return found
    return _list_shards(index)


def _list_shards(index: Path) -> list[Path]:
    """List the files that an index names. Raises `FileNotFoundError` for the first that is not there."""
    names = sorted(set(json.loads(index.read_text("utf-8"))["weight_map"].values()))
    paths = [index.parent / name for name in names]
    for path in paths:
        if not path.is_file():
            raise FileNotFoundError(path)
    return paths


def list_published(folder: Path) -> list[Path]:
    """List the files with the weights of a `transformers` folder: safetensors, or else pickles.

    Where there is an index, they are those that it names. Raises `FileNotFoundError` for a folder without weights and
    for a shard that is not there.
    """
    if (folder / _INDEX).is_file() or any(folder.glob("[!.]*.safetensors")):
        found = _list_files(folder)
    elif (folder / _PICKLE_INDEX).is_file() and not (folder / _PICKLE).is_file():
        found = _list_shards(folder / _PICKLE_INDEX)
    else:
        found = sorted(folder.glob("pytorch_model*.bin"))
    if not found:
        raise FileNotFoundError(folder / _PICKLE)
    return found


def _list_files_below(folder: Path) -> list[Path]:
    folders = sorted({path.parent for path in folder.rglob("*.safetensors")})
    return [path for subfolder in folders for path in _list_files(subfolder)]


def load_pickle(path: Path) -> dict[str, object]:
    """Load a publisher's `.bin`, `.pt` or `.ckpt`: tensors of any shape and dtype and plain values (`weights_only`).

    The file is memory-mapped, unless PyTorch before 1.6 wrote it. Raises `zipfile.BadZipFile` where the bytes do not
    match the archive's own checksums, which PyTorch does not compare.
    """
    with path.open("rb") as file:
        is_zip = file.read(2) == b"PK"
    if is_zip:
        with zipfile.ZipFile(path) as archive:
            if damaged := archive.testzip():
                raise zipfile.BadZipFile(f"{path}: {damaged}")
    # torch warns of newer pickle protocols, and then loads or refuses them.
    with warnings.catch_warnings(action="ignore", category=UserWarning):
        loaded: dict[str, object] = torch.load(path, map_location="cpu", weights_only=True, mmap=is_zip)
    return loaded


def load_published(folder: Path) -> dict[str, Tensor]:
    """Load all tensors of a `transformers` folder, shapes as published, from safetensors or else from pickles.

    Raises `FileNotFoundError` for a folder without weights.
    """
    paths = list_published(folder)
    if paths[0].suffix == ".safetensors":
        return load_tensors(folder)
    tensors = Tensors()
    for path in paths:
        tensors |= filter_tensors(load_pickle(path))
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
    return Tensors((name, tensor) for name, tensor in state.items() if isinstance(tensor, Tensor))


def select_prefix(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors whose names begin with a prefix, of any shape, and remove the prefix."""
    return Tensors((name.removeprefix(prefix), each) for name, each in tensors.items() if name.startswith(prefix))


def drop_tied(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return each tensor once, shapes unchanged, under its first name: output heads are often tied to embeddings."""
    names: dict[tuple[int, torch.Size], str] = {}
    for name, tensor in tensors.items():
        names.setdefault((tensor.data_ptr(), tensor.shape), name)
    return {name: tensors[name] for name in names.values()}
