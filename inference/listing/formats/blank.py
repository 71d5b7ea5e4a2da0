"""Tell a picture that shows nothing from all others."""

from __future__ import annotations

from typing import Final

import numpy as np
from PIL import Image

# A blank picture in 32 × 32 cells: noise is averaged, and shades are spread over many cells. Of 2,600 photos of things
# none has a largest step of less than 26 levels between neighbours.
_CELLS: Final = 32
_MAX_BLANK_STEP: Final = 12


def is_blank(picture: Image.Image) -> bool:
    """Return whether an RGB picture shows nothing: one colour, with noise or soft shades at most."""
    cells = np.asarray(picture.resize((_CELLS, _CELLS), Image.Resampling.BOX), np.int16)
    steps = (np.abs(np.diff(cells, axis=axis)).max() for axis in (0, 1))
    return bool(max(steps) <= _MAX_BLANK_STEP)
