"""Commands and links in the READMEs and the documentation are valid."""

from __future__ import annotations

import re
import shlex
from functools import partial

import pytest

from cli.__main__ import build_parser
from locales.translate import translate
from tests.support.sources import ROOT

READMES = ("README.md", "README.ru.md")
PAGES = tuple(sorted(str(path.relative_to(ROOT)) for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]))


def read_shell_lines(page: str) -> list[str]:
    """Return the lines of the shell blocks of a page, without comments and without options in brackets."""
    blocks = re.findall(r"```sh\n(.*?)```", (ROOT / page).read_text("utf-8"), re.DOTALL)
    lines = [line for block in blocks for line in re.sub(r"\\\n|\[--.*?\]", " ", block).splitlines()]
    return [shlex.join(shlex.split(line, comments=True)) for line in lines]


def find_commands(program: str) -> list[str]:
    """Return the arguments of a program in all pages."""
    lines = {line for page in PAGES for line in read_shell_lines(page)}
    return sorted(line.removeprefix(f"{program} ") for line in lines if line.startswith(f"{program} "))


@pytest.mark.parametrize("command", find_commands("opisalka"))
def test_every_command_of_the_documentation_parses(command: str) -> None:
    parser = build_parser(partial(translate, language="ru"))
    assert callable(parser.parse_args(shlex.split(command)).run)


@pytest.mark.parametrize("target", find_commands("make"))
def test_every_make_target_of_the_documentation_exists(target: str) -> None:
    assert re.search(rf"^{target}:.*##", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)


def test_both_readmes_give_the_same_commands() -> None:
    assert read_shell_lines(READMES[0]) == read_shell_lines(READMES[1])


@pytest.mark.parametrize("page", PAGES)
def test_every_link_to_a_file_leads_somewhere(page: str) -> None:
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", (ROOT / page).read_text("utf-8"))
    files = [link for link in links if not link.startswith("https://")]
    assert [link for link in files if not ((ROOT / page).parent / link).exists()] == []
