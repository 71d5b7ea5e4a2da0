"""`opisalka train clip|foreign|captioner|interrogator|…`: checkpoints from data; what was broken off resumes."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from cli.parser import ROOT, Commands, Parser, natural, positive
from inference.errors import CheckpointError, InvalidInput, Message
from locales.translate import Translate

if TYPE_CHECKING:
    from training.stages import Sources

NEEDED = ("captions.jsonl", "listings.jsonl", "photos.tsv", "photos")


def add(commands: Commands, translate: Translate) -> None:
    """Add the subcommand and its stages."""
    parser = commands.add_parser("train", translate=translate, help=translate(Message("help-train")))
    stages = parser.add_subparsers(title=translate(Message("help-commands")), metavar="STAGE", required=True)
    clip = stages.add_parser("clip", translate=translate, help=translate(Message("help-train-clip")))
    _add_common(clip, translate, steps=3200)
    clip.options.add_argument(
        "--teacher", metavar="FILE", type=Path, required=True, help=translate(Message("help-teacher"))
    )
    clip.options.add_argument("--others", metavar="DIR", type=Path, help=translate(Message("help-others")))
    clip.options.add_argument(
        "--teacher-steps", metavar="N", type=natural, default=500, help=translate(Message("help-steps"))
    )
    clip.options.add_argument(
        "--drawings", metavar="N", type=natural, default=1500, help=translate(Message("help-drawings"))
    )
    clip.set_defaults(run=train_clip)
    captioner = stages.add_parser("captioner", translate=translate, help=translate(Message("help-train-captioner")))
    _add_common(captioner, translate, steps=2700)
    captioner.options.add_argument(
        "--language-steps", metavar="N", type=natural, default=300, help=translate(Message("help-steps"))
    )
    captioner.options.add_argument(
        "--layers", metavar="N", type=positive, default=5, help=translate(Message("help-layers"))
    )
    captioner.set_defaults(run=train_captioner)
    diversity = stages.add_parser("diversity", translate=translate, help=translate(Message("help-train-diversity")))
    _add_common(diversity, translate, steps=1500)
    diversity.set_defaults(run=train_diversity)
    foreign = stages.add_parser("foreign", translate=translate, help=translate(Message("help-train-foreign")))
    _add_common(foreign, translate, steps=2000)
    foreign.options.add_argument(
        "--teacher", metavar="FILE", type=Path, required=True, help=translate(Message("help-teacher"))
    )
    foreign.options.add_argument(
        "--others", metavar="DIR", type=Path, required=True, help=translate(Message("help-others"))
    )
    foreign.options.add_argument(
        "--drawings", metavar="N", type=natural, default=400, help=translate(Message("help-drawings"))
    )
    foreign.set_defaults(run=train_foreign)
    interrogator = stages.add_parser(
        "interrogator", translate=translate, help=translate(Message("help-train-interrogator"))
    )
    interrogator.options.add_argument(
        "--data", metavar="DIR", type=Path, required=True, help=translate(Message("help-data"))
    )
    interrogator.options.add_argument(
        "--out", metavar="DIR", type=Path, required=True, help=translate(Message("help-out"))
    )
    interrogator.set_defaults(run=train_interrogator)
    toxicity = stages.add_parser("toxicity", translate=translate, help=translate(Message("help-train-toxicity")))
    add_option = toxicity.options.add_argument
    add_option("--comments", metavar="DIR", type=Path, required=True, help=translate(Message("help-comments")))
    add_option("--data", metavar="DIR", type=Path, required=True, help=translate(Message("help-data")))
    add_option("--texts", metavar="DIR", type=Path, help=translate(Message("help-texts")))
    add_option("--out", metavar="DIR", type=Path, required=True, help=translate(Message("help-out")))
    add_option("--seed", metavar="N", type=natural, default=1, help=translate(Message("help-train-seed")))
    toxicity.set_defaults(run=train_toxicity)
    for stage in (captioner, diversity):
        folder = ROOT / "checkpoints" / "clip" / "mini"
        stage.options.add_argument(
            "--clip", metavar="DIR", type=Path, default=folder, help=translate(Message("help-clip"))
        )


def _add_common(stage: Parser, translate: Translate, steps: int) -> None:
    add_option = stage.options.add_argument
    add_option("--data", metavar="DIR", type=Path, required=True, help=translate(Message("help-data")))
    add_option("--texts", metavar="DIR", type=Path, help=translate(Message("help-texts")))
    add_option("--out", metavar="DIR", type=Path, required=True, help=translate(Message("help-out")))
    add_option("--work", metavar="DIR", type=Path, default=ROOT / "runs", help=translate(Message("help-work")))
    add_option("--steps", metavar="N", type=natural, default=steps, help=translate(Message("help-steps")))
    add_option("--seed", metavar="N", type=natural, default=1, help=translate(Message("help-train-seed")))


def train_clip(arguments: argparse.Namespace, translate: Translate) -> int:
    """Train the photo–text dual encoder."""
    sources = _sources(arguments, arguments.others, arguments.drawings)
    _needed(arguments.teacher)
    from training import stages

    work = arguments.work / "clip"
    steps, teacher_steps = arguments.steps, arguments.teacher_steps
    stages.train_clip(sources, arguments.teacher, arguments.out, work, steps, teacher_steps, arguments.seed)
    return 0


def train_foreign(arguments: argparse.Namespace, translate: Translate) -> int:
    """Train the detector of photos that show no clothes into the folder of a dual encoder (`--out`)."""
    sources = _sources(arguments, arguments.others, arguments.drawings)
    _needed(arguments.teacher)
    folder, work = _encoder(arguments.out), arguments.work / "foreign"
    from training import stages

    stages.train_foreign(sources, arguments.teacher, folder, work, arguments.steps, arguments.seed)
    return 0


def train_captioner(arguments: argparse.Namespace, translate: Translate) -> int:
    """Train the captioner that reads the dual encoder's views."""
    sources, encoder, work = _sources(arguments), _encoder(arguments.clip), arguments.work / "captioner"
    from training import stages

    steps, language_steps, layers = arguments.steps, arguments.language_steps, arguments.layers
    stages.train_captioner(sources, encoder, arguments.out, work, steps, language_steps, arguments.seed, layers)
    return 0


