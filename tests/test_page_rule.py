"""House rules that keep the code readable: short functions and files, small folders, plain names and docstrings."""

from __future__ import annotations

import ast
from statistics import median, quantiles

from tests.support.sources import ROOT, parse_room
from tests.test_rooms import ROOMS

PLACES = (*ROOMS, "scripts", "benchmarks")

FILE_LINES = 400
FUNCTION_LINES = 60
P90_LINES = 30
MEDIAN_LINES = 10


def measure_functions() -> dict[str, int]:
    """Return the number of lines, from `def` to the last statement, of every function and method."""
    return {
        f"{path}:{node.lineno} {node.name}": (node.end_lineno or node.lineno) - node.lineno + 1
        for place in PLACES
        for path, tree in parse_room(place).items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


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
