"""Requests under way: how many at once, what becomes of them at a stop, a change, a failure or a crash."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from bot.app import App
from bot.workers import generation, jobs
from inference.errors import CheckpointError
from inference.listing.types import Description, Stage, Submission
from sandbox.server import Sandbox
from storage.records import Request
from storage.repositories.recovery import MAX_ATTEMPTS
from tests.support.bot.conversation import FakeEngine, picture
from tests.support.bot.outbox import texts, until
from tests.support.bot.running_app import run_app

Json = dict[str, object]


class UserGroup:
    """Users who ask for texts, and a gate that their texts wait at."""

    def __init__(self, sandbox: Sandbox, engine: FakeEngine) -> None:
        self.sandbox = sandbox
        self.engine = engine

    async def ask(self, number: int, text: str = "Куртка") -> None:
        """A user sends a listing and presses the button."""
        person = self.sandbox.user(number)
        await person.text(f"{text}, цена {number}00")
        await person.wait(lambda message: "reply_markup" in message)
        await person.press("Сгенерировать")

    def answers(self, number: int) -> list[str]:
        """The texts that a user got."""
        return [text for text in texts(self.sandbox.user(number)) if "пишет:" in text]


Script = Callable[[UserGroup, App], Awaitable[None]]


def run(script: Script, folder: Path, engine: FakeEngine | None = None, **given: object) -> None:
    """Run a script with a bot at work."""

    async def opened() -> None:
        pretend = engine or FakeEngine(folder, ["mini", "nano"])
        async with Sandbox() as sandbox, run_app(sandbox, folder, pretend, **given) as app:
            await script(UserGroup(sandbox, pretend), app)

    asyncio.run(opened())


async def requests(app: App, *numbers: int) -> list[Request | None]:
    """Requests by id."""
    async with app.store.transaction() as tx:
        return [await tx.requests.get(number) for number in numbers]


def test_the_engine_gets_two_batches_and_not_more(tmp_path: Path) -> None:
    async def script(users: UserGroup, app: App) -> None:
        users.engine.gate.clear()
        for number in range(1, 6):
            await users.ask(number)
        await until(lambda: len(users.engine.asked) == 2)
        async with app.store.transaction() as tx:
            assert len(await tx.requests.list_pending(9)) == 3
        users.engine.gate.set()
        await until(lambda: all(users.answers(number) for number in range(1, 6)))
        assert len(users.engine.asked) == 5

    run(script, tmp_path, max_batch=1)


def test_both_texts_of_a_comparison_are_written_at_the_same_time(tmp_path: Path) -> None:
    async def script(users: UserGroup, app: App) -> None:
        users.engine.gate.clear()
        anna = users.sandbox.user(1)
        await anna.text("Куртка, цена 500")
        await anna.wait(lambda message: "reply_markup" in message)
        await anna.text("/compare")
        await until(lambda: len(users.engine.asked) == 2)
        assert {checkpoint for checkpoint, *_ in users.engine.asked} == {"mini", "nano"}
        users.engine.gate.set()

    run(script, tmp_path)


class TestStop:
    def test_what_is_being_written_is_finished_and_sent(self, tmp_path: Path) -> None:
        async def script() -> None:
            engine = FakeEngine(tmp_path, ["mini"])
            engine.gate.clear()
            async with Sandbox() as sandbox:
                users = UserGroup(sandbox, engine)
                async with run_app(sandbox, tmp_path, engine):
                    await users.ask(1)
                    await until(lambda: engine.asked)
                    asyncio.get_running_loop().call_later(0.3, engine.gate.set)
                assert len(users.answers(1)) == 1

        asyncio.run(script())

    def test_what_takes_longer_is_written_after_the_next_start(self, tmp_path: Path) -> None:
        async def script() -> None:
            engine = FakeEngine(tmp_path, ["mini"])
            engine.gate.clear()
            async with Sandbox() as sandbox:
                users = UserGroup(sandbox, engine)
                begun = time.monotonic()
                async with run_app(sandbox, tmp_path, engine, drain_s=0.1):
                    await users.ask(1)
                    await until(lambda: engine.asked)
                assert time.monotonic() - begun < 8
                engine.gate.set()
                async with run_app(sandbox, tmp_path, engine) as app:
                    await until(lambda: users.answers(1))
                    (request,) = await requests(app, 1)
                assert request is not None
                assert (request.state, request.attempts) == ("done", 0)

        asyncio.run(script())


class LostEngine(FakeEngine):
    """An engine that never answers, and remembers who gave up."""

    def __init__(self, root: Path) -> None:
        super().__init__(root, ["mini"])
        self.left = 0

    async def describe(
        self,
        submission: Submission,
        checkpoint: str,
        *,
        seed: int = 0,
        item: str = "",
        only_facts: bool = False,
        accepts_warnings: bool = True,
        is_set: bool | None = None,
        on_progress: Callable[[Stage], None] | None = None,
        timeout_s: float = 120,
    ) -> Description:
        if only_facts:
            return await super().describe(submission, checkpoint, only_facts=True)
        self.asked.append((checkpoint, seed, submission))
        try:
            await asyncio.Event().wait()
        finally:
            self.left += 1
        raise AssertionError


def test_who_asks_to_be_forgotten_is_written_for_no_longer(tmp_path: Path) -> None:
    engine = LostEngine(tmp_path)

    async def script(users: UserGroup, app: App) -> None:
        await users.ask(1)
        await until(lambda: engine.asked)
        async with app.store.transaction() as tx:
            await tx.users.delete(1)
        await until(lambda: engine.left)
        assert users.answers(1) == []

    run(script, tmp_path, engine)


class TestFailures:
    def test_a_failed_delivery_is_reported(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        async def fail(*_: object, **__: object) -> None:
            raise ZeroDivisionError

        monkeypatch.setattr(jobs, "deliver", fail)

        async def script(users: UserGroup, app: App) -> None:
            await users.ask(1)
            await users.sandbox.user(1).wait(lambda message: "Текст написать не удалось" in message.get("text", ""))
            (request,) = await requests(app, 1)
            assert request is not None
            assert request.state == "failed"

        run(script, tmp_path)

    def test_when_even_that_fails_it_is_tried_again_a_few_times(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def fail(*_: object, **__: object) -> None:
            raise ZeroDivisionError

        monkeypatch.setattr(jobs, "deliver", fail)
        monkeypatch.setattr(generation, "fail", fail)

        async def script(users: UserGroup, app: App) -> None:
            await users.ask(1)
            async with asyncio.timeout(10):
                while (request := (await requests(app, 1))[0]) is None or request.state != "failed":
                    await asyncio.sleep(0.02)
            assert len(users.engine.asked) == MAX_ATTEMPTS

        run(script, tmp_path)

    def test_one_of_two_models_that_fails_ends_the_other(self, tmp_path: Path) -> None:
        class HalfEngine(LostEngine):
            async def describe(self, submission: Submission, checkpoint: str, **given: object) -> Description:
                if checkpoint == "nano":
                    raise CheckpointError("checkpoint-broken", checkpoint="captioner/nano")
                return await super().describe(submission, checkpoint)

        engine = HalfEngine(tmp_path)
        engine.names.append("nano")

        async def script(users: UserGroup, app: App) -> None:
            anna = users.sandbox.user(1)
            await anna.text("Куртка, цена 500")
            await anna.wait(lambda message: "reply_markup" in message)
            await anna.text("/compare")
            await until(lambda: engine.left)
            async with asyncio.timeout(5):
                while (request := (await requests(app, 1))[0]) is None or request.state != "failed":
                    await asyncio.sleep(0.02)

        run(script, tmp_path, engine)

    def test_a_photo_that_is_gone_is_named(self, tmp_path: Path) -> None:
        async def script(users: UserGroup, app: App) -> None:
            users.sandbox.faults.add("download", code=404, times=None)
            anna = users.sandbox.user(1)
            await anna.photo(picture(), "Куртка, цена 500")
            await anna.wait(lambda message: "reply_markup" in message)
            await anna.press("Сгенерировать")
            await anna.wait("фото 1: Telegram больше не отдаёт", timeout=15)

        run(script, tmp_path)


class TestCrash:
    """A process died with requests in hand; another starts."""

    def test_what_was_running_is_written(self, tmp_path: Path) -> None:
        self.after_crashes(tmp_path, attempts=0, state="done", answers=1)

    def test_a_request_that_kills_every_process_is_given_up_and_reported(self, tmp_path: Path) -> None:
        self.after_crashes(tmp_path, attempts=MAX_ATTEMPTS - 1, state="failed", answers=0)

    def test_what_was_broken_off_twice_is_written_alone(self, tmp_path: Path) -> None:
        """If it is what kills the process, it shall not take others with it."""

        async def script() -> None:
            engine = FakeEngine(tmp_path, ["mini"])
            engine.gate.clear()
            async with Sandbox() as sandbox:
                users = UserGroup(sandbox, engine)
                async with run_app(sandbox, tmp_path, engine, drain_s=0) as app:
                    await users.ask(1)
                    await users.ask(2)
                app = await App.build(app.settings, engine)
                async with app.store.transaction() as tx:
                    for _ in range(2):
                        await tx.requests.claim("dead", time.time())
                        await tx.requests.release(1, time.time())
                engine.asked.clear()
                async with app.running():
                    await until(lambda: engine.asked)
                    await users.ask(3)
                    assert ["100" in sent.attributes for *_, sent in engine.asked] == [True]
                    engine.gate.set()
                    await until(lambda: all(users.answers(number) for number in (1, 2, 3)))

        asyncio.run(script())

    def after_crashes(self, folder: Path, attempts: int, state: str, answers: int) -> None:
        """What becomes of a request that was tried so often before the last crash."""

        async def script() -> None:
            engine = FakeEngine(folder, ["mini"])
            engine.gate.clear()
            async with Sandbox() as sandbox:
                users = UserGroup(sandbox, engine)
                async with run_app(sandbox, folder, engine, drain_s=0) as app:
                    await users.ask(1)
                    await until(lambda: engine.asked)
                engine.gate.set()
                app = await App.build(app.settings, engine)
                async with app.store.transaction() as tx:
                    for _ in range(attempts):
                        await tx.requests.claim("dead", time.time())
                        await tx.requests.release(1, time.time())
                    await tx.requests.claim("dead", time.time())
                async with app.running():
                    async with asyncio.timeout(10):
                        while (request := (await requests(app, 1))[0]) is None or request.state != state:
                            await asyncio.sleep(0.02)
                    told = "Текст написать не удалось" if state == "failed" else "пишет:"
                    await sandbox.user(1).wait(told)
                assert len(users.answers(1)) == answers

        asyncio.run(script())