def train_diversity(arguments: argparse.Namespace, translate: Translate) -> int:
    """Train the classifier of one thing or many."""
    sources, encoder, work = _sources(arguments), _encoder(arguments.clip), arguments.work / "diversity"
    from training import stages

    stages.train_diversity(sources, encoder, arguments.out, work, arguments.steps, arguments.seed)
    return 0


def train_interrogator(arguments: argparse.Namespace, translate: Translate) -> int:
    """Measure what the encoder of an interrogator (`--out`) can tell, and from which similarity on."""
    _needed(arguments.data / "photos.tsv")
    _needed(arguments.out / "card.toml")
    from training.phrases import calibrate

    calibrate(arguments.data, arguments.out)
    return 0


def train_toxicity(arguments: argparse.Namespace, translate: Translate) -> int:
    """Train the classifier of insults."""
    sources = _sources(arguments)
    _needed(arguments.comments)
    from training import toxicity
    from training.data.comments import read_corpus

    corpus = read_corpus(arguments.comments, sources.texts, sources.data)
    toxicity.train_toxicity(corpus, arguments.out, arguments.seed)
    return 0


def _sources(arguments: argparse.Namespace, others: Path | None = None, drawings: int = 0) -> Sources:
    """The data folders, each checked to be there before anything heavy starts."""
    for name in NEEDED:
        _needed(arguments.data / name)
    for folder in filter(None, (others, arguments.texts)):
        _needed(folder)
    from training.stages import Sources

    return Sources(arguments.data, others, arguments.texts, drawings)


def _encoder(folder: Path) -> Path:
    if not (folder / "model.safetensors").is_file():
        raise CheckpointError("checkpoint-missing", checkpoint=str(folder), known="—")
    return folder


def _needed(path: Path) -> None:
    if not path.exists():
        raise InvalidInput("data-missing", path=str(path))
