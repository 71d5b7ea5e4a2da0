"""Check that a checkpoint works, with one forward pass on a grey photo and a few words."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

import torch
from PIL import Image
from torch import Tensor
from torch.nn.modules.module import register_module_forward_hook

from inference.captioners.base import Prompt, get_family
from inference.captioners.families import FAMILIES
from inference.captioners.generation.settings import GenerationSettings
from inference.checkpoints import registry, weights
from inference.checkpoints.card import Card
from inference.checkpoints.convert import find_broken_file
from inference.checkpoints.detect import detect_architecture, read_model_type
from inference.clip.dual_encoder import Clip
from inference.diversity import DiversityClassifier
from inference.errors import CheckpointError, UnfitWeights, first_line
from inference.facts.photos import PhotoClassifier
from inference.moderation.texts import ToxicityClassifier
from inference.serving.loader import CLIP, Loader, load_folder

_TEXT = "Название: куртка"
# In two languages, because some encoders know only one; of equal length, because an encoder that maps every letter to
# the unknown token distinguishes lengths.
_DIFFERENT_TEXTS = ("куртка, a shirt", "платье, a skirt")
_TOLERANCE: Final = 1e-5  # larger than the differences of one text's embeddings between the rows of a batch
_MIN_NEW_TOKENS: Final = 16  # a text that ends at once would test no decoding


def run_smoke_test(root: Path, card: Card) -> None:
    """Load the checkpoint and run it. Raises `CheckpointError` when it does not work."""
    try:
        with _raise_on_nan(card):
            _TESTS[card.kind](root, card)
        load_folder(card, weights.check_values)
    except UnfitWeights as error:
        raise _find_other_family(card) or error.name_checkpoint(card.id) from error
    except CheckpointError as error:
        if isinstance(error.__cause__, UnfitWeights):
            raise _find_other_family(card) or error from error
        if error.message.code != "checkpoint-broken":
            raise
        cause = error.__cause__ or error  # the error itself recommends this very test
        unfit = CheckpointError("checkpoint-unfit", checkpoint=card.id, reason=first_line(cause))
        raise _diagnose(card, cause) or unfit from error
    # Weights that do not fit their configuration fail in as many ways as models compute.
    except Exception as error:
        unusable = CheckpointError("checkpoint-unusable", checkpoint=card.id, reason=first_line(error))
        raise _diagnose(card, error) or unusable from error


def _diagnose(card: Card, error: BaseException) -> CheckpointError | None:
    """Return an error that names the likeliest cause, or None."""
    if other := _find_other_family(card):
        return other
    if isinstance(error, FileNotFoundError):
        name = Path(str(error.filename or error)).name
        return CheckpointError("checkpoint-file-missing", checkpoint=card.id, file=name)
    if broken := find_broken_file(card.folder, error):
        return CheckpointError("import-file-broken", file=str(broken))
    return None


def _find_other_family(card: Card) -> CheckpointError | None:
    """Return the error for a card with another family than its `config.json`, or None."""
    detected = detect_architecture(card.folder)
    family = detected.family if detected else read_model_type(card.folder)
    if family in FAMILIES and family != card.family:
        return CheckpointError("checkpoint-family-other", checkpoint=card.id, given=card.family, family=family)
    return None


@contextmanager
def _raise_on_nan(card: Card) -> Iterator[None]:
    """Raise `CheckpointError` when a layer in the block returns NaN, which can still decode to plausible text."""

    def check(module: object, inputs: object, output: object) -> None:
        if isinstance(output, Tensor) and output.isnan().any():
            load_folder(card, weights.check_values)  # names the tensor if the file has a NaN
            raise CheckpointError("checkpoint-nan", checkpoint=card.id)

    hook = register_module_forward_hook(check)
    try:
        yield
    finally:
        hook.remove()


def _test_captioner(root: Path, card: Card) -> None:
    own = GenerationSettings.from_card(card)
    has_generation = get_family(card).has_generation
    overrides = {"min_new_tokens": min(_MIN_NEW_TOKENS, own.max_new_tokens)} if has_generation else {}
    steady = replace(card, generation={**card.generation, **overrides})
    text = _write(root, steady)
    if not text.strip():
        raise CheckpointError("checkpoint-silent", checkpoint=card.id)
    if text != _write(root, steady):  # loaded twice: numbers that are in no file differ
        raise CheckpointError("checkpoint-unsteady", checkpoint=card.id)


def _write(root: Path, card: Card) -> str:
    """Load a captioner and return its text for the grey photo, with seed 0."""
    captioner, clip = Loader(root).load_alone(card)
    photos = (_create_photo(),)
    (text,) = captioner.generate([Prompt(photos, clip.encode_images(photos), _TEXT, "<SINGLE>")])
    return text


def _test_clip(root: Path, card: Card) -> None:
    clip = Clip.load(card.folder)
    clip.encode_images([_create_photo()])
    first, second = clip.encode_texts(_DIFFERENT_TEXTS).embeddings
    if torch.allclose(first, second, rtol=0, atol=_TOLERANCE):
        raise CheckpointError("checkpoint-alike", checkpoint=card.id)


def _test_diversity(root: Path, card: Card) -> None:
    clip = Clip.load(registry.get_card(root, "clip", CLIP).folder)
    DiversityClassifier.load(card).score(clip.encode_images([_create_photo()]))


_TESTS: Mapping[str, Callable[[Path, Card], object]] = {
    "captioner": _test_captioner,
    "clip": _test_clip,
    "toxicity": lambda root, card: ToxicityClassifier.load(card).predict_risks([_TEXT]),
    "diversity": _test_diversity,
    "facts": lambda root, card: PhotoClassifier.load(card).predict([_create_photo()]),
}


def _create_photo() -> Image.Image:
    return Image.new("RGB", (64, 64), "grey")
