"""Carries requests out: takes them in turn, fetches the photos, lets the engine write, and hands the result over."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Collection, Coroutine, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final, Protocol, TypeAlias

from bot.conversation.chat import OpenUnitOfWork, Rules, UnitOfWork
from bot.conversation.draft import build_draft
from bot.conversation.notify import deliver, fail, refuse, replace_model, time_out
from bot.logs import new_id
from bot.telegram.downloads import Downloaded, Downloads
from bot.telegram.photo_store import PhotoStore
from bot.workers.concurrency import gather_all, retry_until_done
from bot.workers.progress import Progress
from bot.workers.signals import Signals
from inference.checkpoints.registry import Card
from inference.errors import CheckpointError, InvalidInput, UserError
from inference.listing.cases import load_submission
from inference.listing.types import Description, Stage, Submission
from locales.translate import translate
from storage.errors import StorageError
from storage.records import ListingRecord, Request
from storage.repositories.recovery import MAX_ATTEMPTS
from storage.store import Store, Transaction

logger = logging.getLogger(__name__)

Handler: TypeAlias = Callable[[UnitOfWork, Request], Awaitable[None]]

_ALONE: Final = 2  # broken off so often, a request is written alone: if it is what kills the process, it kills no other
_SHORT_S: Final = 2.0


class TextEngine(Protocol):
    """What writes texts: the engine."""

    def list_cards(self) -> list[Card]:
        """The captioners that there are."""
        ...

    def start(self, checkpoint: str) -> Coroutine[None, None, None]:
        """Load what serves first."""
        ...

    async def close(self) -> None:
        """Take no more work."""
        ...

    def describe(
        self,
        submission: Submission,
        checkpoint: str,
        *,
        seed: int = 0,
        on_progress: Callable[[Stage], None] | None = None,
        timeout_s: float = 120,
    ) -> Coroutine[None, None, Description]:
        """The text of one submission; `on_progress` hears of each stage in the loop's thread."""
        ...


@dataclass(eq=False, slots=True)
class _Work:
    """A request under way. `settling`: written, its answer is being stored."""

    request: Request
    task: asyncio.Task[None]
    begun_at: float = field(default_factory=time.monotonic)
    settling: bool = False


