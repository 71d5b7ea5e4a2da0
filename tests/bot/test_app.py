"""The bot as a whole: it starts, says in one sentence why it cannot, stops in order, and outlives its own death."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sqlite3
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from bot.__main__ import main
from bot.app import App
from inference.errors import InvalidInput
from sandbox.server import Sandbox
from sandbox.state.telegram import Call
from tests.support.bot.conversation import FakeEngine, picture
from tests.support.bot.outbox import texts, until
from tests.support.bot.running_app import run_app, settings_for
from tests.support.sources import ROOT

TOKEN = "42:AAf-secret_Secret"  # noqa: S105 - a pretend one


def menus(sandbox: Sandbox) -> list[Call]:
    """The menus that were set."""
    return [call for call in sandbox.calls if call.method == "setMyCommands"]


@asynccontextmanager
async def process(module: str, folder: Path, **given: object) -> AsyncGenerator[Process]:
    """A bot in a process of its own; killed at the end when it still runs."""
    own = {"BOT_TOKEN": TOKEN, "DATA": folder / "data", "RATE_CHAT": 100, "ALBUM_QUIET_S": 0.1, "TMPDIR": folder}
    clean = {key: value for key, value in os.environ.items() if key in ("PATH", "HOME", "LANG")}
    environment = clean | {key.upper(): str(value) for key, value in (own | given).items()}
    command = (sys.executable, "-m", module)
    started = await asyncio.create_subprocess_exec(
        *command, cwd=folder, env=environment | {"PYTHONPATH": str(ROOT)}, stdout=PIPE, stderr=PIPE
    )
    try:
        yield started
    finally:
        if started.returncode is None:
            started.kill()
        await started.communicate()


async def ended(started: Process, timeout_s: float = 60) -> tuple[int | None, str]:
    """Exit code and stderr of a process that ends."""
    async with asyncio.timeout(timeout_s):
        _, err = await started.communicate()
    return started.returncode, err.decode()


class TestStart:
    @pytest.mark.usefixtures("restore_logging")
    @pytest.mark.parametrize(
        ("given", "named"),
        [
            ({"BOT_TOKEN": ""}, "BOT_TOKEN"),
            ({"BOT_TOKEN": "AAf-secret_Secret"}, "BOT_TOKEN"),
            ({"MODEL_DEFAULT": "nobody"}, "MODEL_DEFAULT"),
            ({"DATABASE_URL": "postgresql+asyncpg://anna:AAf-secret_Secret@127.0.0.1:1/base"}, "DATABASE_URL"),
        ],
    )
    def test_what_is_wrong_is_one_sentence_without_secrets(
        self,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
        given: dict[str, str],
        named: str,
    ) -> None:
        monkeypatch.chdir(tmp_path)
        for key, value in ({"BOT_TOKEN": TOKEN, "DATA": str(tmp_path)} | given).items():
            monkeypatch.setenv(key, value)
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
        assert main() == 2
        err = capsys.readouterr().err
        assert len(err.splitlines()) == 1
        assert named in err
        assert "AAf-secret" not in err

    def test_a_token_that_telegram_refuses_ends_it(self, tmp_path: Path) -> None:
        async def script() -> None:
            async with Sandbox() as sandbox, process("bot", tmp_path, API_SERVER=sandbox.url) as started:
                exit_code, err = await ended(started)
            assert exit_code == 2
            assert "BOT_TOKEN" in err.splitlines()[-1]
            assert "AAf-secret" not in err

        asyncio.run(script())

    def test_a_model_that_is_not_there_is_named_with_those_that_are(self, tmp_path: Path) -> None:
        async def script() -> None:
            async with Sandbox() as sandbox:
                settings = settings_for(sandbox, tmp_path, model_pinned="nobody")
                with pytest.raises(InvalidInput) as refused:
                    await App.build(settings, FakeEngine(tmp_path, ["mini", "nano"]))
            details = {"key": "MODEL_PINNED", "known": "mini, nano"}
            assert (refused.value.message.code, refused.value.message.details) == ("setting-model", details)

        asyncio.run(script())

    def test_menus_are_set_and_their_failure_harms_nothing(self, tmp_path: Path) -> None:
        async def script() -> None:
            async with Sandbox() as sandbox:
                sandbox.faults.add("setMyCommands", code=500)
                async with run_app(sandbox, tmp_path, admins={7}):
                    anna = sandbox.user(1)
                    await anna.text("/start")
                    await anna.wait("/help")
                    await until(lambda: len(menus(sandbox)) > 4 and "chat_id" in str(menus(sandbox)[-1].params))

        asyncio.run(script())


class TestStop:
    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    def test_a_signal_ends_it_in_order_and_no_log_holds_the_token(self, tmp_path: Path, number: int) -> None:
        """Telegram answers nothing but faults, and the log tells everything that it can."""

        async def script() -> None:
            async with Sandbox(TOKEN) as sandbox:
                for fault in ({"code": 502}, {"drop": "request"}, {"drop": "answer"}):
                    sandbox.faults.add("getUpdates", **fault)
                given = {"API_SERVER": sandbox.url, "LOG_LEVEL": "DEBUG"}
                async with process("bot", tmp_path, **given) as started:
                    anna = sandbox.user(1)
                    await anna.text("/start")
                    await anna.wait("/help", timeout=60)
                    sandbox.faults.add("sendMessage", drop="request", times=None)
                    start = len(sandbox.calls)
                    await anna.text("/help")
                    await until(lambda: "sendMessage" in [call.method for call in sandbox.calls[start:]])
                    started.send_signal(number)
                    exit_code, err = await ended(started)
            assert exit_code == 0
            assert "TelegramNetworkError" in err
            assert "AAf-secret" not in err
            assert "/help" not in err

        asyncio.run(script())

    def test_a_server_that_is_not_there_keeps_it_waiting_and_leaks_nothing(self, tmp_path: Path) -> None:
        async def script() -> None:
            given = {"API_SERVER": "http://127.0.0.1:1", "LOG_LEVEL": "DEBUG"}
            async with process("tests.support.bot.process", tmp_path, **given) as started:
                assert started.stdout is not None
                assert started.stderr is not None
                async with asyncio.timeout(60):
                    line = await started.stderr.readuntil(b"again in")
                started.terminate()
                exit_code, err = await ended(started)
            assert exit_code == 0
            assert "AAf-secret" not in line.decode() + err

        asyncio.run(script())


def test_updates_in_threes_and_in_disorder_are_answered_once(tmp_path: Path) -> None:
    async def script() -> None:
        async with Sandbox() as sandbox:
            sandbox.chaos.copies, sandbox.chaos.spread_s = 3, 1.0
            async with run_app(sandbox, tmp_path, album_quiet_s=1.2, album_limit_s=5) as app:
                people = [sandbox.user(number) for number in range(1, 11)]
                for person in people:
                    await person.album([picture("red"), picture("blue")], f"Цена: {person.id}00")
                for person in people:
                    await person.wait("2 из 10")
                await until(lambda: not sandbox.telegram.updates.waiting)
                await said(app)
            assert [len(texts(person)) for person in people] == [1] * 10

    asyncio.run(script())


def test_parts_of_an_album_that_come_late_and_in_disorder_are_one_draft(tmp_path: Path) -> None:
    async def script() -> None:
        async with Sandbox() as sandbox, run_app(sandbox, tmp_path, album_quiet_s=0.5, album_limit_s=8):
            anna = sandbox.user(1)
            photos = [picture(colour) for colour in ("red", "blue", "green", "black")]
            await anna.album(photos, "Цена: 500", delays=[0.3, 0, 1.5, 0.6], order=[3, 1, 0, 2])
            card = await anna.wait("4 из 10")
            assert "500" in card["text"]
            assert len(texts(anna)) == 1

    asyncio.run(script())


def test_no_step_of_the_loop_keeps_the_others_waiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counts CPU time of the loop's own thread, and tolerates two slow steps, which a busy machine causes.

    A model or a decoder on the loop would make a slow step for each of the ten people, a late import a very slow one.
    """
    steps: list[tuple[float, str]] = []
    run = asyncio.Handle._run

    def timed(handle: asyncio.Handle) -> None:
        begun = time.thread_time()
        run(handle)
        steps.append((time.thread_time() - begun, repr(handle)))

    async def script() -> None:
        async with Sandbox() as sandbox, run_app(sandbox, tmp_path):
            people = [sandbox.user(number) for number in range(1, 11)]
            await people[0].text("/start")
            await people[0].wait("/help")
            photos = [picture(colour, side=1600) for colour in ("red", "blue", "green")]
            monkeypatch.setattr(asyncio.Handle, "_run", timed)
            for person in people:
                await person.album(photos, "Куртка, цена 500")
            for person in people:
                await person.wait("3 из 10", timeout=30)
                await person.press("Сгенерировать", timeout=30)
            for person in people:
                await person.wait("пишет:", timeout=30)
            monkeypatch.undo()

    asyncio.run(script())
    slowest = sorted(steps, reverse=True)[:3]
    assert slowest[2][0] < 0.1, slowest
    assert slowest[0][0] < 0.5, slowest


