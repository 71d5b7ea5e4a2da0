"""Make glibc return freed memory to the operating system."""

from __future__ import annotations

import ctypes
from typing import Final

# Parameters of glibc's `mallopt`.
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8
_LARGE: Final = 4 * 1024 * 1024  # bytes


def set_mmap_threshold() -> None:
    """Return blocks of 4 MB and more to the system when they are freed, and let all threads share two heaps.

    By default glibc raises its threshold with every large block and keeps them: after some batches that is as much
    memory again as the models take. With another C library this does nothing.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_MMAP_THRESHOLD, _LARGE)
        mallopt(_TRIM_THRESHOLD, _LARGE)
        mallopt(_ARENA_MAX, 2)
