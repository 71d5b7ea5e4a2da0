"""`opisalka facts`: measure the thresholds of the classifier that reads facts from photos."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from cli.parser import Parser
from inference.checkpoints import registry
from inference.errors import InvalidInput, Message
from locales.translate import Translate

PRECISION = 0.84
SURE = 0.9  # share of right answers from which on the seller is not asked


def add(parser: Parser) -> None:
    """Add the subcommand and its actions."""
    facts = parser.add_command("facts", Message("help-facts"))
    facts.require_command("ACTION")
    calibrate = facts.add_command("calibrate", Message("help-facts-calibrate"), run_calibrate)
    calibrate.add_option("--data", Message("help-data"), metavar="DIR", type=Path, required=True)
    calibrate.add_option("--others", Message("help-others"), metavar="DIR", type=Path, required=True)
    calibrate.add_option("--precision", Message("help-precision"), metavar="SHARE", type=float, default=PRECISION)
    calibrate.add_option("--sure", Message("help-sure"), metavar="SHARE", type=float, default=SURE)
    calibrate.add_option("--facts", Message("help-facts-name"), metavar="NAME", default="mini")


def run_calibrate(arguments: argparse.Namespace, translate: Translate) -> int:
    """Measure temperatures and thresholds on held-out senders, write them to the checkpoint and print the figures."""
    card = registry.get_card(arguments.checkpoints, "facts", arguments.facts)
    for path in (arguments.data / "captions.jsonl", arguments.data / "photos.tsv", arguments.others):
        if not path.exists():
            raise InvalidInput("data-missing", path=str(path))
    from training import stages

    sources = stages.DataFolders(arguments.data, arguments.others)
    measured = stages.calibrate_facts(sources, card, arguments.precision, arguments.sure)
    print(json.dumps({"figures": measured.figures, "calibration": measured.calibration}, ensure_ascii=False))
    return 0
