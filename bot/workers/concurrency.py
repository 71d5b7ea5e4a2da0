"""How the bot's work goes on: a failure is logged and waited out, never the end; a stop lets the step end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Final, TypeVar

from bot.workers.signals import Signal

logger = logging.getLogger(__name__)

Result = TypeVar("Result")

_FIRST_PAUSE_S: Final = 0.1
_LONGEST_PAUSE_S: Final = 5.0


def backoff_s(failures: int, first_s: float = _FIRST_PAUSE_S, longest_s: float = _LONGEST_PAUSE_S) -> float:
    """Seconds to wait after so many failures in a row (from 1): twice as long each time."""
    return min(longest_s, first_s * 2.0 ** min(failures - 1, 30))


class PeriodicTask:
    """Takes a step again and again.

    `step` returns how many seconds may pass before the next one; 0 means that there is more to do.
    """

    def __init__(self, name: str, step: Callable[[], Awaitable[float]], signal: Signal) -> None:
        self.name = name
        self._step = step
        self._signal = signal
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Go round until `stop`."""
        failures = 0
        while not self._stopping.is_set():
            try:
                pause_s = await self._step()
            except Exception:
                failures += 1
                logger.exception("loop %s failed, %d in a row", self.name, failures)
                await self._rest(backoff_s(failures))
            else:
                failures = 0
                if pause_s > 0 and not self._stopping.is_set():
                    await self._signal.wait(pause_s)

    def stop(self) -> None:
        """End after the step under way."""
        self._stopping.set()
        self._signal.notify()

    async def _rest(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            pass


async def retry_until_done(
    action: Callable[[], Awaitable[Result]], what: str, on: type[Exception] = Exception
) -> Result:
    """The result of `action`, tried again after each `on`: for what storage must remember, come what may."""
    failures = 0
    while True:
        try:
            return await action()
        except on:
            failures += 1
            logger.exception("%s failed, %d in a row", what, failures)
            await asyncio.sleep(backoff_s(failures))


async def gather_all(works: Iterable[Coroutine[None, None, Result]]) -> list[Result]:
    """The results of what is done at the same time, in order; the first failure is raised and ends the others."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
