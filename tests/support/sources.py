"""The project's own source files, parsed."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@cache
def parsed(room: str) -> dict[str, ast.Module]:
    """Syntax trees of the Python files of a room, by their path in the repository; none where it does not exist."""
    return {
        path.relative_to(ROOT).as_posix(): ast.parse(path.read_text("utf-8"))
        for path in sorted((ROOT / room).rglob("*.py"))
    }
