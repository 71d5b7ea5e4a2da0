"""What a folder as `transformers` publishes it says of itself: which kind and family of ours reads it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Architecture:
    """The kind and the family of such checkpoints, the format in `originals.FORMATS` that takes them over, and how
    many photos they read.
    """

    kind: str
    family: str
    format: str
    max_photos: int = 0


CHAT = Architecture("captioner", "chat-vlm", "chat-vlm", 10)
# `model_type` of a `config.json` → what it surely is.
ARCHITECTURES: Mapping[str, Architecture] = {
    "vision-encoder-decoder": Architecture("captioner", "encoder-decoder", "encoder-decoder", 1),
    "blip-2": Architecture("captioner", "blip2", "blip2", 10),
    "clip": Architecture("clip", "clip", "clip"),
    "siglip": Architecture("clip", "clip", "clip"),
}


def architecture(folder: Path) -> Architecture | None:
    """What the files of a folder tell; None where that is not sure."""
    named = model_type(folder)
    if named in ARCHITECTURES:
        return ARCHITECTURES[named]
    return CHAT if named and _sees(folder) and _chats(folder) else None


def model_type(folder: Path) -> str:
    """What the `config.json` of a folder calls its model, our own families by their names; empty where it does not."""
    return _read(folder / "config.json").get("model_type", "")


def _sees(folder: Path) -> bool:
    return any((folder / name).is_file() for name in ("preprocessor_config.json", "processor_config.json"))


def _chats(folder: Path) -> bool:
    if any((folder / name).is_file() for name in ("chat_template.jinja", "chat_template.json")):
        return True
    return "chat_template" in _read(folder / "tokenizer_config.json")


def _read(path: Path) -> dict[str, str]:
    """The object in a JSON file; empty where there is none."""
    try:
        table = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return table if isinstance(table, dict) else {}
