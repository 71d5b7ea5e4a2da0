"""`opisalka describe`: write the text of one listing."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from cli.output import format_page, format_reasons, to_json
from cli.parser import Parser, non_negative_int
from cli.photos import create_folder, save_photos
from inference.checkpoints.registry import get_card
from inference.errors import Message
from inference.listing.files import load_overrides, load_uploads, read_text
from inference.listing.types import Description, Submission
from inference.listing.validation import build_job
from locales.translate import Translate


def add(parser: Parser) -> None:
    """Add the subcommand and its arguments."""
    command = parser.add_command("describe", Message("help-describe"), run)
    command.add_positional("photos", Message("help-photos"), metavar="PHOTO", nargs="*", type=Path)
    attributes, translate = command.options.add_mutually_exclusive_group(), command.translate
    attributes.add_argument("--attributes", metavar="TEXT", default="", help=translate(Message("help-attributes")))
    attributes.add_argument(
        "--attributes-file", metavar="FILE", type=Path, help=translate(Message("help-attributes-file"))
    )
    command.add_option("--checkpoint", Message("help-checkpoint"), metavar="NAME", default="mini")
    command.add_option("--numbers", Message("help-numbers"), choices=("values", "blanks"), default="values")
    command.add_option("--item", Message("help-item"), metavar="WORD", default="")
    command.add_option("--seed", Message("help-seed"), metavar="N", type=non_negative_int, default=0)
    command.add_option("--json", Message("help-json"), action="store_true")
    command.add_option("--save-photos", Message("help-save-photos"), metavar="DIR", type=Path)
    command.add_option("--moderation", Message("help-moderation-settings"), metavar="FILE", type=Path)


def run(arguments: argparse.Namespace, translate: Translate) -> int:
    """Describe the listing and print the result; return 3 when moderation rejects it."""
    attributes = read_text(arguments.attributes_file) if arguments.attributes_file else arguments.attributes
    # Validate before the models are loaded, which takes seconds.
    job = build_job(
        Submission(load_uploads(arguments.photos), attributes), arguments.numbers, arguments.seed, arguments.item
    )
    if arguments.save_photos:
        create_folder(arguments.save_photos)
        save_photos(arguments.save_photos, 0, job.listing.photos)
    get_card(arguments.checkpoints, "captioner", arguments.checkpoint)
    from inference.serving.loader import load_describer  # torch: not for --help

    describer = load_describer(arguments.checkpoints, arguments.checkpoint, load_overrides(arguments.moderation))
    (result,) = describer.describe([job])
    if arguments.json:
        print(json.dumps(to_json(result, translate), ensure_ascii=False))
    else:
        _print(result, translate)
    if not result.moderation.passed:
        return 3
    return 0 if result.text else 2


def _print(description: Description, translate: Translate) -> None:
    """Print the text, and on stderr why there is none or what moderation warns of."""
    if description.text:
        print(format_page(description, translate))
    if reasons := format_reasons(description.moderation, translate):
        print(reasons, file=sys.stderr)
