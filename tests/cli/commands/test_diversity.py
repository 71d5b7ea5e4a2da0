"""`opisalka diversity calibrate` writes the limits of «one thing or many» to the card and prints the figures."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from cli.__main__ import main
from inference.checkpoints.card import Card
from inference.clip.dual_encoder import Clip
from training import stages


def test_the_figures_are_printed(
    tiny_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def calibrate(data: Path, encoder: Clip, card: Card, sure: float) -> Card:
        assert (data, encoder.name, card.id) == (tmp_path, "mini", "diversity/mini")
        return replace(card, calibration={"surely_one": 0.2}, figures={"sure": sure})

    for name in ("captions.jsonl", "listings.jsonl", "photos.tsv"):
        (tmp_path / name).touch()
    monkeypatch.setattr(stages, "calibrate_diversity", calibrate)
    options = ["--data", str(tmp_path), "--sure", "0.9", "--checkpoints", str(tiny_root)]
    assert main(["diversity", "calibrate", *options]) == 0
    assert json.loads(capsys.readouterr().out) == {"figures": {"sure": 0.9}, "calibration": {"surely_one": 0.2}}


def test_missing_data_are_named(tiny_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diversity", "calibrate", "--data", str(tmp_path / "none"), "--checkpoints", str(tiny_root)]) == 2
    assert "captions.jsonl" in capsys.readouterr().err
