"""Captioners: what they read, what they promise, and which code loads which family of checkpoints."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from PIL import Image

from inference.clip import Clip, PhotoViews
from inference.listing import DiversityToken


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a captioner reads of one listing.

    views: what the dual encoder saw in the images, for families that read it instead of the pixels;
    masked: the attributes with tokens for numbers, empty where there are none; seed: makes the text repeatable.
    """

    images: tuple[Image.Image, ...]
    views: PhotoViews
    masked: str
    token: DiversityToken
    mask_tokens: frozenset[str] = field(default_factory=frozenset)
    seed: int = 0


class Captioner(Protocol):
    """Writes drafts: texts whose numbers are mask tokens."""

    name: str
    max_photos: int

    def generate(self, prompts: Sequence[Prompt]) -> list[str]:
        """One draft a prompt, always as a batch; a draft does not depend on the other prompts."""
        ...


def _load_prefix(folder: Path, max_photos: int, clip: Clip) -> Captioner:
    from inference.captioners.prefix import PrefixCaptioner

    return PrefixCaptioner.load(folder, max_photos, clip)


FAMILIES: dict[str, Callable[[Path, int, Clip], Captioner]] = {"prefix": _load_prefix}
