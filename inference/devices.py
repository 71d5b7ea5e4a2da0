"""Where a captioner's weights live and how wide their numbers are."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil
import torch

_WIDTHS: Final = {torch.float32: 4, torch.bfloat16: 2, torch.float16: 2}


# What a container may take, and what it has taken (cgroup v2); there is no such file outside of one.
_ALLOWED: Final = Path("/sys/fs/cgroup/memory.max")
_TAKEN: Final = Path("/sys/fs/cgroup/memory.current")


@dataclass(frozen=True, slots=True)
class Device:
    """A place for weights: its name as torch writes it, the type of its numbers, its bytes that are free and in all."""

    name: str
    dtype: torch.dtype
    free: int
    total: int

    @property
    def width(self) -> int:
        """Bytes of one number."""
        return _WIDTHS[self.dtype]


def choose(numbers: int, dtype: str = "") -> Device:
    """The place for so many numbers; `dtype` is what the card asks for, as torch names it.

    CUDA computes in bfloat16, Apple's GPU in float16. A CPU computes in float32 where that fits into the free memory,
    else in bfloat16: half the memory, slower on most processors.
    """
    asked: torch.dtype | None = getattr(torch, dtype) if dtype else None
    if torch.cuda.is_available():
        return Device("cuda", asked or torch.bfloat16, *torch.cuda.mem_get_info())
    free, total = _memory()
    if torch.backends.mps.is_available():
        return Device("mps", asked or torch.float16, free, total)
    fits = numbers * _WIDTHS[torch.float32] < free
    return Device("cpu", asked or (torch.float32 if fits else torch.bfloat16), free, total)


def _memory() -> tuple[int, int]:
    """Bytes of main memory that are free and in all, for this machine or for the container on it."""
    machine = psutil.virtual_memory()
    free, total = machine.available, machine.total
    with suppress(OSError, ValueError):  # no container, or one without a limit: «max»
        allowed = int(_ALLOWED.read_text())
        free, total = min(free, allowed - int(_TAKEN.read_text())), min(total, allowed)
    return free, total
