"""`opisalka interrogate` writes one row for each photo or album, and a second run resumes."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from PIL import Image

from cli.commands import interrogate
from inference.captioners.interrogator.captioner import Interrogation
from inference.captioners.interrogator.settings import MODES
from inference.listing.types import Listing
from tests.cli.conftest import Opisalka

Row = dict[str, str]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, list[int]]]:
    """Calls of a fake interrogator: the mode, and the number of photos in each album."""
    batches: list[tuple[str, list[int]]] = []

    def load_interrogator(root: Path, checkpoint: str, mode: str) -> interrogate.Interrogate:
        def interrogate_batch(listings: Sequence[Listing]) -> list[Interrogation]:
            batches.append((mode, [len(listing.photos) for listing in listings]))
            interrogation = Interrogation(
                "Куртка.", (("куртка", 0.56789), ("на молнии", 0.25)), "Куртка, на молнии.", 0.5
            )
            return [interrogation] * len(listings)

        return interrogate_batch

    monkeypatch.setattr(interrogate, "load_interrogator", load_interrogator)
    return batches


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Save two albums, a photo beside them, and files that are no photos."""
    folder = tmp_path / "фото"
    for name in ("а/1.jpg", "а/2.png", "б/1.jpg", "=1.jpg"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (40, 40), "navy").save(folder / name)
    (folder / "а" / ".thumbnail").write_text("hidden")
    (folder / "б" / "notes.txt").write_text("no photo")
    return folder


def rows(path: Path) -> list[Row]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file, delimiter=";"))


def test_every_file_has_its_row(
    opisalka: Opisalka, calls: list[tuple[str, list[int]]], folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.csv"
    outcome = opisalka("interrogate", folder, out)
    assert (outcome.code, outcome.out) == (0, "")
    table = rows(out)
    assert [row["path"] for row in table] == ["./=1.jpg", "а/1.jpg", "а/2.png", "б/1.jpg", "б/notes.txt"]
    assert table[1] == {
        "path": "а/1.jpg",
        "caption": "Куртка.",
        "phrases": "куртка 0,5679 | на молнии 0,25",
        "text": "Куртка, на молнии.",
        "similarity": "0,5",
        "error": "",
    }
    assert "notes.txt" in table[4]["error"]
    assert table[4]["text"] == ""
    assert calls == [("", [1, 1, 1, 1])]
    assert "5/5" in outcome.err


def test_a_sub_folder_is_an_album(
    opisalka: Opisalka, calls: list[tuple[str, list[int]]], folder: Path, tmp_path: Path
) -> None:
    """One broken file makes its album an error row; the other albums have answers."""
    out = tmp_path / "out.jsonl"
    (folder / "пусто").mkdir()
    assert opisalka("interrogate", folder, out, "--albums", "--mode", "fast").code == 0
    answers = [json.loads(line) for line in out.read_text("utf-8").splitlines()]
    assert [(row["path"], row["text"]) for row in answers] == [("а", "Куртка, на молнии."), ("б", None)]
    assert answers[0]["phrases"] == [["куртка", 0.5679], ["на молнии", 0.25]]
    assert "notes.txt" in answers[1]["error"]
    assert calls == [("fast", [2])]


def test_a_second_run_asks_only_what_is_new(
    opisalka: Opisalka, calls: list[tuple[str, list[int]]], folder: Path
) -> None:
    """The table may lie in the folder of photos."""
    out = folder / "out.csv"
    opisalka("interrogate", folder, out)
    content = out.read_bytes()
    opisalka("interrogate", folder, out)
    assert (out.read_bytes(), len(calls)) == (content, 1)
    Image.new("RGB", (40, 40), "gold").save(folder / "б" / "2.jpg")
    opisalka("interrogate", folder, out)
    assert [row["path"] for row in rows(out)][5:] == ["б/2.jpg"]
    assert calls[1:] == [("", [1])]


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl"])
def test_a_name_with_a_line_break_is_asked_once(
    opisalka: Opisalka, calls: list[tuple[str, list[int]]], tmp_path: Path, suffix: str
) -> None:
    photo = tmp_path / "фото" / "на две\nстроки.png"
    photo.parent.mkdir()
    Image.new("RGB", (40, 40), "navy").save(photo)
    out = tmp_path / f"out{suffix}"
    opisalka("interrogate", photo.parent, out)
    content = out.read_text("utf-8")
    opisalka("interrogate", photo.parent, out)
    assert (out.read_text("utf-8"), len(calls)) == (content, 1)


def test_a_run_that_was_stopped_keeps_what_was_ready(
    opisalka: Opisalka,
    calls: list[tuple[str, list[int]]],
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(interrogate, "BATCH", 2)
    out = tmp_path / "out.csv"
    opisalka("interrogate", folder, out)
    content = out.read_bytes()
    out.write_bytes(content[: content.rindex(b"notes.txt") + 3])
    opisalka("interrogate", folder, out)
    assert out.read_bytes() == content


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("no folder", "out.csv"), 2),
        (("one.jpg", "out.csv"), 2),
        ((".", "out.xlsx"), 2),
        ((".", "out.csv", "--checkpoint", "mini"), 2),
        ((".", "out.csv", "--checkpoint", "unheard of"), 4),
        ((".", "out.csv", "--mode", "slow"), 2),
    ],
)
def test_what_cannot_be_meant_is_one_sentence(
    opisalka: Opisalka,
    calls: list[tuple[str, list[int]]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    code: int,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "one.jpg").write_bytes(b"")
    outcome = opisalka("interrogate", *arguments)
    assert (outcome.code, outcome.err.count("\n")) == (code, 1)
    assert not (tmp_path / "out.csv").exists()
    assert calls == []


def test_the_command_knows_the_modes_without_loading_them() -> None:
    assert interrogate.MODES == MODES
