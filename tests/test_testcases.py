"""Every preloaded case comes out as its `case.toml` says, on the embedded checkpoints."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import pytest

from cli.cases import Case, find_cases, judge, submission
from cli.parser import ROOT
from inference.validation import check

if TYPE_CHECKING:
    from inference.engine import Engine

CASES = find_cases(ROOT / "testcases")


@cache
def engine() -> Engine:
    """Loaded once, when the first case runs."""
    from inference.engine import load_engine

    return load_engine(ROOT / "checkpoints")


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_the_case_comes_out_as_it_must(case: Case) -> None:
    (result,) = engine().describe([check(submission(case))])
    assert [judgement for judgement in judge(case, result) if not judgement.met] == []
