"""Measurements of a process: the lag of its event loop and its memory."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from time import perf_counter

TICK_S = 0.001
PAGE_KB = os.sysconf("SC_PAGESIZE") // 1024


@asynccontextmanager
async def measure_lag() -> AsyncIterator[list[float]]:
    """Collect the seconds by which sleeps of a millisecond end late, while the block runs."""
    lags: list[float] = []

    async def tick() -> None:
        while True:
            start = perf_counter()
            await asyncio.sleep(TICK_S)
            lags.append(perf_counter() - start - TICK_S)

    ticker = asyncio.create_task(tick())
    yield lags
    ticker.cancel()


def resident_mb(process: int | str = "self") -> float:
    """Return the resident memory of a process, by default of this one, in MiB."""
    return int(Path(f"/proc/{process}/statm").read_text("ascii").split()[1]) * PAGE_KB / 1024
