"""Tables grow row by row, resume at their end, and never overwrite another file."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from cli.tables import get_format, open_table
from inference.errors import InvalidInput

NAMES = ("path", "phrases", "similarity", "text")
ROWS: list[dict[str, Any]] = [
    {
        "path": "а;б.jpg",
        "phrases": [["куртка", 0.5], ["на молнии", 0.25]],
        "similarity": 0.31,
        "text": "Куртка «А»\nвторая",
    },
    {"path": 'с "кавычками".jpg', "phrases": [], "similarity": None, "text": ""},
]


def write(path: Path) -> bytes:
    table_format = get_format(path, NAMES)
    assert open_table(path, table_format, "path") == set()
    with path.open("a", encoding="utf-8", newline="") as out:
        out.writelines(table_format.encode(row) for row in ROWS)
    return path.read_bytes()


def test_a_russian_excel_opens_the_csv(tmp_path: Path) -> None:
    """UTF-8 with a byte order mark, semicolons, decimal commas, no line end inside a cell."""
    data = write(tmp_path / "out.csv")
    assert data.startswith(b"\xef\xbb\xbfpath;phrases;similarity;text\r\n")
    first, second = list(csv.DictReader(data.decode("utf-8-sig").splitlines(), delimiter=";"))
    assert first == {
        "path": "а;б.jpg", "phrases": "куртка 0,5 | на молнии 0,25", "similarity": "0,31", "text": "Куртка «А» вторая",
    }  # fmt: skip
    assert second == {"path": 'с "кавычками".jpg', "phrases": "", "similarity": "", "text": ""}


def test_the_others_are_for_programs(tmp_path: Path) -> None:
    data = write(tmp_path / "out.tsv").decode()
    assert data.splitlines()[:2] == [
        "path\tphrases\tsimilarity\ttext",
        "а;б.jpg\tкуртка 0.5 | на молнии 0.25\t0.31\tКуртка «А» вторая",
    ]
    lines = write(tmp_path / "out.jsonl").decode().splitlines()
    assert [json.loads(line) for line in lines] == ROWS


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl"])
def test_a_table_goes_on_where_it_was_cut_off(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"out{suffix}"
    content = write(path)
    table_format = get_format(path, NAMES)
    assert open_table(path, table_format, "path") == {row["path"] for row in ROWS}
    assert path.read_bytes() == content
    first_end = content.index(b"\n", content.index("вторая".encode())) + 1
    for cut in range(first_end, len(content)):
        path.write_bytes(content[:cut])
        assert open_table(path, table_format, "path") == {"а;б.jpg"}
        assert path.read_bytes() == content[:first_end]


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl"])
@pytest.mark.parametrize("content", ["notes of mine\n", "notes", "path;text\n", '{"other": 1}\n', "[1]\n"])
def test_another_file_is_left_alone(tmp_path: Path, suffix: str, content: str) -> None:
    path = tmp_path / f"out{suffix}"
    path.write_text(content)
    with pytest.raises(InvalidInput):
        open_table(path, get_format(path, NAMES), "path")
    assert path.read_text() == content


def test_an_unknown_suffix_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="table-suffix"):
        get_format(tmp_path / "out.xlsx", NAMES)
