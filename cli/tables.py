"""Tables that grow row by row in a file: CSV as a Russian Excel opens it, TSV and JSON lines for programs.

A row is one line. A last line without its end was cut off, and is dropped when the table is opened again.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import Final, Protocol

from inference.errors import InvalidInput
from inference.listing.files import catch_os_errors

Row = Mapping[str, object]


class TableFormat(Protocol):
    """A file format: the text that begins a table, and the coding of rows."""

    header: str

    def encode(self, row: Row) -> str:
        """Return the row as one line with its end."""

    def decode(self, line: str) -> Row:
        """Return the row of a line. Raises `ValueError` for an invalid line."""


class DelimitedFormat:
    """Values with a delimiter between them, below a line of column names.

    decimal_mark: the character before the fraction of a number.
    bom: the text before the column names.
    """

    def __init__(self, names: Sequence[str], delimiter: str, decimal_mark: str, bom: str = "") -> None:
        self._names = names
        self._delimiter = delimiter
        self._decimal_mark = decimal_mark
        self.header = bom + self._join(names)

    def encode(self, row: Row) -> str:
        """Return the row as one line with its end."""
        return self._join([self._format(row[name]) for name in self._names])

    def decode(self, line: str) -> Row:
        """Return the row of a line, its values as text. Raises `ValueError` for another number of values."""
        values = next(csv.reader([line], delimiter=self._delimiter), [])
        return dict(zip(self._names, values, strict=True))

    def _format(self, value: object) -> str:
        if isinstance(value, float):
            return str(value).replace(".", self._decimal_mark)
        if isinstance(value, list):
            return " | ".join(f"{phrase} {self._format(number)}" for phrase, number in value)
        return "" if value is None else " ".join(str(value).split("\n"))

    def _join(self, values: Iterable[str]) -> str:
        line = StringIO()
        csv.writer(line, delimiter=self._delimiter, lineterminator="\r\n").writerow(values)
        return line.getvalue()


class JsonLinesFormat:
    """One JSON object a line."""

    header = ""

    def encode(self, row: Row) -> str:
        """Return the row as one line with its end."""
        return json.dumps(row, ensure_ascii=False) + "\n"

    def decode(self, line: str) -> Row:
        """Return the row of a line. Raises `ValueError` for anything but an object."""
        row = json.loads(line)
        if not isinstance(row, dict):
            raise ValueError(line)
        return row


SUFFIXES: Final = (".csv", ".tsv", ".jsonl")


def get_format(path: Path, names: Sequence[str]) -> TableFormat:
    """Return the format that a file's suffix stands for. Raises `InvalidInput` for an unknown suffix."""
    formats: dict[str, TableFormat] = {
        # Excel detects UTF-8 by its byte order mark alone, and a Russian one splits at semicolons.
        ".csv": DelimitedFormat(names, ";", ",", bom="\N{ZERO WIDTH NO-BREAK SPACE}"),
        ".tsv": DelimitedFormat(names, "\t", "."),
        ".jsonl": JsonLinesFormat(),
    }
    if path.suffix.lower() not in formats:
        raise InvalidInput("table-suffix", out=str(path), suffixes=", ".join(SUFFIXES))
    return formats[path.suffix.lower()]


def open_table(path: Path, table_format: TableFormat, key: str) -> set[str]:
    """Create a table or drop the incomplete last row of an existing one; return the values of `key` in its rows.

    Raises `InvalidInput` and leaves the file as it is when it holds anything else.
    """
    with catch_os_errors(path), path.open("ab"):
        pass
    with catch_os_errors(path):
        data = path.read_bytes()
    header, complete = table_format.header, data[: data.rfind(b"\n") + 1]
    if not complete and header.encode().startswith(data):
        path.write_text(header, "utf-8", newline="")
        return set()
    try:
        text = complete.decode()
        if not text.startswith(header) or not complete:  # a single line without an end may be anybody's text
            raise ValueError(path)
        keys = {str(table_format.decode(line)[key]) for line in text[len(header) :].split("\n")[:-1]}
    except (ValueError, KeyError) as error:
        raise InvalidInput("table-other", out=str(path)) from error
    path.write_bytes(complete)
    return keys
