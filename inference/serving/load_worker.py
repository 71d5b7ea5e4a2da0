"""Load captioners one at a time into a memory budget, evict idle ones, and remember which failed.

It knows no requests: the engine passes the queue as names of captioners.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from itertools import takewhile
from time import monotonic
from typing import Protocol

from inference.listing.job import Job
from inference.listing.types import Description, OnProgress
from inference.serving.model_cache import ModelCache

_EXCLUDE_S = 600  # after a failure; time to repair the checkpoint


class BatchDescriber(Protocol):
    """A captioner in memory, with the models that it needs."""

    def describe(self, jobs: Sequence[Job], on_progress: OnProgress) -> list[Description]:
        """Return the description of each job's listing. Runs in a thread."""


class DescriberLoader(Protocol):
    """Loads captioners. Runs in one thread; raises `CheckpointError` for anything wrong with a checkpoint."""

    def estimate_bytes(self, captioner: str) -> int:
        """Return the bytes that the captioner will take in memory."""

    def load(self, captioner: str) -> BatchDescriber:
        """Load the captioner."""


@dataclass(slots=True, eq=False)
class _Load:
    """A load in progress: estimate its size, wait until that fits, load. `fits` is set when it does."""

    captioner: str
    fits: asyncio.Future[None]
    size: int | None = None


class LoadWorker:
    """Loads captioners into `cache`. Every method is called in the thread of one event loop.

    open_loader: called once, in the loading thread, because importing torch takes seconds.
    max_bytes: of all captioners' weights together; a single captioner may be larger.
    on_change: called after every change that may let a load or a batch begin.
    on_failure: called with a captioner that cannot serve, and the reason.
    """

    def __init__(
        self,
        open_loader: Callable[[], DescriberLoader],
        max_bytes: int,
        *,
        on_change: Callable[[], None],
        on_failure: Callable[[str, Exception], None],
    ) -> None:
        self.cache: ModelCache[BatchDescriber] = ModelCache(max_bytes)
        self._get_loader = cache(open_loader)
        self._on_change, self._on_failure = on_change, on_failure
        self._preloads: dict[str, asyncio.Future[None]] = {}
        self._load: _Load | None = None
        self._task: asyncio.Task[None] | None = None
        self._failed_at: dict[str, float] = {}  # captioner → time of `monotonic`
        self._suspects: set[str] = set()  # captioners that failed on the last listing that they got
        self._executor = ThreadPoolExecutor(1, "load")

    async def preload(self, captioner: str) -> None:
        """Load a captioner before any request needs it. Raises `CheckpointError`."""
        if captioner not in self.cache:
            loaded = self._preloads.setdefault(captioner, asyncio.get_running_loop().create_future())
            self._on_change()
            await loaded

    def schedule(self, queue: Sequence[str], in_use: Collection[str]) -> None:
        """Load the first captioner of the queue that is not in memory, as soon as it fits.

        queue: captioners of the waiting requests, oldest first; in_use: captioners that are running, never evicted.
        """
        missing = [*self._preloads, *(captioner for captioner in queue if captioner not in self.cache)]
        load = self._load
        if load is None and missing:
            loop = asyncio.get_running_loop()
            self._load = _Load(missing[0], loop.create_future())
            self._task = loop.create_task(self._run(self._load))
        elif load and load.size is not None and not load.fits.done():
            older = takewhile(lambda captioner: captioner != load.captioner, queue)
            if load.captioner not in missing:
                load.fits.cancel()
            elif self.cache.evict_for(load.size, {*older, *in_use}):
                load.fits.set_result(None)

    def list_failed(self) -> set[str]:
        """Return the captioners that failed lately and have generated nothing since."""
        since = monotonic() - _EXCLUDE_S
        return {captioner for captioner, time in self._failed_at.items() if time > since}

    def record_success(self, captioner: str) -> None:
        """Forget the failures of a captioner that has generated a text."""
        self._suspects.discard(captioner)
        self._failed_at.pop(captioner, None)

    def record_failure(self, captioner: str, error: Exception) -> None:
        """Evict a captioner that failed twice in a row; the first failure may be the listing's fault."""
        if captioner in self._suspects:
            self.cache.evict(captioner)
            self._finish(captioner, error)
        self._suspects.add(captioner)

    async def close(self) -> None:
        """Cancel the loads that have not begun, wait for a running one, and free all models."""
        for loaded in self._preloads.values():
            loaded.cancel()
        if self._load:
            self._load.fits.cancel()
        if self._task:
            await asyncio.wait({self._task})
        self._executor.shutdown()
        self.cache.clear()

    async def _run(self, load: _Load) -> None:
        loop = asyncio.get_running_loop()
        try:
            load.size = await loop.run_in_executor(self._executor, self._estimate_bytes, load.captioner)
            self._on_change()
            await load.fits
            model, size = await loop.run_in_executor(self._executor, self._load_model, load.captioner)
            self.cache.put(load.captioner, model, size)
            self._finish(load.captioner)
        except Exception as error:  # noqa: BLE001 - answers the requests that wait for it; the next request retries
            self._finish(load.captioner, error)
        finally:
            self._load = None
            self._on_change()

    def _finish(self, captioner: str, error: Exception | None = None) -> None:
        """Resolve the preload of a captioner, and report its failure if there is one."""
        loaded = self._preloads.pop(captioner, None)
        if loaded and not loaded.done():
            loaded.set_exception(error) if error else loaded.set_result(None)
        if error:
            self._failed_at[captioner] = monotonic()
            self._on_failure(captioner, error)

    # In the loading thread:

    def _estimate_bytes(self, captioner: str) -> int:
        return self._get_loader().estimate_bytes(captioner)

    def _load_model(self, captioner: str) -> tuple[BatchDescriber, int]:
        """Load the captioner and return it with its size, estimated again: evictions may allow a wider dtype now."""
        loader = self._get_loader()
        size = loader.estimate_bytes(captioner)
        return loader.load(captioner), size
