"""Release the work of dead processes; work that was released too often is given up."""

from __future__ import annotations

from typing import Final

from sqlalchemy import ColumnElement, literal, select
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.records import RecoveryReport
from storage.repositories.inbox import Inbox
from storage.repositories.outbox import Outbox
from storage.repositories.requests import Requests
from storage.tables import inbox, leases, outbox, requests

MAX_ATTEMPTS: Final = 8  # kills come in rows (a machine out of memory, an update of the host) and are nobody's fault
PROCESS: Final = "process:"


async def recover(connection: AsyncConnection, now: float, sole: str | None = None) -> RecoveryReport:
    """Release the work of dead workers; see `Transaction.recover`."""
    updates, failed_updates = await Inbox(connection).recover(_select_gone(inbox.c.owner, now, sole), MAX_ATTEMPTS, now)
    works, failed_requests = await Requests(connection).recover(
        _select_gone(requests.c.owner, now, sole), MAX_ATTEMPTS, now
    )
    messages = await Outbox(connection).release(_select_gone(outbox.c.owner, now, sole))
    return RecoveryReport(updates, works, messages, tuple(failed_updates), tuple(failed_requests))


def _select_gone(owner: ColumnElement[str], now: float, sole: str | None) -> ColumnElement[bool]:
    if sole is not None:
        return owner != sole
    alive = select(leases.c.name).where(leases.c.until > now)
    return (literal(PROCESS) + owner).not_in(alive)
