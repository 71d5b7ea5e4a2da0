"""Cite the sources of a checkpoint's training data."""

from __future__ import annotations

import tomllib
from pathlib import Path


def cite(*names: str) -> tuple[dict[str, str], ...]:
    """Return the entries of `sources.toml` with these names, for the field `data` of a card."""
    sources = tomllib.loads(Path(__file__).with_name("sources.toml").read_text("utf-8"))
    return tuple(sources[name] for name in names)
