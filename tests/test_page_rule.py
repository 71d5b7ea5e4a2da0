"""House rules that keep the code readable: short functions and files, small folders, plain names and docstrings."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from statistics import median, quantiles

from tests.support.sources import ROOT, parse_room
from tests.test_rooms import ROOMS

PLACES = (*ROOMS, "scripts", "benchmarks")

FILE_LINES = 400
FUNCTION_LINES = 60
P90_LINES = 25
MEDIAN_LINES = 8
FOLDER_ENTRIES = 14
MAX_SHARE = 0.03

# Participles without «ed». Words that are imperatives as well (put, read, run, set, split) are left out.
WORDS = """
begun born bought bound broken brought built caught chosen done drawn driven fallen felt forgotten found frozen given
gone grown heard held hidden kept known laid led left lent lost made meant met paid said seen sent shown sold sorted
spent spoken stolen taken taught thought thrown told torn understood won worn woven written
"""
IRREGULAR = frozenset(WORDS.split())
VERBS = frozenset(("embed", "exceed", "feed", "need", "proceed", "seed", "shed", "speed", "succeed"))  # with «ed»
QUESTION_WORD = re.compile(r"(What|Whether|How|Who|Whose|Which|Where|When|Why)\b")

Function = ast.FunctionDef | ast.AsyncFunctionDef


def find_nodes() -> Iterator[tuple[str, ast.AST]]:
    """Yield every node of the code with the path of its file."""
    for place in PLACES:
        for path, tree in parse_room(place).items():
            yield from ((path, node) for node in ast.walk(tree))


def measure_functions() -> dict[str, int]:
    """Return the number of lines, from `def` to the last statement, of every function and method."""
    return {
        f"{path}:{node.lineno} {node.name}": (node.end_lineno or node.lineno) - node.lineno + 1
        for path, node in find_nodes()
        if isinstance(node, Function)
    }


def is_participle(name: str) -> bool:
    """Return whether a function name begins with a past participle, as in `loaded_card`."""
    word = name.lstrip("_").partition("_")[0]
    return word in IRREGULAR or (len(word) > 3 and word.endswith("ed") and word not in VERBS)


def list_folders() -> dict[str, set[str]]:
    """Return the modules and packages in every folder of the code."""
    entries: dict[str, set[str]] = {}
    for path in (Path(path) for place in PLACES for path in parse_room(place)):
        for entry in (path, *path.parents[:-2]):  # the file and its packages, without the top-level folder
            if entry.name != "__init__.py":
                entries.setdefault(str(entry.parent), set()).add(entry.name)
    return entries


def test_no_function_is_longer_than_a_page() -> None:
    assert {name: lines for name, lines in measure_functions().items() if lines > FUNCTION_LINES} == {}


def test_half_of_all_functions_are_short_and_nine_of_ten_fit_half_a_page() -> None:
    lengths = measure_functions().values()
    assert median(lengths) <= MEDIAN_LINES
    assert quantiles(lengths, n=10)[-1] <= P90_LINES


def test_no_file_is_longer_than_it_may_be() -> None:
    paths = [path for place in PLACES for path in parse_room(place)]
    lengths = {path: len((ROOT / path).read_text("utf-8").splitlines()) for path in paths}
    assert {path: lines for path, lines in lengths.items() if lines > FILE_LINES} == {}


def test_a_folder_is_a_table_of_contents() -> None:
    """Few modules and packages are side by side."""
    assert {folder: names for folder, names in list_folders().items() if len(names) > FOLDER_ENTRIES} == {}


def test_functions_are_named_by_verbs() -> None:
    names = [(path, node.name) for path, node in find_nodes() if isinstance(node, Function)]
    participles = [(path, name) for path, name in names if is_participle(name)]
    assert len(participles) <= MAX_SHARE * len(names), participles


def test_docstrings_say_what_happens() -> None:
    """«Return the …» and not «What is …»."""
    documented = Function | ast.ClassDef | ast.Module
    docstrings = [
        (path, docstring)
        for path, node in find_nodes()
        if isinstance(node, documented) and (docstring := ast.get_docstring(node))
    ]
    questions = [(path, docstring) for path, docstring in docstrings if QUESTION_WORD.match(docstring)]
    assert len(questions) <= MAX_SHARE * len(docstrings), questions
