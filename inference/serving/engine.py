"""Serve the requests of many users with one set of models: the event loop awaits, threads work.

All requests wait in one queue, oldest first. Two threads validate the next ones, one thread loads the captioners that
they need (`load_worker`), and one runs the pipeline: always for the oldest request that is ready, batched with the next
ones of the same captioner. So photos are decoded while the previous batch runs, a load delays only the requests that
need it, and many requests for one captioner do not delay a request for another.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import get_args

from inference.captioners.families import FAMILIES
from inference.checkpoints.card import Card
from inference.checkpoints.registry import list_cards, list_dependencies
from inference.errors import CheckpointError
from inference.listing.job import Job
from inference.listing.types import Description, Numbers, OnProgress, Stage, Submission
from inference.listing.validation import build_job
from inference.serving.load_worker import BatchDescriber, DescriberLoader, LoadWorker
from inference.serving.malloc import set_mmap_threshold

_STAGES: tuple[Stage, ...] = get_args(Stage)
_MEGABYTE = 1024 * 1024
_VALIDATORS = 2  # threads


@dataclass(slots=True, eq=False)
class _Request:
    """A submission in the queue, to be validated by `build_job`, and the future that its caller awaits."""

    build_job: Callable[[], Job]
    checkpoint: str
    on_progress: OnProgress
    result: asyncio.Future[Description]
    is_validating: bool = False
    job: Job | None = None
    ready_at: float = 0.0
    last_stage: int = -1

    def report(self, stage: Stage) -> None:
        """Report a stage once, also when a failed batch is retried."""
        if not self.result.done() and _STAGES.index(stage) > self.last_stage:
            self.last_stage = _STAGES.index(stage)
            self.on_progress(stage)

    def resolve(self, result: Description | Exception) -> None:
        """Set the result, unless the caller has left."""
        if self.result.done():
            return
        if isinstance(result, Exception):
            self.result.set_exception(result)
        else:
            self.result.set_result(result)


class Engine:
    """Describes submissions of many users. Every method is called in the thread of one event loop.

    root: folder of checkpoints.
    max_batch: listings per batch.
    gather_s: seconds that an idle engine waits for more requests to share a batch.
    memory_mb: MiB for the weights of all captioners together; a single captioner may be larger.
    thresholds: of moderation, set by the operator (`inference/moderation/overrides.py`).
    """

    def __init__(
        self,
        root: Path,
        *,
        max_batch: int = 8,
        gather_s: float = 0.005,
        memory_mb: int = 1500,
        thresholds: Mapping[str, object] | None = None,
        loader: DescriberLoader | None = None,
    ) -> None:
        self._root = root
        self._max_batch, self._gather_s = max_batch, gather_s
        self._load_worker = LoadWorker(
            lambda: loader or _create_loader(root, thresholds or {}),
            memory_mb * _MEGABYTE,
            on_change=self._dispatch,
            on_failure=self._fail_waiting,
        )
        self._queue: list[_Request] = []  # oldest first, without the running batch
        self._batch: list[_Request] = []  # running
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_closed = False
        self._validators = ThreadPoolExecutor(_VALIDATORS, "validate")
        self._pipeline = ThreadPoolExecutor(1, "pipeline")

    async def start(self, checkpoint: str) -> None:
        """Load a captioner before the first request. Raises `CheckpointError` when it is missing or broken."""
        await self._load_worker.preload(checkpoint)

    async def close(self) -> None:
        """Take no more requests, cancel those that wait, and let the running batch finish."""
        self._is_closed = True
        for request in self._queue:
            request.result.cancel()
        await self._load_worker.close()
        while self._tasks:
            await asyncio.wait(self._tasks)
        self._validators.shutdown()
        self._pipeline.shutdown()

    def list_cards(self) -> list[Card]:
        """Return the cards of the captioners that can serve now, by name.

        Omitted are captioners with an unreadable card, missing files or an unknown family, and those that failed to
        load or failed twice in a row, until some time has passed or they have generated a text.
        """
        failed = self._load_worker.list_failed()
        cards, _ = list_cards(self._root, "captioner") if self._root.is_dir() else ([], [])
        return [card for card in cards if card.name not in failed and _is_complete(card)]

    async def describe(
        self,
        submission: Submission,
        checkpoint: str,
        *,
        numbers: Numbers = "values",
        seed: int = 0,
        item: str = "",
        only_facts: bool = False,
        accepts_warnings: bool = True,
        is_set: bool | None = None,
        on_progress: Callable[[Stage], None] | None = None,
        timeout_s: float = 120,
    ) -> Description:
        """Validate and describe one submission; `on_progress` is called with each stage, in the event loop's thread.

        item: the thing as the seller named it when asked. is_set: whether these are different things, as the seller
        said; None leaves it to the classifier. only_facts: return the facts without a text.
        accepts_warnings: False returns no text, with `needs_confirmation`, where moderation doubts the listing.

        Raises `InvalidInput`, `CheckpointError`, `TimeoutError` after `timeout_s` seconds, and `RuntimeError` when the
        engine is closed. Cancelling the caller removes its request; closing the engine cancels the waiting requests.
        """
        if self._is_closed:
            raise RuntimeError("the engine is closed")
        result: asyncio.Future[Description] = asyncio.get_running_loop().create_future()
        validate = partial(
            build_job,
            submission,
            numbers,
            seed,
            item,
            only_facts=only_facts,
            accepts_warnings=accepts_warnings,
            is_set=is_set,
        )
        request = _Request(validate, checkpoint, on_progress or (lambda stage: None), result)
        async with asyncio.timeout(timeout_s):
            request.report("checking")
            self._queue.append(request)
            self._dispatch()
            try:
                return await result
            finally:
                with suppress(ValueError):  # its batch has begun
                    self._queue.remove(request)
                self._dispatch()

    def _iter_waiting(self) -> Iterator[_Request]:
        return (request for request in self._queue if not request.result.done())

    def _dispatch(self) -> None:
        """Begin all work that can begin. Called after every change."""
        if not self._is_closed:
            self._validate_next()
            waiting = [request.checkpoint for request in self._iter_waiting()]
            self._load_worker.schedule(waiting, in_use={request.checkpoint for request in self._batch})
            self._run_next()

    def _spawn(self, coroutine: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _validate_next(self) -> None:
        """Validate one batch per captioner ahead: users learn of errors early, but decoded photos take much memory."""
        ahead: Counter[str] = Counter()
        for request in self._iter_waiting():
            ahead[request.checkpoint] += 1
            if ahead[request.checkpoint] <= self._max_batch and not request.is_validating:
                request.is_validating = True
                self._spawn(self._validate(request))

    async def _validate(self, request: _Request) -> None:
        loop = asyncio.get_running_loop()
        try:
            request.job = await loop.run_in_executor(self._validators, request.build_job)
        except Exception as error:  # noqa: BLE001 - becomes the result
            request.resolve(error)
            return
        request.ready_at = loop.time()
        self._dispatch()

    def _run_next(self) -> None:
        """Run a batch of the oldest request that is ready and the next ones of its captioner."""
        loaded = self._load_worker.cache
        ready = [request for request in self._iter_waiting() if request.job and request.checkpoint in loaded]
        if self._batch or not ready:
            return
        batch = [request for request in ready if request.checkpoint == ready[0].checkpoint][: self._max_batch]
        gather_until = ready[0].ready_at + self._gather_s
        if len(batch) < self._max_batch and asyncio.get_running_loop().time() < gather_until:
            if self._timer:
                self._timer.cancel()
            self._timer = asyncio.get_running_loop().call_at(gather_until, self._dispatch)
            return
        for request in batch:
            self._queue.remove(request)
        self._batch = batch
        self._spawn(self._run(loaded.get(batch[0].checkpoint), batch))

    async def _run(self, describer: BatchDescriber, batch: list[_Request]) -> None:
        try:
            await self._describe(describer, batch)
        finally:
            self._batch = []
            self._dispatch()

    async def _describe(self, describer: BatchDescriber, batch: list[_Request]) -> None:
        """Resolve the requests of a batch; retry a failed batch one by one, so that only the bad listing fails."""
        jobs = [request.job for request in batch if request.job]
        loop = asyncio.get_running_loop()

        def on_progress(stage: Stage) -> None:  # called in the pipeline's thread
            for request in batch:
                loop.call_soon_threadsafe(request.report, stage)

        try:
            results = await loop.run_in_executor(self._pipeline, describer.describe, jobs, on_progress)
        except Exception as error:  # noqa: BLE001 - becomes the result
            if len(batch) == 1:
                batch[0].resolve(error)
                if isinstance(error, CheckpointError):
                    self._load_worker.record_failure(batch[0].checkpoint, error)
                return
            for request in batch:
                if not request.result.done():
                    await self._describe(describer, [request])
            return
        for request, result in zip(batch, results, strict=True):
            request.resolve(result)
            if result.draft is not None:  # a listing that moderation rejected says nothing about the captioner
                self._load_worker.record_success(request.checkpoint)

    def _fail_waiting(self, checkpoint: str, error: Exception) -> None:
        """Resolve all requests for a captioner that cannot serve."""
        for request in (*self._queue, *self._batch):
            if request.checkpoint == checkpoint:
                request.resolve(error)


def _create_loader(root: Path, thresholds: Mapping[str, object]) -> DescriberLoader:
    set_mmap_threshold()
    from inference.moderation.overrides import Overrides
    from inference.serving.loader import Loader  # torch: takes seconds

    return Loader(root, Overrides.from_table(thresholds))


def _is_complete(card: Card) -> bool:
    """Return True when the code and all files are there; loading compares the files with the card."""
    if card.family not in FAMILIES or not card.has_files:  # most public models are not downloaded: skip their cards
        return False
    try:
        cards = [card, *list_dependencies(card)]
    except CheckpointError:
        return False
    files = [each.folder / name for each in cards for name in each.files]
    return all(each.has_files for each in cards) and all(file.is_file() for file in files)
