"""Command-line arguments in the user's language.

An `argparse` parser whose help comes from `locales/` and whose errors are `InvalidInput` with a code. It knows no
subcommand: each module of `cli.commands` adds its own.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, NoReturn, TypeAlias

from inference.errors import InvalidInput, Message
from locales.translate import LANGUAGES, Translate

ROOT = Path(__file__).resolve().parent.parent
Run: TypeAlias = Callable[[argparse.Namespace, Translate], int]


class Parser(argparse.ArgumentParser):
    """An argument parser that raises `InvalidInput` instead of printing English text and exiting.

    The errors of argparse name their argument (`ArgumentError.argument_name`), but their kind is only in an English
    sentence, which differs between Python versions. So each step that can fail is overridden and has its own code.
    """

    def __init__(self, translate: Translate, prog: str) -> None:
        super().__init__(prog, add_help=False, allow_abbrev=False, exit_on_error=False, formatter_class=_Formatter)
        self.translate = translate
        self.arguments = self.add_argument_group(translate(Message("help-arguments")))
        self.options = self.add_argument_group(translate(Message("help-options")))
        common = self.add_argument_group(translate(Message("help-common-options")))
        common.add_argument("-h", "--help", action="help", help=translate(Message("help-help")))
        # Suppressed: the value in `opisalka --debug describe` is not overwritten by a default of `describe`.
        add = partial(common.add_argument, default=argparse.SUPPRESS)
        add("--language", choices=LANGUAGES, help=translate(Message("help-language")))
        add("--checkpoints", metavar="DIR", type=Path, help=translate(Message("help-checkpoints-root")))
        add("--debug", action="store_true", help=translate(Message("help-debug")))
        self._commands: argparse._SubParsersAction[Parser]
        self._parsed: list[argparse.Action] = []

    def require_command(self, metavar: str) -> None:
        """Expect one of the subcommands that are added next; `metavar` stands for them in the help."""
        title = self.translate(Message("help-commands"))
        self._commands = self.add_subparsers(title=title, metavar=metavar, required=True)

    def add_command(self, name: str, summary: Message, run: Run | None = None) -> Parser:
        """Add a subcommand that calls `run`, and return its parser."""
        command = self._commands.add_parser(name, translate=self.translate, help=self.translate(summary))
        command.set_defaults(run=run)
        return command

    def add_positional(self, name: str, summary: Message, **options: Any) -> None:
        """Add an argument that is known by its position; `options` are those of `add_argument`."""
        self.arguments.add_argument(name, help=self.translate(summary), **options)

    def add_option(self, name: str, summary: Message, **options: Any) -> None:
        """Add an argument that is known by its name; `options` are those of `add_argument`."""
        self.options.add_argument(name, help=self.translate(summary), **options)

    def parse_args(self, args: Iterable[str] | None = None, namespace: Any = None) -> Any:
        """Parse all arguments. Raises `InvalidInput`."""
        parsed, unknown = self.parse_known_args(args, namespace)
        if unknown:
            # A message is one line.
            raise InvalidInput("argument-unknown", argument=" ".join(unknown).partition("\n")[0])
        return parsed

    def parse_known_args(self, args: Iterable[str] | None = None, namespace: Any = None) -> Any:
        """Return the parsed arguments and the list of unknown ones. Raises `InvalidInput`."""
        self._parsed.clear()
        try:
            return super().parse_known_args(args, namespace)
        except argparse.ArgumentError as error:
            if error.argument_name is None:  # Python 3.13 raises here what Python 3.11 passes to `error` itself
                self.error(error.message)
            raise InvalidInput("arguments-unclear", reason=str(error)) from error

    def error(self, message: str) -> NoReturn:
        """Raise `InvalidInput` for required arguments that are missing, the only error without an argument."""
        missing = [_name(action) for action in self._actions if action.required and action not in self._parsed]
        if not missing:
            raise InvalidInput("arguments-unclear", reason=message)
        raise InvalidInput("argument-required", argument=", ".join(missing))

    def _match_argument(self, action: argparse.Action, arg_strings_pattern: str) -> int:
        with _raise_invalid("argument-without-value"):
            return super()._match_argument(action, arg_strings_pattern)

    def _get_values(self, action: argparse.Action, arg_strings: list[str]) -> Any:
        values = super()._get_values(action, arg_strings)
        if values is not action.default:  # like argparse, ignore a default that is given explicitly
            self._check_conflict(action)
            self._parsed.append(action)
        return values

    def _check_conflict(self, action: argparse.Action) -> None:
        for group in self._mutually_exclusive_groups:
            others = {*group._group_actions} & {*self._parsed} - {action}
            if action in group._group_actions and others:
                raise InvalidInput("argument-conflict", argument=_name(action), other=_name(others.pop()))

    def _get_value(self, action: argparse.Action, arg_string: str) -> Any:
        with _raise_invalid("argument-value", value=_escape(arg_string)):
            return super()._get_value(action, arg_string)

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        choices = ", ".join(map(str, action.choices or ()))
        with _raise_invalid("argument-choice", value=_escape(value), choices=choices):
            super()._check_value(action, value)


@contextmanager
def _raise_invalid(code: str, **details: str) -> Iterator[None]:
    """Raise an error of argparse about one argument as `InvalidInput` with this code."""
    try:
        yield
    except argparse.ArgumentError as error:
        raise InvalidInput(code, argument=error.argument_name or "", **details) from error


def _name(action: argparse.Action) -> str:
    """Return the name that argparse gives an argument in its own errors."""
    return argparse.ArgumentError(action, "").argument_name or ""


def _escape(value: str) -> str:
    """Return the value on one line."""
    return repr(value)[1:-1]


class _Formatter(argparse.HelpFormatter):
    """Format the usage without the English word before it."""

    def add_usage(
        self,
        usage: str | None,
        actions: Iterable[argparse.Action],
        groups: Iterable[argparse._MutuallyExclusiveGroup],
        prefix: str | None = "",
    ) -> None:
        super().add_usage(usage, actions, groups, prefix)


def detect_language(argv: Sequence[str]) -> str:
    """Return the language that unparsed arguments ask for, Russian by default."""
    joined = [f"--language={second}" if first == "--language" else second for first, second in pairwise(["", *argv])]
    return next((language for language in LANGUAGES if f"--language={language}" in joined), "ru")


def non_negative_int(value: str) -> int:
    """Return an argument as an integer in [0, 2³¹). Raises `ValueError`."""
    number = int(value)
    if not 0 <= number < 2**31:
        raise ValueError(value)
    return number


def positive_int(value: str) -> int:
    """Return an argument as an integer in [1, 2³¹). Raises `ValueError`."""
    return non_negative_int(value) or non_negative_int("-1")
