"""Checkpoints in their publishers' formats, read once and written out as ours.

Nothing is unpickled but tensors and plain values, and the network is not asked. What stands here is the table of
formats and what all of them have in common; how a format is read stands beside the code that its weights are for.
"""

from __future__ import annotations

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
