"""Periodic tasks survive failures, wake on their signal, and stop after a whole step."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine

import pytest

from bot.workers.concurrency import PeriodicTask, compute_backoff_s, gather_all, retry_until_done
from bot.workers.signals import Signal

Script = Callable[[], Coroutine[None, None, None]]


def test_pauses_grow_and_stay_bounded() -> None:
    assert [compute_backoff_s(failures, 0.5, 4) for failures in (1, 2, 3, 4, 5, 10_000)] == [0.5, 1, 2, 4, 4, 4]


class TestPeriodicTask:
    def test_it_waits_for_its_signal_and_no_longer(self) -> None:
        async def script() -> None:
            signal, steps = Signal(), asyncio.Queue[int]()

            async def step() -> float:
                steps.put_nowait(1)
                return 3600

            loop = PeriodicTask("test", step, signal)
            task = asyncio.create_task(loop.run())
            await steps.get()
            await asyncio.sleep(0)
            assert steps.empty()
            signal.notify()
            await steps.get()
            loop.stop()
            await task

        asyncio.run(script())

    def test_an_earlier_notification_ends_the_wait(self) -> None:
        async def script() -> None:
            signal = Signal()
            signal.notify()
            async with asyncio.timeout(1):
                await signal.wait(3600)

        asyncio.run(script())

    def test_a_failure_is_logged_and_not_the_end(self, caplog: pytest.LogCaptureFixture) -> None:
        async def script() -> None:
            failed = asyncio.Event()

            async def step() -> float:
                if failed.is_set():
                    loop.stop()
                    return 0
                failed.set()
                raise ZeroDivisionError

            loop = PeriodicTask("test", step, Signal())
            await loop.run()

        with caplog.at_level(logging.ERROR):
            asyncio.run(script())
        assert "loop test failed" in caplog.text
        assert "ZeroDivisionError" in caplog.text

    def test_a_stop_lets_the_step_end(self) -> None:
        async def script() -> None:
            begun, go_on, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

            async def step() -> float:
                begun.set()
                await go_on.wait()
                ended.set()
                return 0

            loop = PeriodicTask("test", step, Signal())
            task = asyncio.create_task(loop.run())
            await begun.wait()
            loop.stop()
            go_on.set()
            await task
            assert ended.is_set()

        asyncio.run(script())


class TestInsist:
    def test_it_tries_until_it_succeeds(self) -> None:
        tries = iter([ZeroDivisionError, ZeroDivisionError, None])

        async def action() -> str:
            error = next(tries)
            if error is not None:
                raise error
            return "done"

        assert asyncio.run(retry_until_done(action, "test")) == "done"

    def test_it_insists_only_where_that_may_help(self) -> None:
        async def action() -> None:
            raise KeyError

        with pytest.raises(KeyError):
            asyncio.run(retry_until_done(action, "test", OSError))


class TestAllOf:
    def test_results_keep_their_order(self) -> None:
        async def work(number: int) -> int:
            for _ in range(3 - number):
                await asyncio.sleep(0)
            return number

        assert asyncio.run(gather_all(work(number) for number in range(3))) == [0, 1, 2]

    def test_a_failure_ends_the_others(self) -> None:
        ended = []

        async def wait_for_ever() -> None:
            try:
                await asyncio.Event().wait()
            finally:
                ended.append(1)

        async def fail() -> None:
            await asyncio.sleep(0)
            raise KeyError

        with pytest.raises(KeyError):
            asyncio.run(gather_all([wait_for_ever(), fail()]))
        assert ended == [1]