def test_what_was_accepted_is_answered_however_often_the_bot_is_killed(tmp_path: Path) -> None:
    async def script() -> None:
        dice = random.Random(5)
        async with Sandbox(TOKEN) as sandbox:
            people = [sandbox.user(number) for number in range(1, 9)]
            for person in people:
                await person.text(f"Куртка, цена {person.id}00")
            pressed: set[int] = set()
            for life in range(5):
                async with process("tests.support.bot.process", tmp_path, API_SERVER=sandbox.url) as started:
                    await press_all(sandbox, pressed, 30 if life == 4 else dice.uniform(1.5, 3))
                    if life == 4:
                        await until(lambda: all(answered(sandbox, number) for number in range(1, 9)), 60)
                        started.terminate()
                        assert (await ended(started))[0] == 0
            counts = [answered(sandbox, number) for number in range(1, 9)]
        assert min(counts) == 1
        assert sum(counts) <= 8 + 4
        with sqlite3.connect(tmp_path / "data" / "opisalka.db") as base:
            assert base.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            assert base.execute("SELECT count(*) FROM requests WHERE state <> 'done'").fetchone() == (0,)
            assert base.execute("SELECT count(*) FROM outbox").fetchone() == (0,)
        base.close()

    asyncio.run(script())


async def said(app: App) -> None:
    """Wait until nothing is left to say."""
    async with asyncio.timeout(10):
        while True:
            async with app.store.transaction() as tx:
                if not await tx.inbox.count_pending() and not await tx.outbox.count_pending():
                    return
            await asyncio.sleep(0.02)


async def press_all(sandbox: Sandbox, pressed: set[int], seconds: float) -> None:
    """Press the button of every card that comes up within so many seconds, each once."""
    until_s = time.monotonic() + seconds
    while time.monotonic() < until_s and len(pressed) < 8:
        for number in set(range(1, 9)) - pressed:
            person = sandbox.user(number)
            if any("reply_markup" in message for message in person.messages):
                pressed.add(number)
                with suppress(TimeoutError):
                    await person.press("Сгенерировать", timeout=0.01)
        await asyncio.sleep(0.05)


def answered(sandbox: Sandbox, number: int) -> int:
    """How many texts a user got."""
    return len([text for text in texts(sandbox.user(number)) if "пишет:" in text])
