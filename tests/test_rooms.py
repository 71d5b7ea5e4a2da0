"""The arrows between the rooms: who may import whom, as the design draws them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from tests.support.sources import ROOT, parsed

ROOMS = ("bot", "inference", "storage", "training", "evaluation", "sandbox", "locales", "cli")
ARROWS: dict[str, set[str]] = {
    "bot": {"inference", "storage", "locales"},
    "inference": set(),
    "storage": set(),
    "training": {"inference", "evaluation"},
    "evaluation": {"inference"},
    "sandbox": set(),
    "locales": set(),
    "cli": set(ROOMS),
}
# Libraries that would bring one room's work into another.
STRANGERS: dict[str, set[str]] = {
    "bot": {"torch", "transformers", "PIL", "sqlalchemy"},
    "inference": {"aiogram", "sqlalchemy", "alembic"},
    "storage": {"aiogram", "torch", "transformers", "PIL"},
    "training": {"aiogram", "sqlalchemy"},
    "evaluation": {"aiogram", "sqlalchemy"},
    "sandbox": {"torch", "transformers", "sqlalchemy"},
    "locales": {"aiogram", "torch", "transformers", "sqlalchemy"},
}


def imports(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Line and full dotted name of everything imported, `TYPE_CHECKING` blocks and functions included."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            yield from ((node.lineno, f"{module}.{alias.name}") for alias in node.names)


def crossings(room: str) -> Iterator[tuple[str, str]]:
    """Where a room imports something from outside, and what."""
    for path, tree in parsed(room).items():
        for line, name in imports(tree):
            if name.partition(".")[0] != room:
                yield f"{path}:{line}", name


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_the_rooms_it_may(room: str) -> None:
    closed = (set(ROOMS) | {"tests", "scripts", "benchmarks"}) - ARROWS[room]
    assert [(place, name) for place, name in crossings(room) if name.partition(".")[0] in closed] == []


@pytest.mark.parametrize("room", STRANGERS)
def test_a_room_knows_no_library_of_another_room_s_work(room: str) -> None:
    found = [(place, name) for place, name in crossings(room) if name.partition(".")[0] in STRANGERS[room]]
    assert found == []


@pytest.mark.parametrize("room", ROOMS)
def test_private_names_stay_in_their_room(room: str) -> None:
    """A name with a leading underscore is nobody else's business."""
    own = [(place, name) for place, name in crossings(room) if name.partition(".")[0] in ROOMS]
    private = re.compile(r"(^|\.)_(?!_)")  # `__main__` is a room's front door
    assert [(place, name) for place, name in own if private.search(name)] == []


def test_imports_are_absolute() -> None:
    """`from .x import y` would walk past the table of arrows."""
    every = [(path, name) for room in ROOMS for path, tree in parsed(room).items() for _, name in imports(tree)]
    assert [(path, name) for path, name in every if name.startswith(".")] == []


def test_inference_reads_no_environment() -> None:
    """Settings come to `inference/` as plain values."""
    names = {"os.environ", "os.getenv", "os.putenv"}
    found = [
        f"{path}:{node.lineno}"
        for path, tree in parsed("inference").items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and ast.unparse(node) in names
    ]
    assert found == []


def test_every_package_is_a_room_of_the_table() -> None:
    """A new top-level package needs its line in the design and here."""
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert packages - {"tests"} <= set(ROOMS)
