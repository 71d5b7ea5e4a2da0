"""What the README tells people to type is understood."""

from __future__ import annotations

import re
import shlex
from functools import partial

import pytest

from cli.__main__ import build_parser
from locales.translate import translate
from tests.support.sources import ROOT

READMES = ("README.md", "README.ru.md")


def shell_lines(readme: str) -> list[str]:
    """Command lines of the shell blocks, without their remarks."""
    blocks = re.findall(r"```sh\n(.*?)```", (ROOT / readme).read_text("utf-8"), re.DOTALL)
    return [shlex.join(shlex.split(line, comments=True)) for block in blocks for line in block.splitlines()]


def commands(program: str) -> list[str]:
    """Arguments of a program in all READMEs."""
    lines = {line for readme in READMES for line in shell_lines(readme)}
    return sorted(line.removeprefix(f"{program} ") for line in lines if line.startswith(f"{program} "))


@pytest.mark.parametrize("command", commands("opisalka"))
def test_every_command_of_the_readme_parses(command: str) -> None:
    parser = build_parser(partial(translate, language="ru"))
    assert callable(parser.parse_args(shlex.split(command)).run)


@pytest.mark.parametrize("target", commands("make"))
def test_every_make_target_of_the_readme_exists(target: str) -> None:
    assert re.search(rf"^{target}:.*##", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)


def test_both_readmes_tell_the_same_commands() -> None:
    assert shell_lines(READMES[0]) == shell_lines(READMES[1])


@pytest.mark.parametrize("readme", [*READMES, "CONTRIBUTING.md"])
def test_every_link_to_a_file_leads_somewhere(readme: str) -> None:
    links = re.findall(r"\]\(([^)]+)\)", (ROOT / readme).read_text("utf-8"))
    assert [link for link in links if not link.startswith("https://") and not (ROOT / link).exists()] == []
