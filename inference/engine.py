"""Requests of many users to one set of models: the event loop awaits, threads work."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from inference import checkpoints
from inference.checkpoints import Card
from inference.errors import InvalidInput
from inference.listing import Description, Numbers, Stage, Submission
from inference.validation import check

if TYPE_CHECKING:
    from inference.loading import Describer

__all__ = ["Engine", "Stage"]


class Engine:
    """Describes listings for many users at once. All methods are called in one event loop's thread.

    root: the folder of checkpoints; max_batch: listings a batch; gather_s: how long an idle engine waits for others
    to share the first batch; memory_mb: what the captioners' weights may take together.
    """

    def __init__(self, root: Path, *, max_batch: int = 8, gather_s: float = 0.005, memory_mb: int = 1500) -> None:
        self._root = root
        self._loaded: dict[str, Describer] = {}

    async def start(self, checkpoint: str) -> None:
        """Load what serves first. Raises `CheckpointError` for what is missing or broken."""
        await asyncio.to_thread(self._load, checkpoint)

    async def close(self) -> None:
        """Take no more work, let the running batch end, cancel what waits."""
        self._loaded.clear()

    def cards(self) -> list[Card]:
        """The cards of the captioners that there are now, by name."""
        return checkpoints.find(self._root, "captioner")

    async def describe(
        self,
        submission: Submission,
        checkpoint: str,
        *,
        numbers: Numbers = "values",
        seed: int = 0,
        tell: Callable[[Stage], None] | None = None,
        timeout_s: float = 120,
    ) -> Description:
        """Check and describe one submission; `tell` hears of each stage in turn, in the loop's thread.

        Raises `InvalidInput`, `CheckpointError`, or `TimeoutError` after `timeout_s`. Cancelling drops the listing.
        """
        loop = asyncio.get_running_loop()
        heard = tell or (lambda stage: None)
        async with asyncio.timeout(timeout_s):
            heard("checking")
            checked = await asyncio.to_thread(check, submission)
            if isinstance(checked, InvalidInput):
                raise checked
            describer = await asyncio.to_thread(self._load, checkpoint)
            asked = replace(checked, numbers=numbers, seed=seed)
            (result,) = await asyncio.to_thread(
                describer.write, [asked], lambda stage: loop.call_soon_threadsafe(heard, stage)
            )
            return result

    def _load(self, checkpoint: str) -> Describer:
        from inference.loading import load_describer  # torch: seconds, and in a thread

        if checkpoint not in self._loaded:
            self._loaded[checkpoint] = load_describer(self._root, checkpoint)
        return self._loaded[checkpoint]
