"""Load captioners and the models around them from checkpoint folders.

Anything wrong with the files becomes a `CheckpointError`, which names the checkpoint.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar
from weakref import WeakValueDictionary

from inference import devices, pipeline
from inference.captioners import base
from inference.captioners.base import Captioner, LoadContext
from inference.captioners.families import FAMILIES
from inference.captioners.generation.quiet import quiet_transformers
from inference.checkpoints import registry, weights
from inference.checkpoints.card import Card
from inference.checkpoints.convert import find_broken_file
from inference.clip.dual_encoder import Clip
from inference.devices import Device
from inference.diversity import DiversityClassifier
from inference.errors import CheckpointError, UnfitWeights
from inference.facts.photos import PhotoClassifier
from inference.listing.job import Job
from inference.listing.types import Description, OnProgress
from inference.moderation.checks import Checks
from inference.moderation.out_of_domain import OutOfDomainDetector
from inference.moderation.overrides import Overrides
from inference.moderation.texts import ToxicityClassifier

CLIP = "mini"
DIVERSITY = "mini"
FACTS = "mini"
TOXICITY = "mini"

_FLOAT32_BYTES = 4
_VOCABULARY_LAYERS = ("embed", "lm_head")  # parts of the names of embedding and output matrices

Result = TypeVar("Result")


class _Shared(NamedTuple):
    """The models that all captioners share, named as in `pipeline.Models`."""

    clip: Clip
    diversity: DiversityClassifier
    photo_classifier: PhotoClassifier
    checks: Checks


class Describer:
    """A loaded captioner with the models around it: the synchronous API of the pipeline."""

    def __init__(self, models: pipeline.Models) -> None:
        self.models = models

    def describe(self, jobs: Sequence[Job], on_progress: OnProgress = lambda stage: None) -> list[Description]:
        """Return the description of each job's listing, in order; `on_progress` is called with each stage in turn.

        Raises `CheckpointError` when the captioner fails.
        """
        return pipeline.describe(jobs, self.models, on_progress)


class Loader:
    """Loads captioners; the models that all of them need are loaded with the first and shared.

    overrides: thresholds of moderation set by the operator.
    """

    def __init__(self, root: Path, overrides: Overrides | None = None) -> None:
        self._root = root
        self._overrides = overrides
        self._shared: _Shared | None = None
        # Checkpoints that are still in use are not loaded twice.
        self._captioners: WeakValueDictionary[str, Captioner] = WeakValueDictionary()
        self._clips: WeakValueDictionary[str, Clip] = WeakValueDictionary()

    def estimate_bytes(self, captioner: str) -> int:
        """Return the bytes that a captioner and its dependencies take in memory, from the headers of their files.

        Models that all captioners share do not count. Raises `CheckpointError` for a checkpoint that is missing,
        broken or too large for this machine.
        """
        card = self._get_card("captioner", captioner)
        size = self._estimate_with_dependencies(card)
        _check_memory(card, size, _choose_device(card).total)
        return size

    def load(self, captioner: str) -> Describer:
        """Load a captioner. Raises `CheckpointError` for a missing or broken checkpoint; a later call tries again."""
        shared = self._shared = self._shared or self._load_shared()
        return Describer(pipeline.Models(captioner=self._load_captioner(captioner, shared.clip), **shared._asdict()))

    def load_alone(self, card: Card) -> tuple[Captioner, Clip]:
        """Load a captioner without comparing its files with the card, and the dual encoder that it gets features of."""
        clip, device = self._load_clip(CLIP), _choose_free_device(card)
        load_folder(card, weights.check_values)
        return self._build_captioner(card, clip, device), clip

    def _load_captioner(self, name: str, clip: Clip) -> Captioner:
        """Return the captioner that is in use under this name, or load it."""
        card = self._get_card("captioner", name)
        captioner = self._captioners.get(card.id)
        if captioner is None:
            device = _choose_free_device(card)  # first, because hashing a large file takes minutes
            check_files(card)
            captioner = self._build_captioner(card, clip, device)
        self._captioners[card.id] = captioner
        return captioner

    def _estimate_with_dependencies(self, card: Card) -> int:
        size = _estimate_weights(card, _choose_device(card))
        for dependency in card.requires:
            kind, _, name = dependency.partition("/")
            if kind == "captioner":
                size += self._estimate_with_dependencies(self._get_card(kind, name))
            elif kind == "clip" and name != CLIP:
                size += _estimate_weights(self._get_card(kind, name), devices.get_cpu())
        return size

    def _build_captioner(self, card: Card, clip: Clip, device: Device) -> Captioner:
        context = LoadContext(
            clip,
            device,
            load_clip=lambda name: clip if name == clip.name else self._load_clip(name),
            load_captioner=lambda name: self._load_captioner(name, clip),
        )
        return load_folder(card, lambda folder: base.load_captioner(card, context))

    def _load_clip(self, name: str) -> Clip:
        """Return the dual encoder that is in use under this name, or load it; it runs on the CPU."""
        card = self._get_card("clip", name)
        if card.id in self._clips:
            return self._clips[card.id]
        cpu = devices.get_cpu()
        _check_memory(card, _estimate_weights(card, cpu), cpu.free)
        check_files(card)
        self._clips[card.id] = clip = load_folder(card, Clip.load)
        return clip

    def _load_shared(self) -> _Shared:
        clip_card = self._get_verified_card("clip", CLIP)
        clip = load_folder(clip_card, Clip.load)
        albums = self._get_verified_card("diversity", DIVERSITY)
        diversity = load_folder(albums, lambda folder: DiversityClassifier.load(albums))
        facts = self._get_verified_card("facts", FACTS)
        photo_classifier = load_folder(facts, lambda folder: PhotoClassifier.load(facts))
        toxicity = self._get_verified_card("toxicity", TOXICITY)
        threshold = self._overrides.text if self._overrides else None
        classifier = load_folder(toxicity, lambda folder: ToxicityClassifier.load(toxicity, threshold))
        detector = load_folder(clip_card, OutOfDomainDetector.load)
        checks = Checks.build(clip, clip_card, classifier, detector, self._overrides)
        return _Shared(clip, diversity, photo_classifier, checks)

    def _get_card(self, kind: str, name: str) -> Card:
        """Return the card of a checkpoint whose files are present."""
        card = registry.get_card(self._root, kind, name)
        registry.check_installed(card)
        return card

    def _get_verified_card(self, kind: str, name: str) -> Card:
        """Return the card of a checkpoint whose files match its hashes."""
        card = self._get_card(kind, name)
        check_files(card)
        return card


def load_describer(root: Path, captioner: str = "mini", overrides: Overrides | None = None) -> Describer:
    """Load a captioner and the models around it. Raises `CheckpointError` for a missing or broken checkpoint."""
    return Loader(root, overrides).load(captioner)


def _choose_free_device(card: Card) -> Device:
    """Return the device for the card's weights. Raises `CheckpointError` when they do not fit into its free memory."""
    device = _choose_device(card)
    _check_memory(card, _estimate_weights(card, device), device.free)
    return device


