"""`opisalka moderation` measures thresholds and prints metrics; `--moderation` overrides the thresholds of a card."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from cli.__main__ import main
from inference.checkpoints.card import load_card, save_card
from inference.checkpoints.registry import verify
from inference.moderation.overrides import Overrides
from inference.moderation.photos import Limits
from tests.cli.conftest import Opisalka
from tests.support.doubles import PretendDescriber
from tests.support.models import tiny


@pytest.fixture
def root(tiny_root: Path, tmp_path: Path) -> Path:
    """Copy of the tiny checkpoints whose card may be overwritten; the encoder knows jackets."""
    return shutil.copytree(tiny_root, tmp_path / "checkpoints")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Save six photos of jackets and dresses, and two albums of three."""
    folder = tmp_path / "clothing"
    (folder / "photos").mkdir(parents=True)
    names = [f"photos/{number}.png" for number in range(6)]
    for number, name in enumerate(names):
        tiny.picture(number).save(folder / name)
    base = {"gpt_description": None, "diversity_score": 0.0, "split": "val", "source": "test"}
    texts = ("Куртка", "Платье") * 3
    single = [
        {"id": name, "photos": [name], "attributes": {}, "description": text}
        for name, text in zip(names, texts, strict=True)
    ]
    albums = [
        {"id": f"a{n}", "photos": names[n : n + 3], "attributes": {"Название": "Куртка"}, "description": "Куртки"}
        for n in (0, 3)
    ]
    for file, rows in (("captions", single), ("listings", albums)):
        lines = "".join(json.dumps(row | base, ensure_ascii=False) + "\n" for row in rows)
        (folder / f"{file}.jsonl").write_text(lines, encoding="utf-8")
    return folder


Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(root: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    def command(*arguments: str) -> tuple[int, str, str]:
        code = main(["moderation", *arguments, "--checkpoints", str(root), "--language", "en"])
        return code, *capsys.readouterr()

    return command


def test_calibration_writes_the_thresholds_onto_the_card(run: Run, root: Path, data: Path) -> None:
    """The card still verifies, and other thresholds stay."""
    folder = root / "clip" / "mini"
    save_card(replace(load_card(folder), calibration={"other": 0.5, "match_threshold": 0.9, "nudity_threshold": 0.1}))
    code, out, _ = run("calibrate", "--data", str(data))
    thresholds = json.loads(out)
    assert code == 0
    assert set(thresholds) == {
        "match_threshold",
        "match_warn_threshold",
        "match_photo_threshold",
    }
    assert load_card(folder).calibration == {"other": 0.5, **thresholds}
    verify(load_card(folder))


def test_a_second_opinion_that_does_not_help_is_not_asked(run: Run, root: Path, data: Path) -> None:
    code, out, _ = run("calibrate", "--data", str(data), "--nude", str(data / "photos"))
    assert code == 0
    assert json.loads(out.splitlines()[0])["second_opinion"]["helps"] == 0.0
    assert "nudity_threshold" not in load_card(root / "clip" / "mini").calibration


def test_the_report_prints_figures_and_writes_a_page(run: Run, data: Path, tmp_path: Path) -> None:
    (tmp_path / "foreign").mkdir()
    for number in range(2):
        tiny.picture(7 + number).save(tmp_path / "foreign" / f"{number}.jpg")
    page = tmp_path / "report.html"
    options = ("--foreign", str(tmp_path / "foreign"), "--nude", str(data / "photos"), "--out", str(page))
    code, out, _ = run("report", "--data", str(data), *options)
    figures = json.loads(out)
    assert code == 0
    assert set(figures) == {"match", "photos", "listings"}
    assert figures["listings"]["caption, foreign"]["count"] == 2
    assert {"caption", "fields", "ad", "foreign", "album", "album_foreign_named"} <= set(figures["match"])
    assert figures["match"]["album"]["count"] == 2
    assert figures["photos"]["clothes"]["refused"] == 0.0
    assert "Moderation" in page.read_text("utf-8")


def test_data_that_is_not_there_is_named(run: Run, data: Path) -> None:
    code, _, err = run("report", "--data", str(data), "--foreign", str(data / "nowhere"))
    assert code == 2
    assert "nowhere" in err


def test_the_owner_s_file_reaches_the_engine(
    opisalka: Opisalka, engines: list[PretendDescriber], tmp_path: Path
) -> None:
    path = tmp_path / "moderation.toml"
    path.write_text('[match]\nthreshold = 0.3\n[photos.FEET_EXPOSED]\nwarn = 0.5\n[text]\ncontacts = "off"', "utf-8")
    assert opisalka("describe", "--attributes", "Куртка", "--moderation", str(path)).code == 0
    assert opisalka("describe", "--attributes", "Куртка").code == 0
    expected = Overrides(photos={"FEET_EXPOSED": Limits(warn=0.5)}, match=0.3, contacts="off")
    assert [engine.overrides for engine in engines] == [expected, None]


@pytest.mark.parametrize(("text", "named"), [("[match]\nlimit = 1", "match.limit"), ("[match", "moderation.toml")])
def test_a_mistake_in_the_owner_s_file_is_named(opisalka: Opisalka, tmp_path: Path, text: str, named: str) -> None:
    (tmp_path / "moderation.toml").write_text(text, "utf-8")
    outcome = opisalka("describe", "--attributes", "Куртка", "--moderation", str(tmp_path / "moderation.toml"))
    assert outcome.code == 2
    assert named in outcome.err
