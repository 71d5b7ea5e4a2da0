"""`opisalka testcase`: list the preloaded cases, download their photos, or run one and check its expectations."""

from __future__ import annotations

import argparse
from pathlib import Path

from cli.cases import Expectation, compare, download_missing, validate_expectations
from cli.output import format_page, format_reasons
from cli.parser import ROOT, Parser
from inference.errors import InvalidInput, Message, catch_invalid, map_valid
from inference.listing.cases import Case, get_case, list_cases, load_submission
from inference.listing.types import Description
from inference.listing.validation import build_job
from locales.translate import Translate

CASES = ROOT / "testcases"
DOWNLOADS = CASES / "photos"


def add(parser: Parser) -> None:
    """Add the subcommand and its arguments."""
    command = parser.add_command("testcase", Message("help-testcase"), run)
    command.add_positional("name", Message("help-testcase-name"), metavar="NAME", nargs="?")
    command.add_option("--photos-from", Message("help-photos-from"), metavar="DIR", type=Path)


def run(arguments: argparse.Namespace, translate: Translate) -> int:
    """List the cases, download photos, or run one case; return 1 for an expectation that is not met."""
    if arguments.name is None:
        for case in list_cases(CASES):
            print(f"{case.name:<6}  {case.title.get(arguments.language, '')}")
        return 0
    if arguments.name == "pull":
        return _download(arguments.photos_from or DOWNLOADS, translate)
    return _run_case(get_case(CASES, arguments.name), arguments, translate)


def _download(folder: Path, translate: Translate) -> int:
    photos = [photo for case in list_cases(CASES) for photo in case.remote]
    count = download_missing(photos, folder)
    print(translate(Message("photos-pulled", {"count": count, "folder": str(folder)})))
    return 0


def _run_case(case: Case, arguments: argparse.Namespace, translate: Translate) -> int:
    validate_expectations(case)
    submission = load_submission(case, arguments.photos_from)
    from inference.serving.loader import load_describer  # torch: not for --help

    (result,) = map_valid(load_describer(arguments.checkpoints).describe, [catch_invalid(build_job, submission)])
    expectations = compare(case, result)
    parts = [
        f"{case.name}  {case.title.get(arguments.language, '')}",
        "\n".join([*(upload.name or "" for upload in submission.uploads), case.attributes.strip()]).strip(),
        _format_outcome(result, translate),
        "\n".join(_format_expectation(expectation) for expectation in expectations),
    ]
    print("\n\n".join(part for part in parts if part))
    return 0 if all(expectation.is_met for expectation in expectations) else 1


def _format_outcome(result: Description | InvalidInput, translate: Translate) -> str:
    if isinstance(result, InvalidInput):
        return translate(result.message)
    return format_page(result, translate) if result.text else format_reasons(result.moderation, translate)


def _format_expectation(expectation: Expectation) -> str:
    if expectation.is_met:
        return f"✓ {expectation.name} = {expectation.expected}"
    return f"✗ {expectation.name} = {expectation.expected} ≠ {expectation.actual}"
