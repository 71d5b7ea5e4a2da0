"""Files for code hosts and tools are valid, and every command and path in them exists.

The workflow and the hooks cannot run here; these tests keep them in step with the commands that they call.
"""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import yaml
from packaging.specifiers import SpecifierSet

from cli.__main__ import build_parser
from locales.translate import translate
from tests.support.sources import ROOT

FORMS = (".github/ISSUE_TEMPLATE/bug_report.yml", ".github/ISSUE_TEMPLATE/feature_request.yml")
PROSE = (*FORMS, ".github/PULL_REQUEST_TEMPLATE.md", "SECURITY.md", "CONTRIBUTING.md")
CREATED = ("data/", ".venv/", "downloads/")  # by commands that the prose names
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


def read(path: str) -> str:
    return (ROOT / path).read_text("utf-8")


def load(path: str) -> Any:
    return yaml.safe_load(read(path))


def workflow_jobs() -> dict[str, Any]:
    jobs: dict[str, Any] = load(".github/workflows/ci.yml")["jobs"]
    return jobs


def workflow_commands() -> list[str]:
    return [step["run"] for job in workflow_jobs().values() for step in job["steps"] if "run" in step]


def check_make(target: str) -> None:
    assert re.search(rf"^{target}:", read("Makefile"), re.MULTILINE)


def check_docker(action: str, *arguments: str) -> None:
    """Building takes the Dockerfile; running takes arguments that `opisalka` understands and files that exist."""
    assert (ROOT / "Dockerfile").is_file()
    if action == "build":
        assert arguments[-1] == "."
        return
    assert (action, *arguments[:2]) == ("run", "--rm", "opisalka")
    command = list(arguments[2:])
    if command != ["--help"]:
        parsed = build_parser(partial(translate, language="en")).parse_args(command)
        assert all((ROOT / path).is_file() for path in [*parsed.photos, parsed.attributes_file])


CHECKS: dict[str, Callable[..., None]] = {"make": check_make, "docker": check_docker}


def test_the_workflow_runs_the_test_command_of_the_readme() -> None:
    assert "make test" in workflow_commands()
    assert "make test" in read("README.md")


@pytest.mark.parametrize("command", workflow_commands())
def test_every_command_of_the_workflow_exists(command: str) -> None:
    program, *arguments = shlex.split(command)
    CHECKS[program](*arguments)


def test_the_workflow_tests_every_python_from_the_oldest_supported_one() -> None:
    versions = workflow_jobs()["test"]["strategy"]["matrix"]["python-version"]
    assert all(version in SpecifierSet(PROJECT["requires-python"]) for version in versions)
    assert PROJECT["requires-python"] == f">={versions[0]}"
    assert versions == [f"3.{minor}" for minor in range(11, 11 + len(versions))]


def test_every_action_of_the_workflow_is_pinned() -> None:
    actions = [step["uses"] for job in workflow_jobs().values() for step in job["steps"] if "uses" in step]
    assert [action for action in actions if not re.fullmatch(r"[\w-]+/[\w-]+@v\d+", action)] == []


def test_the_local_hooks_are_the_commands_of_the_check_script() -> None:
    repos = load(".pre-commit-config.yaml")["repos"]
    hooks = [hook["entry"] for repo in repos if repo["repo"] == "local" for hook in repo["hooks"]]
    assert hooks == [line for line in read("scripts/check").splitlines() if line.startswith(".venv/")]


def test_every_hook_from_elsewhere_is_pinned() -> None:
    repos = [repo for repo in load(".pre-commit-config.yaml")["repos"] if repo["repo"] != "local"]
    assert [repo["repo"] for repo in repos if not re.fullmatch(r"v\d+\.\d+\.\d+", repo["rev"])] == []
    assert {hook["id"] for repo in repos for hook in repo["hooks"]} == {"detect-private-key", "check-added-large-files"}


@pytest.mark.parametrize("path", FORMS)
def test_a_form_has_labelled_fields_with_ids_of_their_own(path: str) -> None:
    form = load(path)
    fields = [field for field in form["body"] if field["type"] != "markdown"]
    assert all(form[key] for key in ("name", "description", "labels"))
    assert all(field["attributes"]["label"] for field in fields)
    assert len({field["id"] for field in fields}) == len(fields) > 0


def test_issues_are_written_with_a_form() -> None:
    assert load(".github/ISSUE_TEMPLATE/config.yml") == {"blank_issues_enabled": False}


def test_the_citation_agrees_with_the_project() -> None:
    citation = load("CITATION.cff")
    assert {"cff-version", "message", "title", "authors", "abstract"} <= set(citation)
    assert (citation["version"], citation["license"]) == (PROJECT["version"], PROJECT["license"])
    assert citation["type"] == "software"


@pytest.mark.parametrize("path", PROSE)
def test_every_path_and_make_target_in_prose_exists(path: str) -> None:
    code = re.findall(r"`([^`\n]+)`", read(path))
    words = [word for each in code for word in each.split() if not re.search(r"[<>=:@*]", word)]
    paths = [word for word in words if re.fullmatch(r"[\w.-]+(/[\w.-]+)*/?", word) and "/" in word]
    assert [name for name in paths if not name.startswith(CREATED) and not (ROOT / name).exists()] == []
    for target in (each.removeprefix("make ") for each in code if each.startswith("make ")):
        check_make(target)
