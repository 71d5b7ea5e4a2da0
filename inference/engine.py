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
from inference.moderation.checks import Checks
from inference.moderation.foreign import ForeignDetector
from inference.moderation.overrides import Overrides
from inference.moderation.texts import TextModeration

CLIP = "mini"
DIVERSITY = "mini"
TOXICITY = "mini"

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


def load_engine(root: Path, captioner: str = "mini", overrides: Overrides | None = None) -> Engine:
    """Load a captioner and what it stands on from `root`. Raises `CheckpointError` for what is missing or broken."""
    clip_card = checkpoints.get(root, "clip", CLIP)
    clip = _loaded(clip_card, Clip.load)
    diversity = _loaded(checkpoints.get(root, "diversity", DIVERSITY), DiversityClassifier.load)
    toxicity = checkpoints.get(root, "toxicity", TOXICITY)
    texts = _loaded(toxicity, lambda folder: TextModeration.load(toxicity, overrides.text if overrides else None))
    foreign = _loaded(clip_card, ForeignDetector.load)
    checks = Checks.of(clip, clip_card, texts, foreign, overrides)
    writer = _captioner(checkpoints.get(root, "captioner", captioner), clip)
    return Engine(pipeline.Models(clip, writer, diversity, checks))


def _captioner(card: Card, clip: Clip) -> Captioner:
    if card.family not in FAMILIES:
        raise CheckpointError("checkpoint-family", checkpoint=card.id, family=card.family)
    return _loaded(card, lambda folder: FAMILIES[card.family](folder, card.max_photos, clip))


def _loaded(card: Card, load: Callable[[Path], Model]) -> Model:
    """What `load` makes of the card's folder; whatever is wrong with the files becomes one sentence."""
    try:
        return load(card.folder)
    except CheckpointError:
        raise
    # `tokenizers` raises bare exceptions, and broken JSON or weights fail in as many ways as libraries read them.
    except Exception as error:
        raise CheckpointError("checkpoint-broken", checkpoint=card.id) from error
