"""Pressed buttons that wait for the bot's answer."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from itertools import count

from sandbox.state.types import Json, bad_request

TOO_OLD = "query is too old and response timeout expired or query ID is invalid"


@dataclass(frozen=True)
class _Query:
    user: int
    since: float
    answer: asyncio.Future[Json]


class Callbacks:
    """Open callback queries by id. Each can be answered once, within `lifetime_s` seconds."""

    def __init__(self, lifetime_s: float = 30.0) -> None:
        self.lifetime_s = lifetime_s
        self._numbers = count(time.time_ns())
        self._open: dict[str, _Query] = {}

    def open(self, user: int) -> tuple[str, asyncio.Future[Json]]:
        """Open a query of a user; return its id and a future of its answer."""
        query_id = str(next(self._numbers))
        answer: asyncio.Future[Json] = asyncio.get_running_loop().create_future()
        self._open[query_id] = _Query(user, time.monotonic(), answer)
        return query_id, answer

    def answer(self, query_id: str, answer: Json) -> int:
        """Deliver the answer and return the user's id; 400 for a query that is unknown, answered or expired."""
        query = self._open.pop(query_id, None)
        if query is None or time.monotonic() - query.since > self.lifetime_s:
            raise bad_request(TOO_OLD)
        if not query.answer.done():
            query.answer.set_result(answer)
        return query.user
