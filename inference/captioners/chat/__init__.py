"""Vision-language models of `transformers` that follow instructions through a chat template."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from inference.checkpoints.formats import Architecture, Family, Format

_ARCHITECTURE: Final = Architecture("captioner", "chat-vlm", "chat-vlm", max_photos=10)
_IMAGE_PROCESSORS: Final = ("preprocessor_config.json", "processor_config.json")
_CHAT_TEMPLATES: Final = ("chat_template.jinja", "chat_template.json")


def detect(folder: Path) -> Architecture | None:
    """Return the architecture of a folder with an image processor and a chat template, else None."""
    has_processor = any((folder / name).is_file() for name in _IMAGE_PROCESSORS)
    return _ARCHITECTURE if has_processor and _has_chat_template(folder) else None


def _has_chat_template(folder: Path) -> bool:
    if any((folder / name).is_file() for name in _CHAT_TEMPLATES):
        return True
    try:
        return "chat_template" in json.loads((folder / "tokenizer_config.json").read_text("utf-8"))
    except (OSError, ValueError, TypeError):
        return False


FAMILY = Family(
    name="chat-vlm",
    captioner="inference.captioners.chat.captioner:ChatCaptioner",
    formats={"chat-vlm": Format("captioner", "inference.captioners.chat.convert:convert")},
    detect=detect,
)
