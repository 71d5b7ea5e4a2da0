"""`opisalka facts calibrate` writes thresholds into a checkpoint and prints the figures."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from cli.__main__ import main
from cli.commands import facts
from inference.checkpoints.card import Card, load_card
from training import stages
from training.stages import DataFolders


@pytest.fixture
def root(tiny_root: Path, tmp_path: Path) -> Path:
    return shutil.copytree(tiny_root, tmp_path / "checkpoints")


def test_the_figures_are_printed(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def calibrate(sources: DataFolders, card: Card, precision: float, sure: float) -> Card:
        assert (sources.data, sources.negatives, card.id) == (tmp_path, tmp_path, "facts/mini")
        return replace(card, calibration={"item": 0.5}, figures={"precision": precision, "sure": sure})

    for name in ("captions.jsonl", "photos.tsv"):
        (tmp_path / name).touch()
    monkeypatch.setattr(stages, "calibrate_facts", calibrate)
    data = ["--data", str(tmp_path), "--others", str(tmp_path)]
    assert main(["facts", "calibrate", *data, "--precision", "0.8", "--sure", "0.95", "--checkpoints", str(root)]) == 0
    figures = {"precision": 0.8, "sure": 0.95}
    assert json.loads(capsys.readouterr().out) == {"figures": figures, "calibration": {"item": 0.5}}
    assert load_card(root / "facts" / "mini").calibration == {}


def test_missing_data_are_named(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = ["--data", str(tmp_path / "none"), "--others", str(tmp_path)]
    assert main(["facts", "calibrate", *data, "--checkpoints", str(root)]) == 2
    assert "captions.jsonl" in capsys.readouterr().err


def test_calibration_asks_for_what_training_asks_for() -> None:
    """The command names them itself, because `--help` imports no torch."""
    assert (facts.PRECISION, facts.SURE) == (stages.PRECISION, stages.SURE_ITEM)
