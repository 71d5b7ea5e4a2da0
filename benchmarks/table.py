"""Rows of the table that a benchmark prints."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """A name, a value, and the value that is required (`bar`)."""

    name: str
    value: str
    bar: str = ""

    def __str__(self) -> str:
        return f"{self.name:<58} {self.value:>16}  {self.bar}"
