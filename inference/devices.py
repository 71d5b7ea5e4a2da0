"""Where a captioner's weights live and how wide their numbers are."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import psutil
import torch

_WIDTHS: Final = {torch.float32: 4, torch.bfloat16: 2, torch.float16: 2}

# What a container may take, and what it has taken (cgroup v2); there is no such file outside of one.
_ALLOWED: Final = Path("/sys/fs/cgroup/memory.max")
_TAKEN: Final = Path("/sys/fs/cgroup/memory.current")
_TAKEN_BY: Final = Path("/sys/fs/cgroup/memory.stat")
# Files that were read and may be forgotten: taken, but given back when somebody needs the room.
_CACHES: Final = ("active_file", "inactive_file")

# What computing takes beside the weights, as a share of them.
_SPARE: Final = 1.25


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

    @property
    def quantises(self) -> bool:
        """Whether weights of 4 or 8 bits can be computed with here."""
        return self.name == "cuda" and find_spec("bitsandbytes") is not None


def choose(numbers: int, dtype: str = "") -> Device:
    """The place for so many numbers; `dtype` is what the card asks for, as torch names it.

    CUDA and Apple's GPU compute in bfloat16. A CPU computes in float32 where that fits into the free memory, else in
    bfloat16: half the memory, slower on most processors.
    """
    asked: torch.dtype | None = getattr(torch, dtype) if dtype else None
    if torch.cuda.is_available():
        return Device("cuda", asked or torch.bfloat16, *torch.cuda.mem_get_info())
    if torch.backends.mps.is_available():
        return replace(cpu(), name="mps", dtype=asked or torch.bfloat16)
    machine = cpu()
    if asked:
        return replace(machine, dtype=asked)
    fits = needed(numbers * machine.width) < machine.free
    return machine if fits else replace(machine, dtype=torch.bfloat16)


def cpu() -> Device:
    """The processor and its memory, in float32."""
    free, total = _memory()
    return Device("cpu", torch.float32, free, total)


def needed(size: int) -> int:
    """Bytes that weights of `size` bytes need, with what computing takes."""
    return int(_SPARE * size)


def tidy() -> None:
    """Give back what nothing refers to any more: models in circles of references, blocks that torch keeps for later."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _memory() -> tuple[int, int]:
    """Bytes of main memory that are free and in all, for this machine or for the container on it."""
    machine = psutil.virtual_memory()
    free, total = machine.available, machine.total
    with suppress(OSError, ValueError):  # no container, or one without a limit: «max»
        allowed = int(_ALLOWED.read_text())
        taken = int(_TAKEN.read_text()) - sum(_cached())
        free, total = min(free, allowed - taken), min(total, allowed)
    return free, total


def _cached() -> Iterator[int]:
    """Bytes of each kind of file cache that a container has taken."""
    for line in _TAKEN_BY.read_text().splitlines():
        name, _, size = line.partition(" ")
        if name in _CACHES:
            yield int(size)
