"""Public models at full size, without their weights: how many numbers ours have, and what the publishers say.

python -m benchmarks.shapes [NAME…]

`published/<name>.json` is one model, and the name is that of its card in `checkpoints/`:

    {"build": "module:function",       the function gets `config` and returns the model; it runs on the device `meta`
     "config": {…},                    as the publisher wrote it
     "published": {"parameters": 123, or of the weights' file "bytes": 123, "bytes_per_number": 4,
                   "source": "where the figure stands", "within": 0.01}}

`within` is the difference that rounding and what else lies in the file explain: 0 where the figure is exact, 0.01
where nothing is said. A model whose publisher gives no figure has no `published`.
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
    """A public model: what builds it, and the figure that its publisher gives (None where there is none).

    within: the share of `published` by which the model may differ from it.
    """

    name: str
    build: str
    config: dict[str, Any]
    published: int | None
    within: float
    source: str

    def model(self) -> nn.Module:
        """The model on the device `meta`: shapes without numbers."""
        module, _, function = self.build.partition(":")
        with torch.device("meta"):
            model: nn.Module = getattr(import_module(module), function)(self.config)
        return model

    def parameters(self) -> int:
        """How many numbers the model's parameters are; those that are used twice count once."""
        return sum(weight.numel() for weight in self.model().parameters())


def main(names: Sequence[str]) -> None:
    """Print the table of the named models, or of all."""
    print("| model | parameters | published | difference | source |")
    print("| --- | ---: | ---: | ---: | --- |")
    for name in names or shapes():
        shape = read(name)
        print(_row(shape, shape.parameters()))


def shapes() -> list[str]:
    """The names of all public models."""
    return sorted(path.stem for path in FOLDER.glob("*.json"))


def read(name: str) -> Shape:
    """The entry of a model."""
    table = json.loads((FOLDER / f"{name}.json").read_text("utf-8"))
    published = table.get("published", {})
    figure = published.get("parameters")
    if "bytes" in published:
        figure = published["bytes"] // published["bytes_per_number"]
    return Shape(
        name, table["build"], table["config"], figure, published.get("within", WITHIN), published.get("source", "")
    )


def _row(shape: Shape, parameters: int) -> str:
    if shape.published is None:
        return f"| {shape.name} | {parameters:,} | — | — | — |"
    difference = parameters / shape.published - 1
    return f"| {shape.name} | {parameters:,} | {shape.published:,} | {difference:+.3%} | {shape.source} |"


if __name__ == "__main__":
    main(sys.argv[1:])
