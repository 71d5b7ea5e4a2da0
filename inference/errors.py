"""What a user can mend: a code and its details. The sentences live in `locales/`, keyed by the code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

_SENTENCE: Final = 200  # letters that a line of others may take up in ours


@dataclass(frozen=True, slots=True)
class Message:
    """A sentence for the user before it has a language: `locales/` maps the code to it."""

    code: str
    details: Mapping[str, str | int | float] = field(default_factory=dict)


class UserError(Exception):
    """Something that the user can mend. Everything else that is raised is a bug."""

    def __init__(self, code: str, **details: str | int | float) -> None:
        super().__init__(code, details)
        self.message = Message(code, details)


class InvalidInput(UserError):
    """A photo or the attributes cannot be read as they are."""


class CheckpointError(UserError):
    """A checkpoint is missing, incomplete, does not match its card or does not work."""


def first_line(error: BaseException) -> str:
    """The first line of what a library says is wrong, no longer than a sentence; `--debug` shows the rest."""
    line = (str(error).strip() or repr(error)).splitlines()[0]
    return line if len(line) <= _SENTENCE else f"{line[: _SENTENCE - 1]}…"
