"""Tables that grow row by row in a file: CSV as a Russian Excel opens it, TSV and JSON lines for programs.

A row is one line and is written whole; a line that was cut off is dropped when the table is opened again.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import Final, Protocol

from inference.errors import InvalidInput
from inference.listing.files import explained

Row = Mapping[str, object]


class Form(Protocol):
    """How a kind of file writes rows, and how it reads its own back."""

    start: str

    def write(self, row: Row) -> str:
        """The row as one line with its end."""

    def read(self, line: str) -> Row:
        """The row of a line. Raises `ValueError` for a line that is none."""


class Separated:
    """Rows between separators, under a line of names; `mark`: the decimal mark that the reader wants in numbers."""

    def __init__(self, names: Sequence[str], separator: str, mark: str, start: str = "") -> None:
        self._names = names
        self._separator = separator
        self._mark = mark
        self.start = start + self._line(names)

    def write(self, row: Row) -> str:
        """The row as one line with its end."""
        return self._line([self._cell(row[name]) for name in self._names])

    def read(self, line: str) -> Row:
        """The row of a line, its values as text. Raises `ValueError` for a line of another length."""
        values = next(csv.reader([line], delimiter=self._separator), [])
        return dict(zip(self._names, values, strict=True))

    def _cell(self, value: object) -> str:
        if isinstance(value, float):
            return str(value).replace(".", self._mark)
        if isinstance(value, list):
            return " | ".join(f"{phrase} {self._cell(number)}" for phrase, number in value)
        return "" if value is None else " ".join(str(value).split("\n"))

    def _line(self, values: Iterable[str]) -> str:
        line = StringIO()
        csv.writer(line, delimiter=self._separator, lineterminator="\r\n").writerow(values)
        return line.getvalue()


class Lines:
    """One JSON object a line."""

    start = ""

    def write(self, row: Row) -> str:
        """The row as one line with its end."""
        return json.dumps(row, ensure_ascii=False) + "\n"

    def read(self, line: str) -> Row:
        """The row of a line. Raises `ValueError` for a line that is no object."""
        row = json.loads(line)
        if not isinstance(row, dict):
            raise ValueError(line)
        return row


SUFFIXES: Final = (".csv", ".tsv", ".jsonl")


def form_of(path: Path, names: Sequence[str]) -> Form:
    """The form that a file's suffix asks for. Raises `InvalidInput` for any other suffix."""
    forms: dict[str, Form] = {
        # Excel takes a UTF-8 file for one only by its first mark, and splits by what the system calls a list separator.
        ".csv": Separated(names, ";", ",", start="\N{ZERO WIDTH NO-BREAK SPACE}"),
        ".tsv": Separated(names, "\t", "."),
        ".jsonl": Lines(),
    }
    if path.suffix.lower() not in forms:
        raise InvalidInput("table-suffix", out=str(path), suffixes=", ".join(SUFFIXES))
    return forms[path.suffix.lower()]


def resume(path: Path, form: Form, key: str) -> set[str]:
    """Begin a table, or go on with one: the values of `key` in the rows that are there.

    Raises `InvalidInput` when the file holds anything else, and leaves it as it is.
    """
    with explained(path), path.open("ab"):
        pass
    with explained(path):
        data = path.read_bytes()
    whole = data[: data.rfind(b"\n") + 1]
    if not whole and form.start.encode().startswith(data):
        path.write_text(form.start, "utf-8", newline="")
        return set()
    try:
        text = whole.decode()
        if not text.startswith(form.start) or not whole:  # a lone line that never ended is nobody's but its owner's
            raise ValueError(path)
        done = {str(form.read(line)[key]) for line in text[len(form.start) :].split("\n")[:-1]}
    except (ValueError, KeyError) as error:
        raise InvalidInput("table-other", out=str(path)) from error
    path.write_bytes(whole)
    return done
