"""Choose the device and dtype of a captioner's weights, and measure free memory."""

from __future__ import annotations

import gc
from contextlib import suppress
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import psutil
import torch

# Memory limit and usage of a container (cgroup v2); the files do not exist outside of one.
_CGROUP_LIMIT: Final = Path("/sys/fs/cgroup/memory.max")
_CGROUP_USAGE: Final = Path("/sys/fs/cgroup/memory.current")
_CGROUP_STAT: Final = Path("/sys/fs/cgroup/memory.stat")
# The file cache counts as used, but the kernel gives it back on demand.
_FILE_CACHES: Final = ("active_file ", "inactive_file ")

# Weights, activations and buffers together, relative to the weights.
_OVERHEAD: Final = 1.25


@dataclass(frozen=True, slots=True)
class Device:
    """A device for weights: its name in torch, the dtype of the weights, its free and its total memory in bytes."""

    name: str
    dtype: torch.dtype
    free: int
    total: int

    @property
    def itemsize(self) -> int:
        """Bytes per parameter."""
        return self.dtype.itemsize

    @property
    def can_quantize(self) -> bool:
        """True when weights of 4 or 8 bits can run on this device."""
        return self.name == "cuda" and find_spec("bitsandbytes") is not None


def choose_device(parameters: int, dtype: str = "") -> Device:
    """Return the device for a model with so many parameters; `dtype` overrides the choice, by its name in torch.

    CUDA and Apple GPUs use bfloat16. A CPU uses float32 when that fits into the free memory, else bfloat16: half the
    memory, but slower on most processors.
    """
    override: torch.dtype | None = getattr(torch, dtype) if dtype else None
    if torch.cuda.is_available():
        free, total = torch.cuda.mem_get_info()
        return Device("cuda", override or torch.bfloat16, free, total)
    cpu = get_cpu()
    if torch.backends.mps.is_available():
        return replace(cpu, name="mps", dtype=override or torch.bfloat16)
    if override:
        return replace(cpu, dtype=override)
    fits = estimate_memory(parameters * cpu.itemsize) < cpu.free
    return cpu if fits else replace(cpu, dtype=torch.bfloat16)


def get_cpu() -> Device:
    """Return the CPU with float32."""
    free, total = _measure_memory()
    return Device("cpu", torch.float32, free, total)


def estimate_memory(size: int) -> int:
    """Return the bytes that a model with `size` bytes of weights needs to run."""
    return int(_OVERHEAD * size)


def release_memory() -> None:
    """Free models in reference cycles and the blocks that torch caches on the GPU."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _measure_memory() -> tuple[int, int]:
    """Return the free and the total main memory in bytes, of the machine or of its container."""
    memory = psutil.virtual_memory()
    free, total = memory.available, memory.total
    with suppress(OSError, ValueError):  # no container, or one whose limit is "max"
        limit = int(_CGROUP_LIMIT.read_text())
        stats = _CGROUP_STAT.read_text().splitlines()
        cached = sum(int(line.split()[1]) for line in stats if line.startswith(_FILE_CACHES))
        used = int(_CGROUP_USAGE.read_text()) - cached
        free, total = min(free, limit - used), min(total, limit)
    return free, total
