"""`opisalka evaluate`: print metrics of answers, of the diversity classifier and of the toxicity check as JSON."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from cli.commands.batch import read_submission
from cli.parser import Parser
from inference.checkpoints import registry
from inference.errors import InvalidInput, Message
from inference.listing.files import catch_os_errors
from inference.listing.types import Listing
from inference.listing.validation import parse_attributes, validate
from locales.translate import Translate


def add(parser: Parser) -> None:
    """Add the subcommand and its subjects."""
    evaluate = parser.add_command("evaluate", Message("help-evaluate"))
    evaluate.require_command("SUBJECT")
    answers = evaluate.add_command("answers", Message("help-evaluate-answers"), evaluate_answers)
    answers.add_positional("answers", Message("help-answers"), metavar="ANSWERS", type=Path)
    diversity = evaluate.add_command("diversity", Message("help-evaluate-diversity"), evaluate_diversity)
    for subject in (answers, diversity):
        subject.add_positional("listings", Message("help-listings"), metavar="LISTINGS", type=Path)
    toxicity = evaluate.add_command("toxicity", Message("help-evaluate-toxicity"), evaluate_toxicity)
    toxicity.add_option("--comments", Message("help-comments"), metavar="DIR", type=Path, required=True)
    toxicity.add_option("--data", Message("help-data"), metavar="DIR", type=Path, required=True)
    toxicity.add_option("--texts", Message("help-texts"), metavar="DIR", type=Path)
    toxicity.add_option("--part", Message("help-split"), choices=("val", "test"), default="test")
    toxicity.add_option("--checkpoint", Message("help-checkpoint"), metavar="NAME", default="mini")
    toxicity.add_option("--calibrate", Message("help-calibrate-toxicity"), action="store_true")


def evaluate_answers(arguments: argparse.Namespace, translate: Translate) -> int:
    """Compare answers of `batch` with the fields of the listings."""
    from evaluation.answers import measure_answers

    fields = {row["id"]: parse_attributes(row["attributes"]).text for row in _read_rows(arguments.listings)}
    answers = [row for row in _read_rows(arguments.answers) if row.get("text") and row["id"] in fields]
    figures = measure_answers([row["text"] for row in answers], [fields[row["id"]] for row in answers])
    print(json.dumps(asdict(figures)))
    return 0


def evaluate_diversity(arguments: argparse.Namespace, translate: Translate) -> int:
    """Measure the accuracy on labelled albums, grouped by their `source`."""
    from evaluation.albums import measure_album_accuracy
    from inference.clip.dual_encoder import Clip
    from inference.diversity import DiversityClassifier

    albums: dict[str, list[tuple[Listing, bool]]] = {}
    for row in _read_rows(arguments.listings):
        listing = validate(read_submission(row, arguments.listings.parent))
        albums.setdefault(row["source"], []).append((listing, row["diversity_score"] >= 0.5))
    root = arguments.checkpoints
    clip = Clip.load(registry.get_card(root, "clip", "mini").folder)
    classifier = DiversityClassifier.load(registry.get_card(root, "diversity", "mini"))
    print(json.dumps(measure_album_accuracy(clip, classifier, albums), indent=1))
    return 0


def evaluate_toxicity(arguments: argparse.Namespace, translate: Translate) -> int:
    """Measure the check on held-out comments with their rewrites, on ads, and on obscenities in disguise."""
    for path in filter(None, (arguments.comments, arguments.data, arguments.texts)):
        if not path.is_dir():
            raise InvalidInput("data-missing", path=str(path))
    from evaluation.disguises import build_disguised_sets
    from evaluation.toxicity import measure_toxicity
    from inference.moderation.texts import ToxicityClassifier
    from training.data.comments import load_corpus
    from training.toxicity import calibrate

    card = registry.get_card(arguments.checkpoints, "toxicity", arguments.checkpoint)
    corpus, part = load_corpus(arguments.comments, arguments.texts, arguments.data), arguments.part
    if arguments.calibrate:
        card = calibrate(card, [each.text for each in corpus.of("val", "ad")])
    moderation = ToxicityClassifier.load(card)
    toxic = [each.text for each in corpus.of(part, "pair", toxic=True)]
    rewrites = [each.text for each in corpus.of(part, "pair", toxic=False)]
    disguised = build_disguised_sets(toxic, corpus.rude)
    disguised["by people"] = [each.text for each in corpus.of("test", "disguised")]
    ads = [each.text for each in corpus.of(part, "ad")]
    print(json.dumps(asdict(measure_toxicity(moderation, toxic, rewrites, ads, disguised)), indent=1))
    return 0


def _read_rows(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the lines of a data set. Raises `InvalidInput` for a line that is no JSON."""
    with catch_os_errors(path), path.open(encoding="utf-8") as lines:
        for line in lines:
            try:
                yield json.loads(line)
            except ValueError as error:
                raise InvalidInput("listing-malformed") from error
