"""What a user can mend: a code and its details. The sentences live in `locales/`, keyed by the code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


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
    """A checkpoint is missing, incomplete or does not match its card."""
