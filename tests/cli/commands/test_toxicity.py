"""Toxicity checkpoints on the command line: import, training, metrics, thresholds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cli.__main__ import main
from inference.checkpoints.registry import get_card, verify
from tests.support.comments import save_folders
from tests.support.models.originals import save_rubert


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    return folder


def import_rubert(root: Path, source: Path) -> int:
    return main(["checkpoints", "import", "rubert-toxicity", str(source), "rubert", "--checkpoints", str(root)])


def test_an_imported_checkpoint_is_whole(root: Path, tmp_path: Path) -> None:
    assert import_rubert(root, save_rubert(tmp_path / "source")) == 0
    card = get_card(root, "toxicity", "rubert")
    verify(card)
    assert card.risk == "not-harmless"


def test_nothing_is_written_over(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = save_rubert(tmp_path / "source")
    assert import_rubert(root, source) == 0
    assert import_rubert(root, source) == 2
    assert "toxicity/rubert" in capsys.readouterr().err


def test_a_folder_without_weights_is_named(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert import_rubert(root, tmp_path) == 4
    assert str(tmp_path) in capsys.readouterr().err


def test_figures_are_those_of_the_threshold_just_measured(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import_rubert(root, save_rubert(tmp_path / "source"))
    comments, texts, clothes = map(str, save_folders(tmp_path))
    options = ["--comments", comments, "--texts", texts, "--data", clothes, "--checkpoints", str(root)]
    capsys.readouterr()
    assert main(["evaluate", "toxicity", *options, "--checkpoint", "rubert", "--calibrate"]) == 0
    threshold = get_card(root, "toxicity", "rubert").calibration["toxicity_threshold"]
    assert json.loads(capsys.readouterr().out)["threshold"] == threshold != 0.5


@pytest.mark.parametrize("command", [["evaluate", "toxicity"], ["train", "toxicity", "--out", "mini"]])
def test_a_missing_folder_is_named(command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    missing = str(tmp_path / "nowhere")
    assert main([*command, "--comments", missing, "--data", missing]) == 2
    assert missing in capsys.readouterr().err
