"""What the loops say: cards, progress, texts, refusals. Each function works inside one open transaction (`desk.tx`)."""

from __future__ import annotations

from collections.abc import Sequence

from bot.chat import Desk
from inference.errors import UserError
from inference.listing import Description, Stage
from storage.records import Listing, Request


async def close_window(desk: Desk, listing: Listing) -> None:
    """The quiet window of a listing is over: show or edit its card; submit it when a text is wanted."""
    raise NotImplementedError


async def show_stage(desk: Desk, request: Request, stage: Stage) -> None:
    """Say which step the work on a request is at, in the message of its card."""
    raise NotImplementedError


async def show_places(desk: Desk) -> None:
    """Say to who waits how many are served before him. Call it when a request was claimed or came back."""
    raise NotImplementedError


async def deliver(
    desk: Desk, request: Request, results: Sequence[Description], photo_sha256: Sequence[str] = ()
) -> None:
    """Store and answer what was written, one result for each checkpoint of the request, and finish it.

    A listing that changed meanwhile is not answered: its request waits again, with the new revision. A listing that
    was forgotten meanwhile is passed over.
    """
    raise NotImplementedError


async def refuse(desk: Desk, request: Request, error: UserError) -> None:
    """Finish a request that the user or the owner can mend (input, checkpoint): one sentence, and the draft opens again."""
    raise NotImplementedError


async def time_out(desk: Desk, request: Request) -> None:
    """Finish a request that took too long: the same, with its own sentence."""
    raise NotImplementedError


async def fail(desk: Desk, request: Request, error_id: str) -> None:
    """Finish a request that a bug ended: told with the id under which it is logged; the draft opens again."""
    raise NotImplementedError


async def apologise(desk: Desk, user_id: int, error_id: str) -> None:
    """Tell a user that a bug ended the handling of his update, with the id under which it is logged."""
    raise NotImplementedError
