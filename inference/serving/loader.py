"""From checkpoint folders to something that describes: one sentence for whatever is wrong with the files."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar
from weakref import WeakValueDictionary

from inference import devices, pipeline
from inference.captioners import base
from inference.captioners.base import Captioner, LoadContext
from inference.checkpoints import registry, weights
from inference.checkpoints.registry import Card
from inference.clip.dual_encoder import Clip
from inference.devices import Device
from inference.diversity import DiversityClassifier
from inference.errors import CheckpointError, InvalidInput
from inference.listing.types import Checked, Description, Numbers, Stage
from inference.moderation.checks import Checks
from inference.moderation.out_of_domain import OutOfDomainDetector
from inference.moderation.overrides import Overrides
from inference.moderation.texts import TextModeration

CLIP = "mini"
DIVERSITY = "mini"
TOXICITY = "mini"

_FULL_WIDTH = 4  # bytes of a number where there is room
_WORDS = ("embed", "lm_head")  # in the names of matrices that read words and write them

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

    def write(self, checked: Sequence[Checked], on_progress: Callable[[Stage], object]) -> list[Description]:
        """The description of each listing with its own seed; `on_progress` hears of each stage before it begins."""
        results = pipeline.describe(checked, self.models, on_progress)
        return [result for result in results if isinstance(result, Description)]


class Loader:
    """Loads captioners; what all of them stand on is loaded with the first and shared by the others.

    overrides: the owner's own thresholds of moderation.
    """

    def __init__(self, root: Path, overrides: Overrides | None = None) -> None:
        self._root = root
        self._overrides = overrides
        self._shared: tuple[Clip, DiversityClassifier, Checks] | None = None
        # What somebody still uses is not loaded twice.
        self._captioners: WeakValueDictionary[str, Captioner] = WeakValueDictionary()
        self._clips: WeakValueDictionary[str, Clip] = WeakValueDictionary()

    def weigh(self, captioner: str) -> int:
        """Bytes that the captioner and what it requires will take in memory, known from the headers of their files.

        What all captioners share does not count. Raises `CheckpointError` for what is missing, broken or too large for
        this machine.
        """
        card = self._card("captioner", captioner)
        size = self._size(card)
        _check(card, size, _place(card).total)
        return size

    def load(self, captioner: str) -> Describer:
        """Load a captioner. Raises `CheckpointError` for what is missing or broken; a later try starts afresh."""
        clip, diversity, checks = self._shared = self._shared or self._load_shared()
        return Describer(pipeline.Models(clip, self._load_captioner(captioner, clip), diversity, checks))

    def load_alone(self, card: Card) -> tuple[Captioner, Clip]:
        """The captioner of a card whose files were compared already, and the dual encoder whose views it reads."""
        clip = self._load_clip(CLIP)
        return self._build(card, clip, _roomy_place(card)), clip

    def _load_captioner(self, name: str, clip: Clip) -> Captioner:
        """The captioner, or the one that is in use under that name."""
        card = self._card("captioner", name)
        captioner = self._captioners.get(card.id)
        if captioner is None:
            device = _roomy_place(card)  # before minutes are spent on reading all of a large file
            registry.check_hashes(card)
            captioner = self._build(card, clip, device)
        self._captioners[card.id] = captioner
        return captioner

    def _size(self, card: Card) -> int:
        size = _own_size(card, _place(card))
        for required in card.requires:
            kind, _, name = required.partition("/")
            if kind == "captioner":
                size += self._size(self._card(kind, name))
            elif kind == "clip" and name != CLIP:
                size += _own_size(self._card(kind, name), devices.cpu())
        return size

    def _build(self, card: Card, clip: Clip, device: Device) -> Captioner:
        context = LoadContext(
            clip,
            device,
            load_clip=lambda name: clip if name == clip.name else self._load_clip(name),
            load_captioner=lambda name: self._load_captioner(name, clip),
        )
        return _loaded(card, lambda folder: base.load_captioner(card, context))

    def _load_clip(self, name: str) -> Clip:
        """The dual encoder, or the one that is in use under that name; it computes on the processor."""
        card = self._card("clip", name)
        if card.id in self._clips:
            return self._clips[card.id]
        machine = devices.cpu()
        _check(card, _own_size(card, machine), machine.free)
        registry.check_hashes(card)
        self._clips[card.id] = clip = _loaded(card, Clip.load)
        return clip

    def _load_shared(self) -> tuple[Clip, DiversityClassifier, Checks]:
        clip_card = self._compared("clip", CLIP)
        clip = _loaded(clip_card, Clip.load)
        diversity = _loaded(self._compared("diversity", DIVERSITY), DiversityClassifier.load)
        toxicity = self._compared("toxicity", TOXICITY)
        own = self._overrides.text if self._overrides else None
        texts = _loaded(toxicity, lambda folder: TextModeration.load(toxicity, own))
        foreign = _loaded(clip_card, OutOfDomainDetector.load)
        return clip, diversity, Checks.of(clip, clip_card, texts, foreign, self._overrides)

    def _card(self, kind: str, name: str) -> Card:
        """The card of a checkpoint whose files are there."""
        card = registry.get_card(self._root, kind, name)
        registry.check_present(card)
        return card

    def _compared(self, kind: str, name: str) -> Card:
        """The card of a checkpoint whose files are what it says."""
        card = self._card(kind, name)
        registry.check_hashes(card)
        return card


def load_describer(root: Path, captioner: str = "mini", overrides: Overrides | None = None) -> Describer:
    """Load a captioner and what it stands on from `root`. Raises `CheckpointError` for what is missing or broken."""
    return Loader(root, overrides).load(captioner)


def _roomy_place(card: Card) -> Device:
    """Where the card's weights belong and have room now. Raises `CheckpointError` where they have none."""
    device = _place(card)
    _check(card, _own_size(card, device), device.free)
    return device


