"""Weights files that take no space on the disk."""

from __future__ import annotations

import json
from pathlib import Path


def save_hollow(path: Path, numbers: int) -> None:
    """Save a sparse safetensors file of that many zeros."""
    head = json.dumps({"w": {"dtype": "BF16", "shape": [numbers], "data_offsets": [0, 2 * numbers]}}).encode()
    with path.open("wb") as file:
        file.write(len(head).to_bytes(8, "little") + head)
        file.truncate(8 + len(head) + 2 * numbers)
