"""How the process gives memory back to the system."""

from __future__ import annotations

import ctypes
from typing import Final

# Parameters of glibc's `mallopt`.
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8
_LARGE: Final = 4 * 1024 * 1024


def set_mmap_threshold() -> None:
    """Have blocks of 4 MB and more returned when they are freed, and threads share two heaps.

    Left to itself, glibc keeps ever larger blocks for later: after some batches that is as much again as the models
    take. Where the C library is another one, nothing is done.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_MMAP_THRESHOLD, _LARGE)
        mallopt(_TRIM_THRESHOLD, _LARGE)
        mallopt(_ARENA_MAX, 2)
