"""Arguments in the user's language: an argparse whose help comes from `locales/` and whose complaints are codes."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import NoReturn, TypeAlias

from inference.errors import InvalidInput, Message
from locales.translate import LANGUAGES, Translate

ROOT = Path(__file__).resolve().parent.parent
Commands: TypeAlias = "argparse._SubParsersAction[Parser]"


class Parser(argparse.ArgumentParser):
    """A parser that raises `InvalidInput` where argparse would print English and exit."""

    def __init__(self, translate: Translate, prog: str) -> None:
        super().__init__(prog, add_help=False, allow_abbrev=False, formatter_class=_Formatter)
        self.arguments = self.add_argument_group(translate(Message("help-arguments")))
        self.options = self.add_argument_group(translate(Message("help-options")))
        common = self.add_argument_group(translate(Message("help-common-options")))
        common.add_argument("-h", "--help", action="help", help=translate(Message("help-help")))
        # Suppressed: the value in `opisalka --debug describe` is not overwritten by a default of `describe`.
        add = partial(common.add_argument, default=argparse.SUPPRESS)
        add("--language", choices=LANGUAGES, help=translate(Message("help-language")))
        add("--checkpoints", metavar="DIR", type=Path, help=translate(Message("help-checkpoints-root")))
        add("--debug", action="store_true", help=translate(Message("help-debug")))

    def error(self, message: str) -> NoReturn:
        """Raise what argparse found wrong as `InvalidInput`."""
        raise _complaint(message)


class _Formatter(argparse.HelpFormatter):
    """Usage without the English word before it."""

    def add_usage(
        self,
        usage: str | None,
        actions: Iterable[argparse.Action],
        groups: Iterable[argparse._MutuallyExclusiveGroup],
        prefix: str | None = "",
    ) -> None:
        super().add_usage(usage, actions, groups, prefix)


def language_of(argv: Sequence[str]) -> str:
    """The language that the arguments ask for, known before they are parsed; Russian by default."""
    asked = [f"--language={second}" if first == "--language" else second for first, second in pairwise(["", *argv])]
    return next((language for language in LANGUAGES if f"--language={language}" in asked), "ru")


def natural(value: str) -> int:
    """A number in [0, 2³¹)."""
    number = int(value)
    if not 0 <= number < 2**31:
        raise ValueError(value)
    return number


def positive(value: str) -> int:
    """A number in [1, 2³¹)."""
    return natural(value) or natural("-1")


def _complaint(message: str) -> InvalidInput:
    if found := re.match("unrecognized arguments: (.+)", message):
        return InvalidInput("argument-unknown", argument=found[1])
    if found := re.match("the following arguments are required: (.+)", message):
        return InvalidInput("argument-required", argument=found[1])
    if found := re.match("argument (.+?): expected .*argument", message):
        return InvalidInput("argument-without-value", argument=found[1])
    if found := re.match("argument (.+?): not allowed with argument (.+)", message):
        return InvalidInput("argument-conflict", argument=found[1], other=found[2])
    if found := re.match(r"argument (.+?): invalid choice: '(.*)' .*choose from (.+)\)", message):
        return InvalidInput("argument-choice", argument=found[1], value=found[2], choices=found[3].replace("'", ""))
    if found := re.match("argument (.+?): invalid .+ value: '(.*)'", message):
        return InvalidInput("argument-value", argument=found[1], value=found[2])
    return InvalidInput("arguments-unclear", reason=message)
