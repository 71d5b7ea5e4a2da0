"""`opisalka testcase`: lists the preloaded cases, or runs one and says whether it came out as it must."""

from __future__ import annotations

import argparse
from pathlib import Path

from cli.cases import Judgement, check_expectations, judge, pull
from cli.output import page, refusals
from cli.parser import ROOT, Commands
from inference.errors import InvalidInput, Message
from inference.listing.cases import Case, find_case, find_cases, load_submission
from inference.listing.types import Description
from inference.listing.validation import validate_timed
from locales.translate import Translate

CASES = ROOT / "testcases"
PULLED = CASES / "photos"


def add(commands: Commands, translate: Translate) -> None:
    """Add the subcommand and its arguments."""
    parser = commands.add_parser("testcase", translate=translate, help=translate(Message("help-testcase")))
    parser.arguments.add_argument("name", metavar="NAME", nargs="?", help=translate(Message("help-testcase-name")))
    parser.options.add_argument("--photos-from", metavar="DIR", type=Path, help=translate(Message("help-photos-from")))
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, translate: Translate) -> int:
    """List, pull, or run one case; 1 when an expectation was not met."""
    if arguments.name is None:
        for case in find_cases(CASES):
            print(f"{case.name:<6}  {case.title.get(arguments.language, '')}")
        return 0
    if arguments.name == "pull":
        return _pull(arguments.photos_from or PULLED, translate)
    return _run_case(find_case(CASES, arguments.name), arguments, translate)


def _pull(folder: Path, translate: Translate) -> int:
    photos = [photo for case in find_cases(CASES) for photo in case.remote]
    count = pull(photos, folder)
    print(translate(Message("photos-pulled", {"count": count, "folder": str(folder)})))
    return 0


def _run_case(case: Case, arguments: argparse.Namespace, translate: Translate) -> int:
    check_expectations(case)
    sent = load_submission(case, arguments.photos_from)
    from inference.serving.loader import load_describer  # torch: not for --help

    (result,) = load_describer(arguments.checkpoints).describe([validate_timed(sent)])
    judgements = judge(case, result)
    parts = [
        f"{case.name}  {case.title.get(arguments.language, '')}",
        "\n".join([*(upload.name or "" for upload in sent.uploads), case.attributes.strip()]).strip(),
        _outcome(result, translate),
        "\n".join(_line(judgement) for judgement in judgements),
    ]
    print("\n\n".join(part for part in parts if part))
    return 0 if all(judgement.met for judgement in judgements) else 1


def _outcome(result: Description | InvalidInput, translate: Translate) -> str:
    if isinstance(result, InvalidInput):
        return translate(result.message)
    return page(result, translate) if result.moderation.passed else "\n".join(refusals(result.moderation, translate))


def _line(judgement: Judgement) -> str:
    if judgement.met:
        return f"✓ {judgement.name} = {judgement.wanted}"
    return f"✗ {judgement.name} = {judgement.wanted} ≠ {judgement.found}"
