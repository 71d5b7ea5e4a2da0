"""Requests of many users to one set of models: the event loop awaits, threads work.

All requests stand in one line, oldest first. A pool of two threads decodes the photos of the next ones, one thread
loads the captioners that they need, and one writes: always for the oldest request that is ready, and with it, as one
batch, for the next ones of the same captioner. So photos are decoded while the batch before is written, a load keeps
nobody waiting who does not need it, and a crowd around one captioner keeps nobody waiting for another.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import takewhile
from pathlib import Path
from time import monotonic
from typing import Protocol, TypeVar, TypeVarTuple, get_args

from inference.captioners.families import FAMILIES
from inference.checkpoints.registry import Card, list_cards, list_dependencies
from inference.errors import CheckpointError, InvalidInput
from inference.listing.types import Checked, Description, Numbers, Stage, Submission
from inference.listing.validation import validate_timed
from inference.serving.malloc import set_mmap_threshold
from inference.serving.model_cache import ModelCache

__all__ = ["Engine", "Model", "ModelSource", "Stage"]

_STAGES: tuple[Stage, ...] = get_args(Stage)
_MEGABYTE = 1024 * 1024
_CHECKERS = 2
_LEFT_OUT_S = 600

Result = TypeVar("Result")
Args = TypeVarTuple("Args")
OnProgress = Callable[[Stage], object]


class Model(Protocol):
    """A captioner in memory, with what it stands on."""

    def write(self, checked: Sequence[Checked], on_progress: OnProgress) -> list[Description]:
        """The description of each listing; `on_progress` hears of each stage before it begins. Called in a thread."""
        ...


class ModelSource(Protocol):
    """Where captioners come from. Called in one thread; whatever is wrong with a checkpoint is a `CheckpointError`."""

    def weigh(self, captioner: str) -> int:
        """Bytes that it will take in memory."""
        ...

    def load(self, captioner: str) -> Model:
        """The captioner, ready to write."""
        ...


@dataclass(slots=True, eq=False)
class _Request:
    """A submission on its way, and what its user awaits."""

    submission: Submission
    checkpoint: str
    numbers: Numbers
    seed: int
    on_progress: OnProgress
    answer: asyncio.Future[Description]
    checking: bool = False
    checked: Checked | None = None
    ready_at: float = 0.0
    told: int = -1

    def report(self, stage: Stage) -> None:
        """Say how far it is; what is done again after a failure is not said again."""
        if not self.answer.done() and _STAGES.index(stage) > self.told:
            self.told = _STAGES.index(stage)
            self.on_progress(stage)

    def end(self, result: Description | Exception) -> None:
        """Answer, unless nobody waits any more."""
        if self.answer.done():
            return
        if isinstance(result, Exception):
            self.answer.set_exception(result)
        else:
            self.answer.set_result(result)


@dataclass(slots=True, eq=False)
class _Load:
    """The captioner that comes next: it is weighed, waits for its room, and is loaded."""

    checkpoint: str
    room: asyncio.Future[None]
    size: int | None = None


class Engine:
    """Describes listings for many users. Everything is called in the thread of one event loop.

    root: the folder of checkpoints; max_batch: listings a batch; gather_s: how long an idle engine waits for others
    to share a batch; memory_mb: what the captioners' weights may take together (a single one may take more);
    thresholds: the owner's own of moderation (`inference/moderation/overrides.py`).
    """

    def __init__(
        self,
        root: Path,
        *,
        max_batch: int = 8,
        gather_s: float = 0.005,
        memory_mb: int = 1500,
        thresholds: Mapping[str, object] | None = None,
        models: ModelSource | None = None,
    ) -> None:
        self._root = root
        self._thresholds = thresholds or {}
        self._max_batch, self._gather_s = max_batch, gather_s
        self._models = models
        self._shelf: ModelCache[Model] = ModelCache(memory_mb * _MEGABYTE)
        self._line: list[_Request] = []  # oldest first; who is written for has left it
        self._starts: dict[str, asyncio.Future[None]] = {}
        self._load: _Load | None = None
        self._failed: dict[str, float] = {}  # captioner that is left out → since when
        self._suspected: set[str] = set()  # captioners that failed at the last listing that they were given
        self._writing: list[_Request] = []
        self._alarm: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False
        self._checkers = ThreadPoolExecutor(_CHECKERS, "check")
        self._loader = ThreadPoolExecutor(1, "load")
        self._writer = ThreadPoolExecutor(1, "write")

    async def start(self, checkpoint: str) -> None:
        """Load what serves first. Raises `CheckpointError` for what is missing or broken."""
        if checkpoint not in self._shelf:
            loaded = self._starts.setdefault(checkpoint, asyncio.get_running_loop().create_future())
            self._advance()
            await loaded

    async def close(self) -> None:
        """Take no more work, cancel what waits, let the batch that is being written end."""
        self._closed = True
        for start in self._starts.values():
            start.cancel()
        for request in self._line:
            request.answer.cancel()
        if self._load:
            self._load.room.cancel()
        while self._tasks:
            await asyncio.wait(self._tasks)
        for threads in (self._checkers, self._loader, self._writer):
            threads.shutdown()
        self._shelf.clear()

    def cards(self) -> list[Card]:
        """The cards of the captioners that can write now, by name.

        One that cannot be read, lacks a file or is of an unknown family is left out; so is, for a while or until it has
        written, one that could not be loaded, or failed to write twice in a row.
        """
        lately = monotonic() - _LEFT_OUT_S
        failed = {name for name, at in self._failed.items() if at > lately}
        found, _ = list_cards(self._root, "captioner") if self._root.is_dir() else ([], [])
        return [card for card in found if card.name not in failed and _is_whole(card)]

    async def describe(
        self,
        submission: Submission,
        checkpoint: str,
        *,
        numbers: Numbers = "values",
        seed: int = 0,
        on_progress: Callable[[Stage], None] | None = None,
        timeout_s: float = 120,
    ) -> Description:
        """Check and describe one submission; `on_progress` hears of each stage in turn, in the loop's thread.

        Raises `InvalidInput`, `CheckpointError`, `TimeoutError` after `timeout_s`, and `RuntimeError` from a closed
        engine. A caller who is cancelled leaves the line; closing the engine cancels those who wait.
        """
        if self._closed:
            raise RuntimeError("the engine is closed")
        answer: asyncio.Future[Description] = asyncio.get_running_loop().create_future()
        request = _Request(submission, checkpoint, numbers, seed, on_progress or (lambda stage: None), answer)
        async with asyncio.timeout(timeout_s):
            request.report("checking")
            self._line.append(request)
            self._advance()
            try:
                return await answer
            finally:
                self._leave(request)

    def _leave(self, request: _Request) -> None:
        with suppress(ValueError):  # it is being written for, or has been
            self._line.remove(request)
        self._advance()

    def _waiting(self) -> Iterator[_Request]:
        return (request for request in self._line if not request.answer.done())

    def _advance(self) -> None:
        """Begin whatever can begin. Called after every change."""
        if not self._closed:
            self._check_next()
            self._load_next()
            self._write_next()

    def _begin(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _check_next(self) -> None:
        """Have one batch of each captioner decoded ahead: photos are large, and an error is told early."""
        ahead: Counter[str] = Counter()
        for request in self._waiting():
            ahead[request.checkpoint] += 1
            if ahead[request.checkpoint] <= self._max_batch and not request.checking:
                request.checking = True
                self._begin(self._check(request))

    async def _check(self, request: _Request) -> None:
        try:
            checked = await self._in(self._checkers, validate_timed, request.submission)
        except Exception as error:  # noqa: BLE001 - it becomes the answer
            request.end(error)
            return
        if isinstance(checked, InvalidInput):
            request.end(checked)
        else:
            request.checked = replace(checked, numbers=request.numbers, seed=request.seed)
            request.ready_at = asyncio.get_running_loop().time()
            self._advance()

    def _load_next(self) -> None:
        """Load for the oldest request whose captioner is not in memory, once there is room."""
        wanted = [*self._starts, *(each.checkpoint for each in self._waiting() if each.checkpoint not in self._shelf)]
        load = self._load
        if load is None and wanted:
            self._load = _Load(wanted[0], asyncio.get_running_loop().create_future())
            self._begin(self._bring(self._load))
        elif load and load.size is not None and not load.room.done():
            if load.checkpoint not in wanted:
                load.room.cancel()
            elif self._shelf.make_room(load.size, self._needed_before(load.checkpoint)):
                load.room.set_result(None)

    def _needed_before(self, checkpoint: str) -> set[str]:
        """What is in use, and what those need who came before the first who needs this captioner."""
        older = takewhile(lambda request: request.checkpoint != checkpoint, self._waiting())
        return {request.checkpoint for request in older} | {request.checkpoint for request in self._writing}

    async def _bring(self, load: _Load) -> None:
        try:
            load.size = await self._in(self._loader, self._weigh, load.checkpoint)
            self._advance()
            await load.room
            self._shelf.put(load.checkpoint, *await self._in(self._loader, self._fetch, load.checkpoint))
            self._settle(load.checkpoint)
        except Exception as error:  # noqa: BLE001 - goes to those who asked for it; the next who asks tries again
            self._settle(load.checkpoint, error)
        finally:
            self._load = None
            self._advance()

    def _settle(self, checkpoint: str, error: Exception | None = None) -> None:
        """End the waiting for a captioner; one with an error is left out, until it has written or has had its time."""
        start = self._starts.pop(checkpoint, None)
        if start and not start.done():
            start.set_exception(error) if error else start.set_result(None)
        if error:
            self._failed[checkpoint] = monotonic()
            for request in (*self._line, *self._writing):
                if request.checkpoint == checkpoint:
                    request.end(error)

    def _write_next(self) -> None:
        """Write for the oldest request that is ready, and for the next ones of its captioner."""
        ready = [request for request in self._waiting() if request.checked and request.checkpoint in self._shelf]
        if self._writing or not ready:
            return
        batch = [request for request in ready if request.checkpoint == ready[0].checkpoint][: self._max_batch]
        full_at = ready[0].ready_at + self._gather_s
        if len(batch) < self._max_batch and asyncio.get_running_loop().time() < full_at:
            self._wake_at(full_at)
            return
        for request in batch:
            self._line.remove(request)
        self._writing = batch
        self._begin(self._write_all(batch))

    def _wake_at(self, time: float) -> None:
        if self._alarm:
            self._alarm.cancel()
        self._alarm = asyncio.get_running_loop().call_at(time, self._advance)

    async def _write_all(self, batch: list[_Request]) -> None:
        try:
            await self._write(self._shelf.take(batch[0].checkpoint), batch)
        finally:
            self._writing = []
            self._advance()

    async def _write(self, model: Model, batch: list[_Request]) -> None:
        """Answer a batch; one that fails is taken apart, so that one bad listing harms nobody else.

        Two in a row at which the captioner itself fails are the captioner's fault (`_fail`).
        """
        checked = [request.checked for request in batch if request.checked]
        try:
            results = await self._in(self._writer, model.write, checked, self._teller(batch))
        except Exception as error:  # noqa: BLE001 - it becomes the answer
            if len(batch) == 1:
                self._fail(batch[0], error)
                return
            for request in batch:
                if not request.answer.done():
                    await self._write(model, [request])
            return
        for request, result in zip(batch, results, strict=True):
            request.end(result)
            if result.draft is not None:  # it was not refused before it was written
                self._suspected.discard(request.checkpoint)
                self._failed.pop(request.checkpoint, None)

    def _fail(self, request: _Request, error: Exception) -> None:
        """Answer with an error; a captioner that fails twice in a row is dropped, who waits for it gets the same."""
        request.end(error)
        if not isinstance(error, CheckpointError):
            return
        if request.checkpoint in self._suspected:
            self._shelf.drop(request.checkpoint)
            self._settle(request.checkpoint, error)
        self._suspected.add(request.checkpoint)

    def _teller(self, batch: list[_Request]) -> OnProgress:
        loop = asyncio.get_running_loop()

        def on_progress(stage: Stage) -> None:
            for request in batch:
                loop.call_soon_threadsafe(request.report, stage)

        return on_progress

    @staticmethod
    async def _in(threads: ThreadPoolExecutor, work: Callable[[*Args], Result], *args: *Args) -> Result:
        return await asyncio.get_running_loop().run_in_executor(threads, work, *args)

    # In the thread that loads:

    def _source(self) -> ModelSource:
        if self._models is None:
            set_mmap_threshold()
            from inference.moderation.overrides import Overrides
            from inference.serving.loader import Loader  # torch: takes seconds

            self._models = Loader(self._root, Overrides.read(self._thresholds))
        return self._models

    def _weigh(self, captioner: str) -> int:
        return self._source().weigh(captioner)

    def _fetch(self, captioner: str) -> tuple[Model, int]:
        """The captioner and its size, weighed again: since room was made for it, its numbers may be wider."""
        source = self._source()
        size = source.weigh(captioner)
        return source.load(captioner), size


def _is_whole(card: Card) -> bool:
    """Whether its code and its files are there; whether they are what the card says is seen when it is loaded."""
    if card.family not in FAMILIES or not card.has_files:  # most public models wait: their requirements are not read
        return False
    try:
        cards = [card, *list_dependencies(card)]
    except CheckpointError:
        return False
    files = [each.folder / name for each in cards for name in each.files]
    return all(each.has_files for each in cards) and all(file.is_file() for file in files)
