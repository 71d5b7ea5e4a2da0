"""`opisalka evaluate answers|diversity|match|toxicity`: figures of answers and of the models that judge, as JSON."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli.commands.batch import read_submission
from cli.parser import Commands
from inference.checkpoints import registry
from inference.errors import InvalidInput, Message
from inference.listing.files import explained
from inference.listing.types import Listing
from inference.listing.validation import parse_attributes, validate
from locales.translate import Translate

if TYPE_CHECKING:
    pass


def add(commands: Commands, translate: Translate) -> None:
    """Add the subcommand and what can be evaluated."""
    parser = commands.add_parser("evaluate", translate=translate, help=translate(Message("help-evaluate")))
    subjects = parser.add_subparsers(title=translate(Message("help-commands")), metavar="SUBJECT", required=True)
    answers = subjects.add_parser("answers", translate=translate, help=translate(Message("help-evaluate-answers")))
    answers.arguments.add_argument("answers", metavar="ANSWERS", type=Path, help=translate(Message("help-answers")))
    answers.arguments.add_argument("listings", metavar="LISTINGS", type=Path, help=translate(Message("help-listings")))
    answers.set_defaults(run=evaluate_answers)
    diversity = subjects.add_parser(
        "diversity", translate=translate, help=translate(Message("help-evaluate-diversity"))
    )
    diversity.arguments.add_argument(
        "listings", metavar="LISTINGS", type=Path, help=translate(Message("help-listings"))
    )
    diversity.set_defaults(run=evaluate_diversity)
    toxicity = subjects.add_parser("toxicity", translate=translate, help=translate(Message("help-evaluate-toxicity")))
    toxicity.options.add_argument(
        "--comments", metavar="DIR", type=Path, required=True, help=translate(Message("help-comments"))
    )
    toxicity.options.add_argument(
        "--data", metavar="DIR", type=Path, required=True, help=translate(Message("help-data"))
    )
    toxicity.options.add_argument("--texts", metavar="DIR", type=Path, help=translate(Message("help-texts")))
    toxicity.options.add_argument(
        "--part", choices=("val", "test"), default="test", help=translate(Message("help-split"))
    )
    toxicity.options.add_argument(
        "--checkpoint", metavar="NAME", default="mini", help=translate(Message("help-checkpoint"))
    )
    toxicity.options.add_argument(
        "--calibrate", action="store_true", help=translate(Message("help-calibrate-toxicity"))
    )
    toxicity.set_defaults(run=evaluate_toxicity)


def evaluate_answers(arguments: argparse.Namespace, translate: Translate) -> int:
    """What `batch` wrote, beside the listings it answered."""
    from evaluation.answers import answer_figures

    fields = {row["id"]: parse_attributes(row["attributes"]).text for row in _rows(arguments.listings)}
    answered = [row for row in _rows(arguments.answers) if row.get("text") and row["id"] in fields]
    figures = answer_figures([row["text"] for row in answered], [fields[row["id"]] for row in answered])
    print(json.dumps(asdict(figures)))
    return 0


def evaluate_diversity(arguments: argparse.Namespace, translate: Translate) -> int:
    """Labelled albums, by the kind that stands in their `source`."""
    from evaluation.albums import album_accuracy
    from inference.clip.dual_encoder import Clip
    from inference.diversity import DiversityClassifier

    albums: dict[str, list[tuple[Listing, bool]]] = {}
    for row in _rows(arguments.listings):
        listing = validate(read_submission(row, arguments.listings.parent))
        albums.setdefault(row["source"], []).append((listing, row["diversity_score"] >= 0.5))
    root = arguments.checkpoints
    clip = Clip.load(registry.get_card(root, "clip", "mini").folder)
    classifier = DiversityClassifier.load(registry.get_card(root, "diversity", "mini").folder)
    print(json.dumps(album_accuracy(clip, classifier, albums), indent=1))
    return 0


def evaluate_toxicity(arguments: argparse.Namespace, translate: Translate) -> int:
    """Comments with their rewrites, ads, and obscenities disguised in every way, of a part nothing was trained on."""
    for path in filter(None, (arguments.comments, arguments.data, arguments.texts)):
        if not path.is_dir():
            raise InvalidInput("data-missing", path=str(path))
    from evaluation.disguises import disguised_sets
    from evaluation.toxicity import toxicity_figures
    from inference.moderation.texts import TextModeration
    from training.data.comments import read_corpus
    from training.toxicity import calibrate

    card = registry.get_card(arguments.checkpoints, "toxicity", arguments.checkpoint)
    corpus, part = read_corpus(arguments.comments, arguments.texts, arguments.data), arguments.part
    if arguments.calibrate:
        card = calibrate(card, [each.text for each in corpus.of("val", "ad")])
    moderation = TextModeration.load(card)
    toxic = [each.text for each in corpus.of(part, "pair", toxic=True)]
    rewrites = [each.text for each in corpus.of(part, "pair", toxic=False)]
    disguised = disguised_sets(toxic, corpus.rude)
    disguised["by people"] = [each.text for each in corpus.of("test", "disguised")]
    ads = [each.text for each in corpus.of(part, "ad")]
    print(json.dumps(asdict(toxicity_figures(moderation, toxic, rewrites, ads, disguised)), indent=1))
    return 0


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    """The lines of a data set; raises `InvalidInput` for a file that is none."""
    with explained(path), path.open(encoding="utf-8") as lines:
        for line in lines:
            try:
                yield json.loads(line)
            except ValueError as error:
                raise InvalidInput("listing-malformed") from error
