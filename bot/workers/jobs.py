"""Run one request: download the photos, let the engine write, and choose how to finish the request."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol, TypeAlias

from bot.conversation.chat import Rules, UnitOfWork
from bot.conversation.diff import are_alike
from bot.conversation.draft import build_draft
from bot.conversation.notify import deliver, fail, refuse, replace_model, time_out
from bot.conversation.understanding import get_refused, refuse_file, to_understanding
from bot.logs import new_error_id
from bot.telegram.downloads import DownloadedPhoto, PhotoDownloader
from bot.telegram.photo_store import PhotoStore
from bot.workers.concurrency import gather_all
from inference.checkpoints.card import Card
from inference.errors import CheckpointError, InvalidInput, UserError
from inference.listing.cases import load_submission
from inference.listing.types import Description, Stage, Submission
from locales.translate import translate
from storage.records import ListingRecord, Request, Understanding

logger = logging.getLogger(__name__)

_REDRAWS: Final = 3
_FACTS_TIMEOUT_S: Final = 20.0  # nobody waits for them, and the bot cannot stop while they are read

Handler: TypeAlias = Callable[[UnitOfWork, Request], Awaitable[None]]
OnProgress: TypeAlias = Callable[[Stage], None]


class TextEngine(Protocol):
    """The part of `inference.serving.engine.Engine` that the bot uses."""

    def list_cards(self) -> list[Card]:
        """Return the cards of the captioners that can write now."""
        ...

    def start(self, checkpoint: str) -> Coroutine[None, None, None]:
        """Load the models that serve first."""
        ...

    async def close(self) -> None:
        """Accept no more submissions."""
        ...

    def describe(
        self,
        submission: Submission,
        checkpoint: str,
        *,
        seed: int = 0,
        item: str = "",
        only_facts: bool = False,
        accepts_warnings: bool = True,
        is_set: bool | None = None,
        on_progress: OnProgress | None = None,
        timeout_s: float = 120,
    ) -> Coroutine[None, None, Description]:
        """Describe one submission; call `on_progress` at each stage, in the thread of the event loop."""
        ...


@dataclass(frozen=True, slots=True)
class JobResult:
    """The handler that finishes a request, and the photos that were downloaded for it."""

    handler: Handler
    photos: Sequence[DownloadedPhoto]


class JobRunner:
    """Run requests without touching the database."""

    def __init__(
        self,
        engine: TextEngine,
        downloader: PhotoDownloader,
        photo_store: PhotoStore | None,
        rules: Rules,
        *,
        timeout_s: float,
    ) -> None:
        self._engine = engine
        self._downloader = downloader
        self._photo_store = photo_store
        self._rules = rules
        self._timeout_s = timeout_s

    async def run(self, request: Request, listing: ListingRecord, on_progress: OnProgress) -> JobResult:
        """Describe a listing by each checkpoint of the request; every error but cancellation becomes a handler."""
        photos: Sequence[DownloadedPhoto] = ()
        try:
            photos, submission = await self._build_submission(listing)
            results = await self._describe(request, listing, submission, on_progress)
            handler: Handler = partial(deliver, results=results, photo_sha256=[photo.sha256 for photo in photos])
        except CheckpointError as error:
            error_id, reason = new_error_id(), translate(error.message, "en")
            logger.error("request %d: %s [%s]", request.id, reason, error_id, exc_info=error.__cause__)
            handler = partial(replace_model, error=error, error_id=error_id)
        except UserError as error:
            handler = partial(refuse, error=error)
        except TimeoutError:
            handler = time_out
        except Exception:
            error_id = new_error_id()
            logger.exception("request %d failed [%s]", request.id, error_id)
            handler = partial(fail, error_id=error_id)
        return JobResult(handler, photos)

    async def understand(self, listing: ListingRecord) -> Understanding | None:
        """Return the facts of a draft and the files that are no photos; None where a text would say what is wrong."""
        try:
            return await self._understand(listing)
        except (CheckpointError, UserError, TimeoutError) as error:
            logger.info("no facts of listing %d: %s", listing.id, type(error).__name__)
            return None

    async def _understand(self, listing: ListingRecord) -> Understanding:
        draft = build_draft(listing, self._rules.file_limit_mb)
        if draft.is_empty:
            return Understanding(listing.revision, refused=get_refused(listing))
        photos, submission = await self._build_submission(listing)
        checkpoint = self._rules.pinned or self._rules.default  # any captioner: it writes nothing
        try:
            result = await self._engine.describe(
                submission, checkpoint, only_facts=True, is_set=listing.is_set, timeout_s=_FACTS_TIMEOUT_S
            )
        except InvalidInput as error:
            others = refuse_file(listing, draft.photos, error)
            if others is None:
                raise
            return await self._understand(others)
        return to_understanding(result, listing, [photo.sha256 for photo in photos])

    async def save_photos(self, request: Request, result: JobResult) -> None:
        """Keep the photos of a request, where the owner has decided so."""
        if self._photo_store is not None:
            await self._photo_store.save(request.user_id, result.photos)

    async def _build_submission(self, listing: ListingRecord) -> tuple[Sequence[DownloadedPhoto], Submission]:
        draft = build_draft(listing, self._rules.file_limit_mb)
        if draft.problem is not None:
            raise InvalidInput(draft.problem.code, **draft.problem.details)
        photos = await self._downloader.fetch(draft.photos)
        uploads = tuple(photo.upload for photo in photos)
        case = next((case for case in self._rules.cases if case.name == listing.case), None)
        if case is None:
            return photos, Submission(uploads, draft.text)
        preloaded = await asyncio.to_thread(load_submission, case)
        return photos, Submission(preloaded.uploads + uploads, draft.text or preloaded.attributes)

    async def _describe(
        self, request: Request, listing: ListingRecord, submission: Submission, on_progress: OnProgress
    ) -> list[Description]:
        """Return one description per checkpoint; only the last one reports its stages.

        Each checkpoint has a seed of its own: with the same facts the same seed often gives the same words.
        """
        describe = partial(
            self._engine.describe,
            submission,
            item=listing.item or "",
            is_set=listing.is_set,
            accepts_warnings=request.insists or listing.case is not None or self._rules.warnings == "write",
            timeout_s=self._timeout_s,
        )
        last = len(request.checkpoints) - 1
        results = await gather_all(
            describe(checkpoint, seed=request.seed + index, on_progress=on_progress if index == last else None)
            for index, checkpoint in enumerate(request.checkpoints)
        )
        return await _redraw_alike(results, describe) if request.kind == "compare" else results


async def _redraw_alike(
    results: list[Description], describe: Callable[..., Coroutine[None, None, Description]]
) -> list[Description]:
    """Write the second of two texts again, with another seed, while a reader would hardly tell them apart."""
    first, second = results
    for _ in range(_REDRAWS):
        if not (first.text and second.text and are_alike(first.text, second.text)):
            break
        second = await describe(second.checkpoint, seed=second.seed + 1)
    return [first, second]
