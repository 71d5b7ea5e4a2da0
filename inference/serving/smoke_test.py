"""Whether a checkpoint works at all: one forward pass of any kind over a grey photo and a few words."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

import torch
from PIL import Image
from safetensors import SafetensorError
from torch import Tensor
from torch.nn.modules.module import register_module_forward_hook

from inference.captioners.base import Prompt
from inference.captioners.families import FAMILIES
from inference.captioners.generation.writer import Generation
from inference.checkpoints import registry
from inference.checkpoints.detect import architecture, model_type
from inference.checkpoints.registry import Card
from inference.clip.dual_encoder import Clip
from inference.diversity import DiversityClassifier
from inference.errors import CheckpointError, first_line
from inference.moderation.texts import ToxicityClassifier
from inference.serving.loader import CLIP, Loader

_TEXT = "Название: куртка"
# In two languages, as not every encoder reads both; of equal length, or one unknown token a letter would differ, too.
_APART = ("куртка, a shirt", "платье, a skirt")
_ALIKE: Final = 1e-5  # how little the same text's embeddings differ from row to row of a batch
_LEAST: Final = 16  # tokens to be written: a text that ends at once would say nothing of whether it can be written
# How torch, `transformers` and our own families say that weights are missing or of other shapes.
_MISFIT = re.compile(r"loading state_dict|ignore_mismatched_sizes|fit the configuration|weights are missing|lacks \[")


def run_smoke_test(root: Path, card: Card) -> None:
    """Load the checkpoint below `root` and use it once. Raises `CheckpointError` where it does not work."""
    try:
        with _only_numbers(card):
            _TRIALS[card.kind](root, card)
    except CheckpointError as error:
        if error.message.code != "checkpoint-broken":
            raise
        cause = error.__cause__ or error  # the error itself would send to what is being done here
        unfit = CheckpointError("checkpoint-unfit", checkpoint=card.id, reason=first_line(cause))
        raise _likely(card, cause) or unfit from error
    # Weights that do not fit their configuration fail in as many ways as models compute.
    except Exception as error:
        unusable = CheckpointError("checkpoint-unusable", checkpoint=card.id, reason=first_line(error))
        raise _likely(card, error) or unusable from error


def _likely(card: Card, error: BaseException) -> CheckpointError | None:
    """The likeliest causes in our own words; None for all others."""
    told = architecture(card.folder)
    family = told.family if told else model_type(card.folder)
    if family in FAMILIES and family != card.family:
        return CheckpointError("checkpoint-family-other", checkpoint=card.id, given=card.family, family=family)
    if isinstance(error, FileNotFoundError):
        name = Path(str(error.filename or error)).name
        return CheckpointError("checkpoint-file-missing", checkpoint=card.id, file=name)
    if isinstance(error, SafetensorError) or _MISFIT.search(str(error)):
        return CheckpointError("checkpoint-misfit", checkpoint=card.id)
    return None


@contextmanager
def _only_numbers(card: Card) -> Iterator[None]:
    """While it lasts, a layer that computes NaN raises: what is written of it may look like a text."""

    def check(module: object, inputs: object, output: object) -> None:
        if isinstance(output, Tensor) and output.isnan().any():
            raise CheckpointError("checkpoint-nan", checkpoint=card.id)

    hook = register_module_forward_hook(check)
    try:
        yield
    finally:
        hook.remove()


def _write(root: Path, card: Card) -> None:
    own = Generation.of(card)
    # The interrogator writes no tokens of its own and refuses to be told how.
    least = {} if card.family == "interrogator" else {"min_new_tokens": min(_LEAST, own.max_new_tokens)}
    captioner, clip = Loader(root).load_alone(replace(card, generation={**card.generation, **least}))
    photos = (_photo(),)
    (text,) = captioner.generate([Prompt(photos, clip.encode_images(photos), _TEXT, "<SINGLE>")])
    if not text.strip():
        raise CheckpointError("checkpoint-silent", checkpoint=card.id)


def _relate(root: Path, card: Card) -> None:
    clip = Clip.load(card.folder)
    clip.encode_images([_photo()])
    first, second = clip.encode_texts(_APART).embeddings
    if torch.allclose(first, second, rtol=0, atol=_ALIKE):
        raise CheckpointError("checkpoint-alike", checkpoint=card.id)


def _judge(root: Path, card: Card) -> None:
    ToxicityClassifier.load(card).predict_risks([_TEXT])


def _tell(root: Path, card: Card) -> None:
    clip = Clip.load(registry.get_card(root, "clip", CLIP).folder)
    DiversityClassifier.load(card.folder).score(clip.encode_images([_photo()]))


_TRIALS: Mapping[str, Callable[[Path, Card], None]] = {
    "captioner": _write,
    "clip": _relate,
    "toxicity": _judge,
    "diversity": _tell,
}


def _photo() -> Image.Image:
    return Image.new("RGB", (64, 64), "grey")
