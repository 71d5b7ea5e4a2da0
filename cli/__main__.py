"""The `opisalka` command: parse the arguments, run one subcommand, turn errors into a line and an exit code.

Exit codes: 0 done · 1 a failed test case or a bug · 2 invalid input ·
3 rejected by moderation, or the model wrote nothing · 4 a checkpoint is missing, broken or cannot write ·
130 interrupted.
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
    diversity,
    evaluate,
    facts,
    feedback,
    interrogate,
    moderation,
    testcase,
    train,
)
from cli.parser import ROOT, Parser, detect_language
from inference.errors import CheckpointError, InvalidInput, Message, UserError
from locales import translate as locales_translate
from locales.translate import Translate

COMMANDS = (
    describe,
    batch,
    interrogate,
    demo,
    bot,
    testcase,
    checkpoints,
    moderation,
    facts,
    diversity,
    feedback,
    train,
    evaluate,
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    argv = sys.argv[1:] if argv is None else argv
    translate = partial(locales_translate.translate, language=detect_language(argv))
    return _report_errors(lambda: _run(argv, translate), translate, debug="--debug" in argv)


def build_parser(translate: Translate) -> Parser:
    """Build the parser of the whole command, with help in the language of `translate`."""
    parser = Parser(translate, "opisalka")
    parser.add_option("--version", Message("help-version"), action="version", version=f"opisalka {version('opisalka')}")
    parser.set_defaults(language="ru", checkpoints=ROOT / "checkpoints", debug=False, online=False)
    parser.require_command("COMMAND")
    for command in COMMANDS:
        command.add(parser)
    return parser


def _run(argv: Sequence[str], translate: Translate) -> int:
    try:
        arguments = build_parser(translate).parse_args(argv)
        # The hub's client and transformers read these when they are imported, and no module of `cli` imports them at
        # its top. Only `checkpoints pull` uses the network, and only errors are worth a line.
        offline = str(int(not arguments.online))
        os.environ |= {"HF_HUB_OFFLINE": offline, "HF_HUB_DISABLE_PROGRESS_BARS": offline}
        os.environ["TRANSFORMERS_VERBOSITY"] = "error"
        code: int = arguments.run(arguments, translate)
        return code
    finally:
        sys.stdout.flush()  # raises for a closed pipe here, where it is handled, and not when Python exits


def _report_errors(run: Callable[[], int], translate: Translate, debug: bool) -> int:
    try:
        return run()
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader of the pipe is gone; the rest of the buffer must not fail again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except Exception as error:  # noqa: BLE001 - the outermost level: --debug prints the traceback
        if debug:
            traceback.print_exc()
        print(translate(_to_message(error)), file=sys.stderr)
        return _to_exit_code(error)


def _to_exit_code(error: Exception) -> int:
    if isinstance(error, CheckpointError):
        return 4
    return 2 if isinstance(error, InvalidInput | PermissionError) else 1


def _to_message(error: Exception) -> Message:
    if isinstance(error, PermissionError):  # from a file or folder that no command expects to be inaccessible
        return Message("file-unopened", {"file": str(error.filename or "?")})
    return error.message if isinstance(error, UserError) else Message("internal-error", {"error": repr(error)})


if __name__ == "__main__":
    sys.exit(main())
