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
from inference.moderation.match import MatchRule

CLIP = "mini"
DIVERSITY = "mini"

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
    """Loads captioners; what all of them stand on is loaded with the first and shared by the others."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._shared: tuple[Clip, DiversityClassifier, MatchRule] | None = None

    def weigh(self, captioner: str) -> int:
        """Bytes that the captioner's own weights will take in memory, all of them as 32-bit floats.

        Raises `CheckpointError` for what is missing or broken.
        """
        return _loaded(checkpoints.get(self._root, "captioner", captioner), _weight)

    def load(self, captioner: str) -> Describer:
        """Load a captioner. Raises `CheckpointError` for what is missing or broken; a later try starts afresh."""
        clip, diversity, rule = self._shared = self._shared or self._load_shared()
        card = checkpoints.get(self._root, "captioner", captioner)
        return Describer(pipeline.Models(clip, _captioner(card, clip), diversity, rule))

    def _load_shared(self) -> tuple[Clip, DiversityClassifier, MatchRule]:
        clip_card = checkpoints.get(self._root, "clip", CLIP)
        clip = _loaded(clip_card, Clip.load)
        rule = MatchRule.of(clip_card)
        return clip, _loaded(checkpoints.get(self._root, "diversity", DIVERSITY), DiversityClassifier.load), rule


def load_describer(root: Path, captioner: str = "mini") -> Describer:
    """Load a captioner and what it stands on from `root`. Raises `CheckpointError` for what is missing or broken."""
    return Loader(root).load(captioner)


def _captioner(card: Card, clip: Clip) -> Captioner:
    if card.family not in FAMILIES:
        raise CheckpointError("checkpoint-family", checkpoint=card.id, family=card.family)
    return _loaded(card, lambda folder: FAMILIES[card.family](folder, card.max_photos, clip))


def _loaded(card: Card, load: Callable[[Path], Result]) -> Result:
    """What `load` makes of the card's folder; whatever is wrong with the files becomes one sentence."""
    try:
        return load(card.folder)
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
