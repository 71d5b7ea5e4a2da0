"""`opisalka diversity`: measure which scores of the classifier of albums are sure."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from cli.parser import Parser
from inference.checkpoints import registry
from inference.errors import InvalidInput, Message
from locales.translate import Translate

SURE = 0.95  # share of right answers from which on the seller is not asked
FILES = ("captions.jsonl", "listings.jsonl", "photos.tsv")


def add(parser: Parser) -> None:
    """Add the subcommand and its action."""
    diversity = parser.add_command("diversity", Message("help-diversity"))
    diversity.require_command("ACTION")
    calibrate = diversity.add_command("calibrate", Message("help-diversity-calibrate"), run_calibrate)
    calibrate.add_option("--data", Message("help-data"), metavar="DIR", type=Path, required=True)
    calibrate.add_option("--sure", Message("help-sure"), metavar="SHARE", type=float, default=SURE)


def run_calibrate(arguments: argparse.Namespace, translate: Translate) -> int:
    """Measure which scores are sure on held-out senders, write the limits to the card and print the figures."""
    card = registry.get_card(arguments.checkpoints, "diversity", "mini")
    encoder = registry.get_card(arguments.checkpoints, "clip", "mini")
    for path in (arguments.data / name for name in FILES):
        if not path.exists():
            raise InvalidInput("data-missing", path=str(path))
    from inference.clip.dual_encoder import Clip
    from training import stages

    measured = stages.calibrate_diversity(arguments.data, Clip.load(encoder.folder), card, arguments.sure)
    print(json.dumps({"figures": measured.figures, "calibration": measured.calibration}, ensure_ascii=False))
    return 0
