"""Compare the parameter counts of public models, built at full size without weights, with the published ones.

python -m benchmarks.shapes [NAME…]

`published/<name>.json` is one model, named as its card in `checkpoints/`:

    {"build": "module:function",       takes `config` and returns the model; runs on the device `meta`
     "config": {…},                    in the publisher's format
     "published": {"parameters": 123, or the size of the weights file: "bytes": 123, "bytes_per_number": 4,
                   "source": "page of the figure", "within": 0.01}}

`within` is the relative difference that rounding and other content of the file explain: 0 for an exact figure, 0.01 by
default. A model without a published figure has no `published`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import nn

FOLDER = Path(__file__).resolve().parent / "published"
WITHIN = 0.01


@dataclass(frozen=True, slots=True)
class Shape:
    """A public model: its builder, its configuration, and its published number of parameters.

    published: None when the publisher gives no figure.
    within: the largest relative difference to `published`, in [0, 1].
    """

    name: str
    build: str
    config: dict[str, Any]
    published: int | None
    within: float
    source: str

    def build_model(self) -> nn.Module:
        """Build the model on the device `meta`, which holds shapes and no data."""
        module, _, function = self.build.partition(":")
        with torch.device("meta"):
            model: nn.Module = getattr(import_module(module), function)(self.config)
        return model

    def count_parameters(self) -> int:
        """Return the number of parameters; shared ones count once."""
        return sum(weight.numel() for weight in self.build_model().parameters())


def main(names: Sequence[str]) -> None:
    """Print the table of the named models, by default of all."""
    print("| model | parameters | published | difference | source |")
    print("| --- | ---: | ---: | ---: | --- |")
    for name in names or list_models():
        shape = load_shape(name)
        print(_format_row(shape, shape.count_parameters()))


def list_models() -> list[str]:
    """Return the names of all public models."""
    return sorted(path.stem for path in FOLDER.glob("*.json"))


def load_shape(name: str) -> Shape:
    """Load the entry of a model."""
    table = json.loads((FOLDER / f"{name}.json").read_text("utf-8"))
    published = table.get("published", {})
    figure = published.get("parameters")
    if "bytes" in published:
        figure = published["bytes"] // published["bytes_per_number"]
    return Shape(
        name=name,
        build=table["build"],
        config=table["config"],
        published=figure,
        within=published.get("within", WITHIN),
        source=published.get("source", ""),
    )


def _format_row(shape: Shape, parameters: int) -> str:
    if shape.published is None:
        return f"| {shape.name} | {parameters:,} | — | — | — |"
    difference = parameters / shape.published - 1
    return f"| {shape.name} | {parameters:,} | {shape.published:,} | {difference:+.3%} | {shape.source} |"


if __name__ == "__main__":
    main(sys.argv[1:])
