"""Syntax trees of the project's own source files."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@cache
def parse_room(room: str) -> dict[str, ast.Module]:
    """Return the syntax trees of all Python files of a top-level folder by their path in the repository."""
    return {
        path.relative_to(ROOT).as_posix(): ast.parse(path.read_text("utf-8"))
        for path in sorted((ROOT / room).rglob("*.py"))
    }
