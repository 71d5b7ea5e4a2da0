"""Checkpoints in their publishers' formats, read once and written out as ours.

Nothing is unpickled but tensors and plain values, and the network is not asked. What stands here is the table of
formats and what all of them have in common; how a format is read stands beside the code that its weights are for.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import cast

from inference.checkpoints import Card, seal
from inference.errors import CheckpointError, InvalidInput

Convert = Callable[[Path, Path], Card]


@dataclass(frozen=True, slots=True)
class Format:
    """A publisher's format: the kind of checkpoint that it becomes, and "module:function" of its `Convert`.

    A `Convert` reads a source (a folder as it was published, or one file), writes the checkpoint's files into a folder
    that is there and empty, and returns the card, whose `files` are not hashed yet. It may raise whatever it likes for
    what it cannot read.
    """

    kind: str
    convert: str


FORMATS: Mapping[str, Format] = {
    "detoxify": Format("toxicity", "inference.moderation.originals:convert_detoxify"),
    "rubert-toxicity": Format("toxicity", "inference.moderation.originals:convert_rubert"),
}


def import_original(family: str, source: Path, root: Path, name: str) -> Card:
    """Write the source out as `<root>/<kind>/<name>`; a half-written folder does not stay.

    Raises `InvalidInput` when that checkpoint exists, `CheckpointError` when the source cannot be read.
    """
    original = FORMATS[family]
    folder = root / original.kind / name
    if folder.exists():
        raise InvalidInput("checkpoint-exists", checkpoint=f"{original.kind}/{name}")
    folder.mkdir(parents=True)
    module, _, function = original.convert.partition(":")
    try:
        return seal(cast(Convert, getattr(import_module(module), function))(source, folder))
    except CheckpointError:
        shutil.rmtree(folder)
        raise
    # Files of strangers fail in as many ways as libraries read them.
    except Exception as error:
        shutil.rmtree(folder)
        raise CheckpointError("import-failed", source=str(source)) from error


# What a `transformers` folder holds besides weights: configurations, vocabularies, chat templates.
_BESIDE = ("*.json", "*.txt", "*.model", "*.jinja")


def copy_transformers(source: Path, folder: Path) -> None:
    """Write a published `transformers` folder out with safetensors; everything that is no weight stays as it is.

    Safetensors, one file or shards, are linked where the file system can and are never read. Where there are none,
    each `pytorch_model*.bin` becomes a file of the same shard, one at a time: `model*.safetensors`. Names, shapes and
    types of the tensors are the publisher's. Raises `FileNotFoundError` for a folder without weights.
    """
    found = sorted(source.glob("*.safetensors"))
    pickles = [] if found else sorted(source.glob("pytorch_model*.bin"))
    if not found and not pickles:
        raise FileNotFoundError(source / "model.safetensors")
    for path in pickles:
        from inference import weights  # torch: not for --help

        weights.unpickle(path, folder / _safe(path.name))
    for path in (*found, *(path for pattern in _BESIDE for path in source.glob(pattern))):
        if not path.name.endswith(".bin.index.json"):
            link(path, folder / path.name)
    if (index := source / "pytorch_model.bin.index.json").is_file() and pickles:
        table = json.loads(index.read_text("utf-8"))
        table["weight_map"] = {name: _safe(shard) for name, shard in table["weight_map"].items()}
        (folder / "model.safetensors.index.json").write_text(json.dumps(table, indent=2) + "\n", "utf-8")


def link(source: Path, target: Path) -> None:
    """The same file under another name, or a copy where the file system has no two names for one."""
    try:
        os.link(source.resolve(), target)
    except OSError:
        shutil.copyfile(source, target)


def _safe(name: str) -> str:
    """`pytorch_model-00001-of-00002.bin` → `model-00001-of-00002.safetensors`."""
    return name.replace("pytorch_model", "model").removesuffix(".bin") + ".safetensors"
