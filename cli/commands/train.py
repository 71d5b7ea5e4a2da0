"""`opisalka train`: train or calibrate a checkpoint; an interrupted stage resumes from its last saved step."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from cli.parser import ROOT, Parser, non_negative_int, positive_int
from inference.errors import CheckpointError, InvalidInput, Message
from locales.translate import Translate

if TYPE_CHECKING:
    from training.stages import DataFolders

CLIP = ROOT / "checkpoints" / "clip" / "mini"
DATA_FILES = ("captions.jsonl", "listings.jsonl", "photos.tsv", "photos")


def add(parser: Parser) -> None:
    """Add the subcommand and its stages."""
    train = parser.add_command("train", Message("help-train"))
    train.require_command("STAGE")
    _add_clip(train)
    _add_captioner(train)
    _add_diversity(train)
    _add_facts(train)
    _add_foreign(train)
    _add_interrogator(train)
    _add_toxicity(train)


def _add_clip(train: Parser) -> None:
    stage = train.add_command("clip", Message("help-train-clip"), train_clip)
    _add_common(stage, steps=3200)
    stage.add_option("--teacher", Message("help-teacher"), metavar="FILE", type=Path, required=True)
    stage.add_option("--others", Message("help-others"), metavar="DIR", type=Path)
    stage.add_option("--teacher-steps", Message("help-steps"), metavar="N", type=non_negative_int, default=500)
    stage.add_option("--drawings", Message("help-drawings"), metavar="N", type=non_negative_int, default=1500)


def _add_captioner(train: Parser) -> None:
    stage = train.add_command("captioner", Message("help-train-captioner"), train_captioner)
    _add_common(stage, steps=2700)
    stage.add_option("--language-steps", Message("help-steps"), metavar="N", type=non_negative_int, default=300)
    stage.add_option("--layers", Message("help-layers"), metavar="N", type=positive_int, default=5)
    stage.add_option("--clip", Message("help-clip"), metavar="DIR", type=Path, default=CLIP)


def _add_diversity(train: Parser) -> None:
    stage = train.add_command("diversity", Message("help-train-diversity"), train_diversity)
    _add_common(stage, steps=1500)
    stage.add_option("--clip", Message("help-clip"), metavar="DIR", type=Path, default=CLIP)


def _add_facts(train: Parser) -> None:
    stage = train.add_command("facts", Message("help-train-facts"), train_facts)
    _add_common(stage, steps=2600)
    stage.add_option("--others", Message("help-others"), metavar="DIR", type=Path, required=True)
    stage.add_option("--drawings", Message("help-drawings"), metavar="N", type=non_negative_int, default=600)


def _add_foreign(train: Parser) -> None:
    stage = train.add_command("foreign", Message("help-train-foreign"), train_foreign)
    _add_common(stage, steps=2000)
    stage.add_option("--teacher", Message("help-teacher"), metavar="FILE", type=Path, required=True)
    stage.add_option("--others", Message("help-others"), metavar="DIR", type=Path, required=True)
    stage.add_option("--drawings", Message("help-drawings"), metavar="N", type=non_negative_int, default=400)


def _add_interrogator(train: Parser) -> None:
    stage = train.add_command("interrogator", Message("help-train-interrogator"), train_interrogator)
    stage.add_option("--data", Message("help-data"), metavar="DIR", type=Path, required=True)
    stage.add_option("--out", Message("help-out"), metavar="DIR", type=Path, required=True)


def _add_toxicity(train: Parser) -> None:
    stage = train.add_command("toxicity", Message("help-train-toxicity"), train_toxicity)
    stage.add_option("--comments", Message("help-comments"), metavar="DIR", type=Path, required=True)
    stage.add_option("--data", Message("help-data"), metavar="DIR", type=Path, required=True)
    stage.add_option("--texts", Message("help-texts"), metavar="DIR", type=Path)
    stage.add_option("--out", Message("help-out"), metavar="DIR", type=Path, required=True)
    stage.add_option("--seed", Message("help-train-seed"), metavar="N", type=non_negative_int, default=1)


def _add_common(stage: Parser, steps: int) -> None:
    stage.add_option("--data", Message("help-data"), metavar="DIR", type=Path, required=True)
    stage.add_option("--texts", Message("help-texts"), metavar="DIR", type=Path)
    stage.add_option("--out", Message("help-out"), metavar="DIR", type=Path, required=True)
    stage.add_option("--work", Message("help-work"), metavar="DIR", type=Path, default=ROOT / "runs")
    stage.add_option("--steps", Message("help-steps"), metavar="N", type=non_negative_int, default=steps)
    stage.add_option("--seed", Message("help-train-seed"), metavar="N", type=non_negative_int, default=1)


def train_clip(arguments: argparse.Namespace, translate: Translate) -> int:
    """Train the photo–text dual encoder."""
    sources = _find_sources(arguments, arguments.others, arguments.drawings)
    _require(arguments.teacher)
    from training import stages

    work = arguments.work / "clip"
    steps, teacher_steps = arguments.steps, arguments.teacher_steps
    stages.train_clip(sources, arguments.teacher, arguments.out, work, steps, teacher_steps, arguments.seed)
    return 0


def train_facts(arguments: argparse.Namespace, translate: Translate) -> int:
    """Train the classifier that reads facts from photos."""
    sources = _find_sources(arguments, arguments.others, arguments.drawings)
    from training import stages

    stages.train_facts(sources, arguments.out, arguments.work / "facts", arguments.steps, arguments.seed)
    return 0


def train_foreign(arguments: argparse.Namespace, translate: Translate) -> int:
    """Train the detector of photos without clothes and save it in the folder of a dual encoder (`--out`)."""
    sources = _find_sources(arguments, arguments.others, arguments.drawings)
    _require(arguments.teacher)
    folder, work = _find_encoder(arguments.out), arguments.work / "foreign"
    from training import stages

    stages.train_out_of_domain(sources, arguments.teacher, folder, work, arguments.steps, arguments.seed)
    return 0


def train_captioner(arguments: argparse.Namespace, translate: Translate) -> int:
    """Train the captioner on the features of a dual encoder."""
    sources, encoder, work = _find_sources(arguments), _find_encoder(arguments.clip), arguments.work / "captioner"
    from training import stages

    steps, language_steps, layers = arguments.steps, arguments.language_steps, arguments.layers
    stages.train_captioner(sources, encoder, arguments.out, work, steps, language_steps, arguments.seed, layers)
    return 0


def train_diversity(arguments: argparse.Namespace, translate: Translate) -> int:
    """Train the classifier of listings with one item or several."""
    sources, encoder, work = _find_sources(arguments), _find_encoder(arguments.clip), arguments.work / "diversity"
    from training import stages

    stages.train_diversity(sources, encoder, arguments.out, work, arguments.steps, arguments.seed)
    return 0


def train_interrogator(arguments: argparse.Namespace, translate: Translate) -> int:
    """Calibrate the similarity thresholds of an interrogator's phrases (`--out`)."""
    _require(arguments.data / "photos.tsv")
    _require(arguments.out / "card.toml")
    from training.interrogator import calibrate

    calibrate(arguments.data, arguments.out)
    return 0


def train_toxicity(arguments: argparse.Namespace, translate: Translate) -> int:
    """Train the classifier of insults."""
    sources = _find_sources(arguments)
    _require(arguments.comments)
    from training import toxicity
    from training.data.comments import load_corpus

    corpus = load_corpus(arguments.comments, sources.texts, sources.data)
    toxicity.train_toxicity(corpus, arguments.out, arguments.seed)
    return 0


def _find_sources(arguments: argparse.Namespace, others: Path | None = None, drawings: int = 0) -> DataFolders:
    """Return the data folders. Raises `InvalidInput` when one is missing, before training starts."""
    for name in DATA_FILES:
        _require(arguments.data / name)
    for folder in filter(None, (others, arguments.texts)):
        _require(folder)
    from training.stages import DataFolders

    return DataFolders(arguments.data, others, arguments.texts, drawings)


def _find_encoder(folder: Path) -> Path:
    if not (folder / "model.safetensors").is_file():
        raise CheckpointError("checkpoint-missing", checkpoint=str(folder), known="—")
    return folder


def _require(path: Path) -> None:
    if not path.exists():
        raise InvalidInput("data-missing", path=str(path))
