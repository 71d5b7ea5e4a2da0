"""Describe a family of checkpoints in one object: who loads it, who converts it, how its folders are recognized.

Each family states its own in its `__init__.py`; nothing here imports torch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal


@dataclass(frozen=True, slots=True)
class Format:
    """A publisher's format: the kind of checkpoint that it becomes and the function that converts it.

    convert: "module:function" with the signature (source, folder) → Card. It reads a source (a folder as it was
    published, or one file), writes the checkpoint's files into the existing empty folder and returns the card without
    hashes. It may raise any exception for what it cannot read.
    weights: names of the single file of weights, the most likely first; empty for a folder of `transformers`.
    is_joined: the checkpoint is made from several repositories.
    """

    kind: str
    convert: str
    weights: tuple[str, ...] = ()
    is_joined: bool = False


@dataclass(frozen=True, slots=True)
class Architecture:
    """The kind, family, format and number of photos of a checkpoint, as its `config.json` tells them."""

    kind: str
    family: str
    format: str
    max_photos: int = 0


@dataclass(frozen=True, slots=True)
class Family:
    """A family of captioners.

    captioner: "module:Class" of its `Captioner`, imported when the first checkpoint is loaded.
    architectures: `model_type` of a `config.json` → what it is for certain; detect: recognizes a folder by other files.
    merge_dtype: dtype of the weights while they are loaded with adapters; empty: the published one.
    loads_published_dtype: the published weights are in memory before they are converted, with and without adapters.
    has_generation: generates tokens itself, so that its cards have a table `generation`.
    """

    name: str
    captioner: str
    formats: Mapping[str, Format] = field(default_factory=dict)
    architectures: Mapping[str, Architecture] = field(default_factory=dict)
    detect: Callable[[Path], Architecture | None] | None = None
    merge_dtype: Literal["", "float32"] = ""
    loads_published_dtype: bool = False
    has_generation: bool = True
