"""Imports between the top-level packages (rooms) follow a table, and no modules import each other in a circle."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from graphlib import TopologicalSorter

import pytest

from tests.support.sources import ROOT, parse_room

ROOMS = ("bot", "inference", "storage", "training", "evaluation", "sandbox", "locales", "cli")
ALLOWED: dict[str, set[str]] = {
    "bot": {"inference", "storage", "locales"},
    "inference": set(),
    "storage": set(),
    "training": {"inference", "evaluation"},
    "evaluation": {"inference"},
    "sandbox": set(),
    "locales": set(),
    "cli": set(ROOMS),
}
# Libraries whose work belongs to another room.
FORBIDDEN: dict[str, set[str]] = {
    "bot": {"torch", "transformers", "PIL", "sqlalchemy"},
    "inference": {"aiogram", "sqlalchemy", "alembic"},
    "storage": {"aiogram", "torch", "transformers", "PIL"},
    "training": {"aiogram", "sqlalchemy"},
    "evaluation": {"aiogram", "sqlalchemy"},
    "sandbox": {"torch", "transformers", "sqlalchemy"},
    "locales": {"aiogram", "torch", "transformers", "sqlalchemy"},
}


def find_imports(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield line and dotted name of every import, including those in functions and `TYPE_CHECKING` blocks."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            yield from ((node.lineno, f"{module}.{alias.name}") for alias in node.names)


def find_crossings(room: str) -> Iterator[tuple[str, str]]:
    """Yield place and name of every import from outside of the room."""
    for path, tree in parse_room(room).items():
        for line, name in find_imports(tree):
            if name.partition(".")[0] != room:
                yield f"{path}:{line}", name


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_allowed_rooms(room: str) -> None:
    forbidden = (set(ROOMS) | {"tests", "scripts", "benchmarks"}) - ALLOWED[room]
    assert [(place, name) for place, name in find_crossings(room) if name.partition(".")[0] in forbidden] == []


@pytest.mark.parametrize("room", FORBIDDEN)
def test_a_room_imports_no_library_of_another_room(room: str) -> None:
    forbidden = [(place, name) for place, name in find_crossings(room) if name.partition(".")[0] in FORBIDDEN[room]]
    assert forbidden == []


@pytest.mark.parametrize("room", ROOMS)
def test_private_names_stay_in_their_room(room: str) -> None:
    """No room imports a name with a leading underscore from another one."""
    crossings = [(place, name) for place, name in find_crossings(room) if name.partition(".")[0] in ROOMS]
    private = re.compile(r"(^|\.)_(?!_)")  # `__main__` is public
    assert [(place, name) for place, name in crossings if private.search(name)] == []


def test_imports_are_absolute() -> None:
    """A relative import would bypass the table."""
    relative = [
        f"{path}:{line}"
        for room in ROOMS
        for path, tree in parse_room(room).items()
        for line, name in find_imports(tree)
        if name.startswith(".")
    ]
    assert relative == []


def test_no_modules_import_each_other_in_a_circle() -> None:
    """Imports in functions and `TYPE_CHECKING` blocks count as well."""
    trees = {path: tree for room in ROOMS for path, tree in parse_room(room).items()}
    paths = {path.removesuffix(".py").removesuffix("/__init__").replace("/", "."): path for path in trees}
    graph = {
        path: {paths.get(name) or paths.get(name.rpartition(".")[0], name) for _, name in find_imports(tree)} - {path}
        for path, tree in trees.items()
    }
    TopologicalSorter(graph).prepare()


def test_inference_reads_no_environment() -> None:
    """Settings reach `inference/` as plain values."""
    names = {"os.environ", "os.getenv", "os.putenv"}
    uses = [
        f"{path}:{node.lineno}"
        for path, tree in parse_room("inference").items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and ast.unparse(node) in names
    ]
    assert uses == []


def test_every_package_is_in_the_table() -> None:
    """A new top-level package needs a line in the table."""
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert packages - {"tests"} <= set(ROOMS)
