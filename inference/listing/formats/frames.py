"""Select one frame of an animation."""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import islice
from typing import Final

from PIL import Image

MAX_FRAMES: Final = 64
MAX_FRAMES_MEGAPIXELS: Final = 32

_MEGA: Final = 1_000_000


def select_frame(frames: Iterable[Image.Image], size: tuple[int, int]) -> Image.Image:
    """Return the frame with the largest entropy of grey levels (the first of equals), so that no blank frame wins.

    size: (width, height) of a frame, px. Only the first `MAX_FRAMES` are compared, fewer when they are large
    (`MAX_FRAMES_MEGAPIXELS` in total). Raises `ValueError` when there is no frame.
    """
    limit = max(1, MAX_FRAMES_MEGAPIXELS * _MEGA // math.prod(size))
    return max(islice(frames, min(MAX_FRAMES, limit)), key=lambda frame: frame.convert("L").entropy())