def _choose_device(card: Card) -> Device:
    """Return the device for the card's weights; release unused memory first when float32 would not fit."""
    parameters = _count_parameters(card)
    device = devices.choose_device(parameters, card.dtype)
    if devices.estimate_memory(parameters * _FLOAT32_BYTES) > device.free:
        devices.release_memory()
        device = devices.choose_device(parameters, card.dtype)
    return device


def _estimate_weights(card: Card, device: Device) -> int:
    """Return the peak bytes of the card's own weights on a device, from the headers of its files."""
    parameters, bits = _count_parameters(card), card.settings.get("bits")
    if isinstance(bits, int) and bits and device.can_quantize:
        linear = load_folder(card, _count_linear_parameters)
        return linear * bits // 8 + (parameters - linear) * device.itemsize
    if device.name == "cuda":  # gets weights that are converted already
        return parameters * device.itemsize
    return max(parameters * device.itemsize, _estimate_published_weights(card, parameters))


def _count_parameters(card: Card) -> int:
    """Return the number of parameters in the card's files. Raises `CheckpointError` for unreadable headers."""
    for name in card.adapters:
        try:
            weights.count_parameters(card.folder / name)
        except Exception as error:
            raise CheckpointError("adapter-unfit", checkpoint=card.id, adapter=name) from error
    return load_folder(card, weights.count_parameters)


def _count_linear_parameters(folder: Path) -> int:
    """Return the number of parameters that `bitsandbytes` quantizes: linear layers without embeddings and head.

    A linear layer with a name like those of embeddings is counted among these.
    """
    return sum(
        math.prod(shape)
        for name, shape in weights.read_shapes(folder)
        if len(shape) == 2 and name.endswith(".weight") and not any(part in name for part in _VOCABULARY_LAYERS)
    )


def _estimate_published_weights(card: Card, parameters: int) -> int:
    """Return the bytes of weights that are loaded in their published dtype before they are converted; else 0."""
    family = FAMILIES.get(card.family)  # None for a dual encoder
    if family and card.adapters and family.merge_dtype == "float32":
        return parameters * _FLOAT32_BYTES
    is_published = bool(card.adapters) or (family is not None and family.loads_published_dtype)
    return load_folder(card, weights.compute_size) if is_published else 0


def _check_memory(card: Card, size: int, available: int) -> None:
    """Raise `CheckpointError` when weights of `size` bytes need more than the available bytes."""
    if devices.estimate_memory(size) > available:
        needed, free = devices.estimate_memory(size) / 1e9, available / 1e9
        raise CheckpointError("memory-short", checkpoint=card.id, needed=needed, free=free)


def check_files(card: Card) -> None:
    """Compare the card's files with its hashes, and look for NaN in its weights. Raises `CheckpointError`."""
    registry.check_hashes(card)
    load_folder(card, weights.check_values)


def load_folder(card: Card, load: Callable[[Path], Result]) -> Result:
    """Return what `load` makes of the card's folder. Raises `CheckpointError` for anything wrong with its files."""
    try:
        with quiet_transformers():
            return load(card.folder)
    except CheckpointError:
        raise
    except UnfitWeights as error:
        raise error.name_checkpoint(card.id) from error
    # `tokenizers` raises bare exceptions, and broken JSON or weights fail in as many ways as libraries read them.
    except Exception as error:
        registry.check_hashes(card)  # names the file if one is damaged
        if isinstance(error, FileNotFoundError) and error.args:
            name = Path(str(error.filename or error)).name
            raise CheckpointError("checkpoint-file-missing", checkpoint=card.id, file=name) from error
        if broken := find_broken_file(card.folder, error):
            raise CheckpointError("import-file-broken", file=str(broken)) from error
        raise CheckpointError("checkpoint-broken", checkpoint=card.id) from error