class GenerationWorker:
    """Keeps the engine busy with as many requests as it can take.

    slots: requests under way at once; folder: where photos are kept, when they are.
    """

    def __init__(
        self,
        store: Store,
        engine: TextEngine,
        downloads: Downloads,
        open_uow: OpenUnitOfWork,
        rules: Rules,
        owner: str,
        signals: Signals,
        *,
        slots: int,
        timeout_s: float,
        folder: PhotoStore | None = None,
    ) -> None:
        self._store = store
        self._engine = engine
        self._downloads = downloads
        self._open_uow = open_uow
        self._rules = rules
        self._owner = owner
        self._signals = signals
        self._slots = slots
        self._timeout_s = timeout_s
        self._folder = folder
        self._works: dict[int, _Work] = {}  # by the id of the request
        self.progress = Progress(store, open_uow, signals.outbox)

    def writing_for(self) -> Collection[int]:
        """The chats that a text is being written for, and not only since now: a chat action costs a message's turn."""
        early = time.monotonic() - _SHORT_S
        return {work.request.user_id for work in self._works.values() if work.begun_at < early}

    async def step(self, idle_s: float) -> float:
        """Begin the next request, when there is one and room for it."""
        async with self._store.transaction() as tx:
            request = await tx.requests.claim(self._owner, time.time()) if self._has_room() else None
            if request is None:
                await self._drop_withdrawn(tx)
                return idle_s
            if request.attempts >= _ALONE and self._works:
                await tx.requests.requeue(request.id, request.revision)  # first in line until the others are done
                return idle_s
            listing = await self._listing(tx, request)
        self.progress.line_moved()
        if listing is not None:
            self._begin(request, listing)
        return 0

    def _has_room(self) -> bool:
        alone = any(work.request.attempts >= _ALONE for work in self._works.values())
        return len(self._works) < self._slots and not alone

    async def drain(self, seconds: float) -> None:
        """Let what is being written end, for so long at most; the rest waits for the next start."""
        works = list(self._works.values())
        if works:
            await asyncio.wait([work.task for work in works], timeout=seconds)
        left = [work for work in works if not work.task.done()]
        for work in left:
            work.task.cancel()
        await asyncio.gather(*(work.task for work in works), return_exceptions=True)
        async with self._store.transaction() as tx:
            for work in left:
                if await self._is_wanted(tx, work.request):
                    await tx.requests.requeue(work.request.id, work.request.revision)  # a stop is no failed attempt

    async def _drop_withdrawn(self, tx: Transaction) -> None:
        """Write no further for who has changed the listing, cancelled, or is gone."""
        for work in list(self._works.values()):
            if not work.settling and not await self._is_wanted(tx, work.request):
                work.task.cancel()

    async def _is_wanted(self, tx: Transaction, request: Request) -> bool:
        current = await tx.requests.get(request.id)
        return current is not None and (current.state, current.revision) == ("running", request.revision)

    async def _listing(self, tx: Transaction, request: Request) -> ListingRecord | None:
        """What to write about; None where the request cannot be carried out as it is."""
        listing = await tx.listings.get(request.listing_id)
        if listing is None or request.attempts >= MAX_ATTEMPTS:
            await tx.requests.finish(request.id, "failed", time.time(), "attempts" if listing else "no listing")
            return None
        if listing.revision != request.revision:
            await tx.requests.requeue(request.id, listing.revision)
            return None
        return listing

    def _begin(self, request: Request, listing: ListingRecord) -> None:
        if earlier := self._works.get(request.id):
            earlier.task.cancel()  # it writes about what the listing was before
        work = _Work(request, asyncio.create_task(self._work(request, listing)))
        self._works[request.id] = work
        work.task.add_done_callback(lambda _: self._ended(work))

    def _ended(self, work: _Work) -> None:
        if self._works.get(work.request.id) is work:
            del self._works[work.request.id]
        self._signals.requests.notify()
        self._signals.outbox.notify()

    async def _work(self, request: Request, listing: ListingRecord) -> None:
        photos: Sequence[Downloaded] = ()
        try:
            photos, sent = await self._submission(listing)
            results = await self._describe(request, sent)
            answer: Handler = partial(deliver, results=results, photo_sha256=[photo.sha256 for photo in photos])
        except CheckpointError as error:
            error_id, reason = new_id(), translate(error.message, "en")
            logger.error("request %d: %s [%s]", request.id, reason, error_id, exc_info=error.__cause__)
            answer = partial(replace_model, error=error, error_id=error_id)
        except UserError as error:
            answer = partial(refuse, error=error)
        except TimeoutError:
            answer = time_out
        except Exception:
            error_id = new_id()
            logger.exception("request %d failed [%s]", request.id, error_id)
            answer = partial(fail, error_id=error_id)
        self._works[request.id].settling = True
        try:
            await retry_until_done(lambda: self._finish(request, answer), "storing a result", StorageError)
        except Exception:
            error_id = new_id()
            logger.exception("the answer to request %d failed [%s]", request.id, error_id)
            await self._give_up(request, partial(fail, error_id=error_id))
        if self._folder is not None:
            await self._folder.keep(request.user_id, photos)

    async def _give_up(self, request: Request, answer: Handler) -> None:
        """Say that it failed; when even that fails, the request is tried again, a few times."""
        try:
            await retry_until_done(lambda: self._finish(request, answer), "storing a failure", StorageError)
        except Exception:
            logger.exception("request %d goes back", request.id)
            await retry_until_done(lambda: self._put_back(request), "putting a request back")

    async def _finish(self, request: Request, answer: Handler) -> None:
        self.progress.forget(request)
        async with self._store.transaction() as tx:
            if await self._is_wanted(tx, request):
                await answer(self._open_uow(tx), request)

    async def _put_back(self, request: Request) -> None:
        async with self._store.transaction() as tx:
            await tx.requests.release(request.id, time.time())

    async def _submission(self, listing: ListingRecord) -> tuple[Sequence[Downloaded], Submission]:
        draft = build_draft(listing, self._rules.file_limit_mb)
        if draft.problem is not None:
            raise InvalidInput(draft.problem.code, **draft.problem.details)
        photos = await self._downloads.fetch(draft.photos)
        uploads = tuple(photo.upload for photo in photos)
        case = next((case for case in self._rules.cases if case.name == listing.case), None)
        if case is None:
            return photos, Submission(uploads, draft.text)
        preloaded = await asyncio.to_thread(load_submission, case)
        return photos, Submission(preloaded.uploads + uploads, draft.text or preloaded.attributes)

    async def _describe(self, request: Request, sent: Submission) -> list[Description]:
        """One text by each checkpoint of the request; the stages of the last one are shown."""
        describe = partial(self._engine.describe, sent, seed=request.seed, timeout_s=self._timeout_s)
        shown = partial(self.progress.report, request)
        last = len(request.checkpoints) - 1
        return await gather_all(
            describe(checkpoint, on_progress=shown if place == last else None)
            for place, checkpoint in enumerate(request.checkpoints)
        )
