"""The `opisalka` command: parses the arguments, runs one subcommand, turns errors into a line and an exit code.

Exit codes: 0 done · 1 a failed test case or a bug · 2 the input is wrong ·
3 moderation said no, or the model found no words · 4 a checkpoint is missing, broken or cannot write · 130 interrupted.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable, Sequence
from functools import partial
from importlib.metadata import version

from cli.commands import (
    batch,
    bot,
    checkpoints,
    demo,
    describe,
    evaluate,
    feedback,
    interrogate,
    moderation,
    testcase,
    train,
)
from cli.parser import ROOT, Parser, language_of
from inference.errors import CheckpointError, InvalidInput, Message, UserError
from locales import translate as locales_translate
from locales.translate import Translate

COMMANDS = (describe, batch, interrogate, demo, bot, testcase, checkpoints, moderation, feedback, train, evaluate)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    argv = sys.argv[1:] if argv is None else argv
    translate = partial(locales_translate.translate, language=language_of(argv))
    return _guarded(lambda: _run(argv, translate), translate, debug="--debug" in argv)


def build_parser(translate: Translate) -> Parser:
    """The parser of the whole command, with its help in the language of `say`."""
    parser = Parser(translate, "opisalka")
    parser.options.add_argument(
        "--version",
        action="version",
        version=f"opisalka {version('opisalka')}",
        help=translate(Message("help-version")),
    )
    parser.set_defaults(language="ru", checkpoints=ROOT / "checkpoints", debug=False, online=False)
    commands = parser.add_subparsers(title=translate(Message("help-commands")), metavar="COMMAND", required=True)
    for command in COMMANDS:
        command.add(commands, translate)
    return parser


def _run(argv: Sequence[str], translate: Translate) -> int:
    try:
        arguments = build_parser(translate).parse_args(argv)
        # Read by the hub's client and by transformers when they are imported, which no module of this room does: the
        # network is asked by `checkpoints pull` alone, and what is no error is not worth a line.
        offline = str(int(not arguments.online))
        os.environ |= {"HF_HUB_OFFLINE": offline, "HF_HUB_DISABLE_PROGRESS_BARS": offline}
        os.environ["TRANSFORMERS_VERBOSITY"] = "error"
        code: int = arguments.run(arguments, translate)
        return code
    finally:
        sys.stdout.flush()  # a pipe that nobody reads is noticed here, not when Python exits


def _guarded(run: Callable[[], int], translate: Translate, debug: bool) -> int:
    try:
        return run()
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader of the pipe has left; what is still buffered must not fail again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except Exception as error:  # noqa: BLE001 - the outermost edge: a bug becomes a sentence, --debug shows it whole
        if debug:
            traceback.print_exc()
        print(translate(_message(error)), file=sys.stderr)
        return _exit_code(error)


def _exit_code(error: Exception) -> int:
    if isinstance(error, CheckpointError):
        return 4
    return 2 if isinstance(error, InvalidInput) or _is_closed(error) else 1


def _message(error: Exception) -> Message:
    if _is_closed(error):
        return Message("file-unopened", {"file": str(getattr(error, "filename", None) or "?")})
    return error.message if isinstance(error, UserError) else Message("internal-error", {"error": repr(error)})


def _is_closed(error: Exception) -> bool:
    """Whether a file or folder that no command expected to be closed was so to this user."""
    return isinstance(error, PermissionError)


if __name__ == "__main__":
    sys.exit(main())
