"""The command line with a fake describer behind it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import NamedTuple, TypeAlias

import pytest
from PIL import Image

from cli.__main__ import main
from tests.support.doubles import PretendDescriber


class Outcome(NamedTuple):
    """Exit code and output of a run of `opisalka`."""

    code: int
    out: str
    err: str


Opisalka: TypeAlias = Callable[..., Outcome]


@pytest.fixture
def engines(monkeypatch: pytest.MonkeyPatch) -> list[PretendDescriber]:
    """Describers that the test loads."""
    loaded: list[PretendDescriber] = []

    def load_describer(root: Path, captioner: str = "mini", overrides: object = None) -> PretendDescriber:
        loaded.append(PretendDescriber(root, captioner, overrides))
        return loaded[-1]

    module = ModuleType("inference.serving.loader")
    module.load_describer = load_describer  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "inference.serving.loader", module)
    return loaded


@pytest.fixture
def opisalka(engines: list[PretendDescriber], capsys: pytest.CaptureFixture[str]) -> Opisalka:
    """Function that runs the command in this process."""

    def run(*argv: str | Path) -> Outcome:
        capsys.readouterr()
        code = main([str(argument) for argument in argv])
        return Outcome(code, *capsys.readouterr())

    return run


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """Path of a photo that passes validation."""
    path = tmp_path / "куртка.png"
    Image.new("RGB", (64, 64), "navy").save(path)
    return path
