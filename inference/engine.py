"""Which checkpoints are in memory, and one door to the pipeline."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from inference import checkpoints, pipeline
from inference.captioners import FAMILIES, Captioner
from inference.checkpoints import Card
from inference.clip import Clip
from inference.diversity import DiversityClassifier
from inference.errors import CheckpointError, InvalidInput
from inference.listing import Checked, Description, Numbers
from inference.moderation.match import MatchRule

CLIP = "mini"
DIVERSITY = "mini"

Model = TypeVar("Model")


class Engine:
    """Loaded checkpoints, ready to describe."""

    def __init__(self, models: pipeline.Models) -> None:
        self.models = models

    def describe(
        self, checked: Sequence[Checked | InvalidInput], numbers: Numbers = "values", seed: int = 0
    ) -> list[Description | InvalidInput]:
        """The description of every listing that `validation.check` let pass, in order; errors stay in their places."""
        return pipeline.describe(checked, self.models, numbers, seed)


def load_engine(root: Path, captioner: str = "mini") -> Engine:
    """Load a captioner and what it stands on from `root`. Raises `CheckpointError` for what is missing or broken."""
    clip_card = checkpoints.get(root, "clip", CLIP)
    clip = _loaded(clip_card, Clip.load)
    rule = MatchRule.of(clip_card)
    diversity = _loaded(checkpoints.get(root, "diversity", DIVERSITY), DiversityClassifier.load)
    return Engine(
        pipeline.Models(clip, _captioner(checkpoints.get(root, "captioner", captioner), clip), diversity, rule)
    )


def _captioner(card: Card, clip: Clip) -> Captioner:
    if card.family not in FAMILIES:
        raise CheckpointError("checkpoint-family", checkpoint=card.id, family=card.family)
    return _loaded(card, lambda folder: FAMILIES[card.family](folder, card.max_photos, clip))


def _loaded(card: Card, load: Callable[[Path], Model]) -> Model:
    """What `load` makes of the card's folder; whatever is wrong with the files becomes one sentence."""
    try:
        return load(card.folder)
    # `tokenizers` raises bare exceptions, and broken JSON or weights fail in as many ways as libraries read them.
    except Exception as error:
        raise CheckpointError("checkpoint-broken", checkpoint=card.id) from error
