"""Detect the family of a folder as `transformers` publishes it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from inference import clip
from inference.captioners.families import FAMILIES
from inference.checkpoints.formats import Architecture

# `model_type` of a `config.json` → what it is for certain.
ARCHITECTURES: Mapping[str, Architecture] = {
    model_type: architecture
    for table in (clip.ARCHITECTURES, *(family.architectures for family in FAMILIES.values()))
    for model_type, architecture in table.items()
}


def detect_architecture(folder: Path) -> Architecture | None:
    """Return the architecture of a folder, or None if its files do not tell it for certain."""
    model_type = read_model_type(folder)
    if not model_type or model_type in ARCHITECTURES:
        return ARCHITECTURES.get(model_type)
    detected = (family.detect(folder) for family in FAMILIES.values() if family.detect)
    return next(filter(None, detected), None)


def read_model_type(folder: Path) -> str:
    """Return `model_type` from the `config.json` of a folder, for our own families their name; empty without one."""
    try:
        table = json.loads((folder / "config.json").read_text("utf-8"))
    except (OSError, ValueError):
        return ""
    return str(table.get("model_type", "")) if isinstance(table, dict) else ""
