"""From checkpoint folders to something that describes: one sentence for whatever is wrong with the files."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from safetensors import safe_open

from inference import checkpoints, pipeline
from inference.captioners import FAMILIES, Captioner
from inference.checkpoints import Card
from inference.clip import Clip
from inference.diversity import DiversityClassifier
from inference.errors import CheckpointError, InvalidInput
from inference.listing import Checked, Description, Numbers, Stage
from inference.moderation.checks import Checks
from inference.moderation.foreign import ForeignDetector
from inference.moderation.overrides import Overrides
from inference.moderation.texts import TextModeration

CLIP = "mini"
DIVERSITY = "mini"
TOXICITY = "mini"

_FLOAT_BYTES = 4

Result = TypeVar("Result")


class Describer:
    """A captioner and what it stands on, loaded: the synchronous door to the pipeline."""

    def __init__(self, models: pipeline.Models) -> None:
        self.models = models

    def describe(
        self, checked: Sequence[Checked | InvalidInput], numbers: Numbers = "values", seed: int = 0
    ) -> list[Description | InvalidInput]:
        """The description of every listing that `validation.check` let pass, in order; errors stay in their places."""
        asked = [
            each if isinstance(each, InvalidInput) else replace(each, numbers=numbers, seed=seed) for each in checked
        ]
        return pipeline.describe(asked, self.models)

    def write(self, checked: Sequence[Checked], tell: Callable[[Stage], object]) -> list[Description]:
        """The description of each listing with its own seed; `tell` hears of each stage before it begins."""
        results = pipeline.describe(checked, self.models, tell)
        return [result for result in results if isinstance(result, Description)]


class Loader:
    """Loads captioners; what all of them stand on is loaded with the first and shared by the others.

    overrides: the owner's own thresholds of moderation.
    """

    def __init__(self, root: Path, overrides: Overrides | None = None) -> None:
        self._root = root
        self._overrides = overrides
        self._shared: tuple[Clip, DiversityClassifier, Checks] | None = None

    def weigh(self, captioner: str) -> int:
        """Bytes that the captioner's own weights will take in memory, all of them as 32-bit floats.

        Raises `CheckpointError` for what is missing or broken.
        """
        return _loaded(checkpoints.get(self._root, "captioner", captioner), _weight)

    def load(self, captioner: str) -> Describer:
        """Load a captioner. Raises `CheckpointError` for what is missing or broken; a later try starts afresh."""
        clip, diversity, checks = self._shared = self._shared or self._load_shared()
        card = checkpoints.get(self._root, "captioner", captioner)
        return Describer(pipeline.Models(clip, _captioner(card, clip), diversity, checks))

    def _load_shared(self) -> tuple[Clip, DiversityClassifier, Checks]:
        clip_card = checkpoints.get(self._root, "clip", CLIP)
        clip = _loaded(clip_card, Clip.load)
        diversity = _loaded(checkpoints.get(self._root, "diversity", DIVERSITY), DiversityClassifier.load)
        toxicity = checkpoints.get(self._root, "toxicity", TOXICITY)
        own = self._overrides.text if self._overrides else None
        texts = _loaded(toxicity, lambda folder: TextModeration.load(toxicity, own))
        foreign = _loaded(clip_card, ForeignDetector.load)
        return clip, diversity, Checks.of(clip, clip_card, texts, foreign, self._overrides)


def load_describer(root: Path, captioner: str = "mini", overrides: Overrides | None = None) -> Describer:
    """Load a captioner and what it stands on from `root`. Raises `CheckpointError` for what is missing or broken."""
    return Loader(root, overrides).load(captioner)


def _captioner(card: Card, clip: Clip) -> Captioner:
    if card.family not in FAMILIES:
        raise CheckpointError("checkpoint-family", checkpoint=card.id, family=card.family)
    return _loaded(card, lambda folder: FAMILIES[card.family](folder, card.max_photos, clip))


def _loaded(card: Card, load: Callable[[Path], Result]) -> Result:
    """What `load` makes of the card's folder; whatever is wrong with the files becomes one sentence."""
    try:
        return load(card.folder)
    except CheckpointError:
        raise
    # `tokenizers` raises bare exceptions, and broken JSON or weights fail in as many ways as libraries read them.
    except Exception as error:
        raise CheckpointError("checkpoint-broken", checkpoint=card.id) from error


def _weight(folder: Path) -> int:
    """Bytes of a folder's weights as 32-bit floats; reads the headers alone."""
    numbers = 0
    for path in folder.rglob("*.safetensors"):
        with safe_open(path, "np") as file:
            numbers += sum(math.prod(file.get_slice(name).get_shape()) for name in file.keys())  # noqa: SIM118
    return _FLOAT_BYTES * numbers
