"""Errors that a user can mend: a code and its details. The sentences are in `locales/`, keyed by the code."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeVar, TypeVarTuple

_MAX_LINE: Final = 200  # characters of a library's message that a sentence of ours may quote

Args = TypeVarTuple("Args")
Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Message:
    """A sentence for the user that has no language yet: `locales/` maps the code to it."""

    code: str
    details: Mapping[str, str | int | float] = field(default_factory=dict)


class UserError(Exception):
    """An error that the user can mend. Any other exception is a bug."""

    def __init__(self, code: str, **details: str | int | float) -> None:
        super().__init__(code, details)
        self.message = Message(code, details)


class InvalidInput(UserError):
    """A photo, the attributes or a setting cannot be used."""


class CheckpointError(UserError):
    """A checkpoint is missing, incomplete, does not match its card or does not work."""


class UnfitWeights(ValueError):
    """Weights do not make up their model. `code` and `details` name the first tensor; the checkpoint is to be added."""

    def __init__(self, code: str, **details: str) -> None:
        super().__init__(f"{code}: {details}")
        self.code, self.details = code, details

    def name_checkpoint(self, checkpoint: str) -> CheckpointError:
        """Return the error for the user."""
        return CheckpointError(self.code, checkpoint=checkpoint, **self.details)


def catch_invalid(function: Callable[[*Args], Result], *args: *Args) -> Result | InvalidInput:
    """Call `function` and return its result, or the `InvalidInput` that it raises.

    Only for batches, where an error takes the place of its item; see `map_valid`. Elsewhere let it propagate.
    """
    try:
        return function(*args)
    except InvalidInput as error:
        return error


def map_valid(
    function: Callable[[Sequence[Item]], Iterable[Result]], items: Sequence[Item | InvalidInput]
) -> list[Result | InvalidInput]:
    """Call `function` once with the valid items and return its results in order; errors keep their places."""
    results = iter(function([item for item in items if not isinstance(item, InvalidInput)]))
    return [item if isinstance(item, InvalidInput) else next(results) for item in items]


def first_line(error: BaseException) -> str:
    """Return the first line of a library's error message, at most 200 characters; `--debug` shows the rest."""
    line = (str(error).strip() or repr(error)).splitlines()[0]
    return line if len(line) <= _MAX_LINE else f"{line[: _MAX_LINE - 1]}…"
