"""Run the workers: repeat a step with backoff after failures, retry, and gather with cancellation."""

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


def compute_backoff_s(failures: int, first_s: float = _FIRST_PAUSE_S, longest_s: float = _LONGEST_PAUSE_S) -> float:
    """Return the seconds to wait after `failures` failures in a row (from 1), doubling up to `longest_s`."""
    return min(longest_s, first_s * 2.0 ** min(failures - 1, 30))  # 30 keeps the power from overflowing


class PeriodicTask:
    """Repeat `step` until stopped; a failing step is logged and repeated after a backoff.

    `step` returns the seconds until its next call, 0 when there is more to do; `signal` shortens that pause.
    """

    def __init__(self, name: str, step: Callable[[], Awaitable[float]], signal: Signal) -> None:
        self.name = name
        self._step = step
        self._signal = signal
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Repeat the step until `stop`."""
        failures = 0
        while not self._stopping.is_set():
            try:
                pause_s = await self._step()
            except Exception:
                failures += 1
                logger.exception("loop %s failed, %d in a row", self.name, failures)
                await self._sleep(compute_backoff_s(failures))
            else:
                failures = 0
                if pause_s > 0 and not self._stopping.is_set():
                    await self._signal.wait(pause_s)

    def stop(self) -> None:
        """Make `run` return after the current step."""
        self._stopping.set()
        self._signal.notify()

    async def _sleep(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            pass


async def retry_until_done(
    action: Callable[[], Awaitable[Result]], name: str, on: type[Exception] = Exception
) -> Result:
    """Return the result of `action`, retried without limit after each error of type `on`.

    For writes that must not be lost; `name` appears in the log.
    """
    failures = 0
    while True:
        try:
            return await action()
        except on:
            failures += 1
            logger.exception("%s failed, %d in a row", name, failures)
            await asyncio.sleep(compute_backoff_s(failures))


async def gather_all(coroutines: Iterable[Coroutine[None, None, Result]]) -> list[Result]:
    """Run coroutines concurrently and return their results in order.

    Unlike `asyncio.gather`, the first error cancels the others before it is raised.
    """
    tasks = [asyncio.create_task(coroutine) for coroutine in coroutines]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
