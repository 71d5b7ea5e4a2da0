"""`opisalka describe`: the text of one listing."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from cli.output import as_json, page, refusals
from cli.parser import Commands, natural
from inference.checkpoints.registry import get_card
from inference.errors import InvalidInput, Message
from inference.listing.files import read_overrides, read_text, read_uploads
from inference.listing.types import Description, Submission
from inference.listing.validation import validate_timed
from locales.translate import Translate


def add(commands: Commands, translate: Translate) -> None:
    """Add the subcommand and its arguments."""
    parser = commands.add_parser("describe", translate=translate, help=translate(Message("help-describe")))
    parser.arguments.add_argument(
        "photos", metavar="PHOTO", nargs="*", type=Path, help=translate(Message("help-photos"))
    )
    attributes = parser.options.add_mutually_exclusive_group()
    attributes.add_argument("--attributes", metavar="TEXT", default="", help=translate(Message("help-attributes")))
    attributes.add_argument(
        "--attributes-file", metavar="FILE", type=Path, help=translate(Message("help-attributes-file"))
    )
    parser.options.add_argument(
        "--checkpoint", metavar="NAME", default="mini", help=translate(Message("help-checkpoint"))
    )
    parser.options.add_argument(
        "--numbers", choices=("values", "blanks"), default="values", help=translate(Message("help-numbers"))
    )
    parser.options.add_argument("--seed", metavar="N", type=natural, default=0, help=translate(Message("help-seed")))
    parser.options.add_argument("--json", action="store_true", help=translate(Message("help-json")))
    parser.options.add_argument(
        "--moderation", metavar="FILE", type=Path, help=translate(Message("help-moderation-settings"))
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, translate: Translate) -> int:
    """Describe and print; 3 when moderation said no."""
    attributes = read_text(arguments.attributes_file) if arguments.attributes_file else arguments.attributes
    checked = validate_timed(Submission(read_uploads(arguments.photos), attributes))
    if isinstance(checked, InvalidInput):
        raise checked  # loading the models takes seconds: what is wrong is said before
    get_card(arguments.checkpoints, "captioner", arguments.checkpoint)
    from inference.serving.loader import load_describer  # torch: not for --help

    describer = load_describer(arguments.checkpoints, arguments.checkpoint, read_overrides(arguments.moderation))
    (result,) = describer.describe([checked], arguments.numbers, arguments.seed)
    if isinstance(result, InvalidInput):
        raise result
    if arguments.json:
        print(json.dumps(as_json(result, translate), ensure_ascii=False))
    else:
        _print_page(result, translate)
    return 0 if result.moderation.passed else 3


def _print_page(description: Description, translate: Translate) -> None:
    if description.moderation.passed:
        print(page(description, translate))
    else:
        print("\n".join(refusals(description.moderation, translate)), file=sys.stderr)
