"""Whether a checkpoint works at all: one forward pass of any kind over a grey photo and a few words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from PIL import Image

from inference import checkpoints
from inference.captioners import Prompt
from inference.checkpoints import Card
from inference.clip import Clip
from inference.diversity import DiversityClassifier
from inference.errors import CheckpointError, first_line
from inference.loading import CLIP, Loader
from inference.moderation.texts import TextModeration

_TEXT = "Название: куртка"
_SHORT = {"max_new_tokens": 8, "min_new_tokens": 0}


def try_out(root: Path, card: Card) -> None:
    """Load the checkpoint below `root` and use it once. Raises `CheckpointError` where it does not work."""
    try:
        _TRIALS[card.kind](root, card)
    except CheckpointError as error:
        if error.message.code == "checkpoint-broken":  # it would send to what is being done here
            reason = first_line(error.__cause__ or error)
            raise CheckpointError("checkpoint-unfit", checkpoint=card.id, reason=reason) from error
        raise
    # Weights that do not fit their configuration fail in as many ways as models compute.
    except Exception as error:
        raise CheckpointError("checkpoint-unusable", checkpoint=card.id, reason=first_line(error)) from error


def _write(root: Path, card: Card) -> None:
    captioner, clip = Loader(root).load_alone(replace(card, generation={**card.generation, **_SHORT}))
    photos = (_photo(),)
    captioner.generate([Prompt(photos, clip.look(photos), _TEXT, "<SINGLE>")])


def _relate(root: Path, card: Card) -> None:
    clip = Clip.load(card.folder)
    clip.look([_photo()])
    clip.read([_TEXT])


def _judge(root: Path, card: Card) -> None:
    TextModeration.load(card).risks([_TEXT])


def _tell(root: Path, card: Card) -> None:
    clip = Clip.load(checkpoints.get(root, "clip", CLIP).folder)
    DiversityClassifier.load(card.folder).score(clip.look([_photo()]))


_TRIALS: Mapping[str, Callable[[Path, Card], None]] = {
    "captioner": _write,
    "clip": _relate,
    "toxicity": _judge,
    "diversity": _tell,
}


def _photo() -> Image.Image:
    return Image.new("RGB", (64, 64), "grey")