def _place(card: Card) -> Device:
    """Where the card's weights belong; where they would not fit as they should, memory is tidied up first."""
    numbers = _count(card)
    device = devices.choose(numbers, card.dtype)
    if devices.needed(numbers * _FULL_WIDTH) > device.free:
        devices.tidy()
        device = devices.choose(numbers, card.dtype)
    return device


def _own_size(card: Card, device: Device) -> int:
    """Bytes of the card's own weights there at their most, known before anything is loaded."""
    numbers, bits = _count(card), card.settings.get("bits")
    if isinstance(bits, int) and bits and device.quantises:
        layers = _loaded(card, _in_layers)
        return layers * bits // 8 + (numbers - layers) * device.width
    if device.name == "cuda":  # it is given what is narrow already
        return numbers * device.width
    return max(numbers * device.width, _published_size(card, numbers))


def _count(card: Card) -> int:
    """How many numbers the card's files hold. Raises `CheckpointError` for headers that cannot be read."""
    for name in card.adapters:
        try:
            weights.count(card.folder / name)
        except Exception as error:
            raise CheckpointError("adapter-unfit", checkpoint=card.id, adapter=name) from error
    return _loaded(card, weights.count)


def _in_layers(folder: Path) -> int:
    """How many numbers are in layers, which `bitsandbytes` quantises; words, head, norms and convolutions it does not.

    What only looks like words by its name counts among them.
    """
    return sum(
        math.prod(shape)
        for name, shape in weights.shapes(folder)
        if len(shape) == 2 and name.endswith(".weight") and not any(part in name for part in _WORDS)
    )


def _published_size(card: Card, numbers: int) -> int:
    """Bytes of weights that are read as they were published and only then become as narrow as the device's; else 0."""
    if card.family == "rudolph":  # which makes its halves wide for adapters
        return numbers * _FULL_WIDTH if card.adapters else 0
    return _loaded(card, weights.size) if card.adapters or card.family == "soft-prompt" else 0


def _check(card: Card, size: int, room: int) -> None:
    """Raises `CheckpointError` where weights of that size have no room."""
    if devices.needed(size) > room:
        needed, free = devices.needed(size) / 1e9, room / 1e9
        raise CheckpointError("memory-short", checkpoint=card.id, needed=needed, free=free)


def _loaded(card: Card, load: Callable[[Path], Result]) -> Result:
    """What `load` makes of the card's folder; whatever is wrong with the files becomes one sentence."""
    try:
        return load(card.folder)
    except CheckpointError:
        raise
    # `tokenizers` raises bare exceptions, and broken JSON or weights fail in as many ways as libraries read them.
    except Exception as error:
        registry.check_hashes(card)  # which names the file, where it is damaged
        raise CheckpointError("checkpoint-broken", checkpoint=card.id) from error
