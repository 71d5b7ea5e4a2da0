"""Invalid arguments and failures print one line and set an exit code."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from cli.__main__ import main
from cli.commands import describe
from inference.errors import CheckpointError
from tests.cli.conftest import Opisalka


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ([], "COMMAND"),
        (["describe", "--colour", "red"], "--colour"),
        (["describe", "--seed"], "--seed"),
        (["describe", "--seed", "-1"], "«-1»"),
        (["describe", "--seed", "много"], "«много»"),
        (["describe", "--numbers", "some"], "values, blanks"),
        (["describe", "--numbers", "it's"], "«it's»"),
        (["describe", "--attributes", "a", "--attributes-file", "b"], "--attributes-file"),
        (["describe", "--see", "1"], "--see"),
        (["describe", "no.jpg"], "no.jpg"),
        (["describe", "."], "папка"),
        (["describe", "--attributes-file", "no.txt"], "no.txt"),
        (["batch", "listings.jsonl"], "OUT"),
        (["batch", "no.jsonl", "out.jsonl"], "no.jsonl"),
        (["batch", "no.jsonl", "out.jsonl", "--batch-size", "0"], "«0»"),
        (["checkpoints"], "ACTION"),
        (["checkpoints", "fetch"], "list, show, pull, verify"),
        (["testcase", "--language", "de"], "ru, en"),
        (["frobnicate"], "describe"),
    ],
)
def test_wrong_arguments_are_one_russian_sentence(opisalka: Opisalka, arguments: list[str], named: str) -> None:
    """The line names the argument, ends with a full stop, and the exit code is 2."""
    outcome = opisalka(*arguments)
    assert outcome.code == 2
    assert outcome.out == ""
    assert outcome.err.count("\n") == 1
    assert outcome.err.endswith(".\n")
    assert named in outcome.err
    assert any("а" <= letter <= "я" for letter in outcome.err)


def test_an_unreadable_file_is_explained(opisalka: Opisalka, tmp_path: Path) -> None:
    """A path below a file is invalid input."""
    (tmp_path / "file").write_text("")
    outcome = opisalka("describe", tmp_path / "file" / "photo.jpg")
    assert (outcome.code, outcome.err.count("\n")) == (2, 1)


def test_a_null_byte_in_a_path_is_explained(opisalka: Opisalka) -> None:
    assert opisalka("describe", "a\0b").code == 2


def test_the_language_of_complaints_is_chosen_before_or_after_the_command(opisalka: Opisalka) -> None:
    before = opisalka("--language", "en", "describe", "--seed")
    assert before == opisalka("describe", "--language=en", "--seed")
    assert before.err == "--seed needs a value; --help shows what there is.\n"


@pytest.mark.parametrize("command", ["", "describe", "batch", "testcase", "checkpoints", "checkpoints show"])
@pytest.mark.parametrize("language", ["ru", "en"])
def test_help_is_printed_in_both_languages(command: str, language: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, check=lambda stop: stop.code == 0):
        main([*command.split(), "--language", language, "--help"])
    assert ("Общие параметры" if language == "ru" else "Common options") in capsys.readouterr().out


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, check=lambda stop: stop.code == 0):
        main(["--version"])
    assert capsys.readouterr().out.startswith("opisalka 0.")


def _raise(error: BaseException) -> object:
    def fail(*_: object) -> int:
        raise error

    return fail


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (CheckpointError("checkpoint-damaged", checkpoint="clip/mini", file="model.safetensors"), 4),
        (ZeroDivisionError("oops"), 1),
        (KeyboardInterrupt(), 130),
    ],
)
def test_failures_have_exit_codes(
    opisalka: Opisalka, monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int
) -> None:
    """A broken checkpoint exits with 4, a bug with 1, Ctrl-C silently with 130; none prints a traceback."""
    monkeypatch.setattr(describe, "run", _raise(error))
    outcome = opisalka("describe")
    assert outcome.code == code
    assert outcome.err.count("\n") == (0 if code == 130 else 1)
    assert "Traceback" not in outcome.err


def test_debug_shows_the_traceback(opisalka: Opisalka, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(describe, "run", _raise(ZeroDivisionError("oops")))
    assert "ZeroDivisionError: oops" in opisalka("describe", "--debug").err


@pytest.mark.parametrize("arguments", [["--help"], ["describe"], ["describe", "no.jpg"], ["checkpoints", "list"]])
def test_help_and_wrong_input_answer_without_the_models(arguments: list[str]) -> None:
    """Neither torch nor transformers is imported, which would take seconds."""
    script = "import sys; from cli.__main__ import main\ntry: main(sys.argv[1:])\nexcept SystemExit: pass\n"
    script += "sys.exit('torch' in sys.modules or 'transformers' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True).returncode == 0


def test_a_reader_that_leaves_the_pipe_ends_the_run_quietly() -> None:
    """`opisalka … | true` prints nothing on stderr."""
    command = f"env -u PYTHONUNBUFFERED {sys.executable} -m cli --help | true"
    assert subprocess.run(["sh", "-c", command], capture_output=True).stderr == b""


def test_a_file_that_is_closed_to_the_user_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is invalid input in any command, and no bug."""

    def refuse(*_: object) -> int:
        raise PermissionError(13, "Permission denied", "checkpoints/captioner/closed")

    monkeypatch.setattr(describe, "run", refuse)
    assert main(["describe", "--attributes", "Куртка"]) == 2
    assert "«checkpoints/captioner/closed»" in capsys.readouterr().err
