"""What Telegram gives is stored before it is confirmed, once, whatever happens on the way."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from bot.workers.polling import Inbox, Polling, get_sender_id
from bot.workers.signals import Signal
from inference.errors import InvalidInput
from sandbox.server import Sandbox
from storage.store import Store
from tests.support.bot.outbox import client, until
from tests.support.bot.running_app import run_app

Script = Callable[[Sandbox, Store, Polling], Awaitable[None]]


def run(script: Script, folder: Path) -> None:
    """Run a script with a sandbox, a store, and a polling that is not running yet."""

    async def opened() -> None:
        async with Sandbox() as sandbox, client(sandbox) as bot:
            store = await Store.open(f"sqlite+aiosqlite:///{folder / 'inbox.db'}")
            try:
                await script(sandbox, store, Polling(bot, Inbox(store, Signal()), ["message"]))
            finally:
                await store.close()

    asyncio.run(opened())


async def waiting(store: Store) -> int:
    """How many updates are stored."""
    async with store.transaction() as tx:
        return await tx.inbox.count_pending()


async def stored(store: Store, count: int) -> None:
    """Wait until so many updates are stored."""
    async with asyncio.timeout(10):
        while await waiting(store) < count:
            await asyncio.sleep(0.01)


class TestPolling:
    def test_updates_are_stored_once_and_confirmed_after(self, tmp_path: Path) -> None:
        async def script(sandbox: Sandbox, store: Store, polling: Polling) -> None:
            anna = sandbox.user(1)
            for number in range(5):
                await anna.text(f"{number}")
            task = asyncio.create_task(polling.run())
            await stored(store, 5)
            await until(lambda: not sandbox.telegram.updates.waiting)
            polling.stop()
            await task
            assert await waiting(store) == 5

        run(script, tmp_path)

    def test_what_could_not_be_stored_is_not_confirmed(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """The process ends while the database is out of reach: Telegram still has the update."""

        async def script(sandbox: Sandbox, store: Store, polling: Polling) -> None:
            failed = asyncio.Event()

            async def fail(self: Inbox, updates: object) -> int:
                failed.set()
                raise OSError

            with monkeypatch.context() as patch:
                patch.setattr(Inbox, "add", fail)
                await sandbox.user(1).text("hello")
                task = asyncio.create_task(polling.run())
                await failed.wait()
                task.cancel()
                await asyncio.wait({task})
            assert sandbox.telegram.updates.waiting == 1
            assert await waiting(store) == 0

        run(script, tmp_path)

    def test_three_deliveries_in_disorder_are_one_update(self, tmp_path: Path) -> None:
        async def script(sandbox: Sandbox, store: Store, polling: Polling) -> None:
            sandbox.chaos.copies, sandbox.chaos.spread_s = 3, 0.5
            task = asyncio.create_task(polling.run())
            for number in range(20):
                await sandbox.user(1 + number % 3).text(f"{number}")
            await stored(store, 20)
            await until(lambda: not sandbox.telegram.updates.waiting)
            assert await waiting(store) == 20
            polling.stop()
            await task

        run(script, tmp_path)

    @pytest.mark.parametrize(
        "fault", [{"code": 500}, {"code": 502}, {"drop": "answer"}, {"code": 429, "retry_after": 1}]
    )
    def test_faults_are_waited_out(self, tmp_path: Path, fault: dict[str, object]) -> None:
        async def script(sandbox: Sandbox, store: Store, polling: Polling) -> None:
            for method in ("deleteWebhook", "getUpdates"):
                sandbox.faults.add(method, **fault)
            task = asyncio.create_task(polling.run())
            await sandbox.user(1).text("hello")
            await stored(store, 1)
            polling.stop()
            await task

        run(script, tmp_path)

    @pytest.mark.parametrize("method", ["deleteWebhook", "getUpdates"])
    @pytest.mark.parametrize("code", [401, 404])
    def test_a_token_that_is_refused_ends_it(self, tmp_path: Path, method: str, code: int) -> None:
        async def script(sandbox: Sandbox, store: Store, polling: Polling) -> None:
            sandbox.faults.add(method, code=code)
            with pytest.raises(InvalidInput) as refused:
                await polling.run()
            assert refused.value.message.code == "token-refused"

        run(script, tmp_path)

    def test_a_stop_interrupts_the_wait(self, tmp_path: Path) -> None:
        async def script(sandbox: Sandbox, store: Store, polling: Polling) -> None:
            task = asyncio.create_task(polling.run())
            await until(lambda: sandbox.telegram.is_connected)
            polling.stop()
            async with asyncio.timeout(2):
                await task

        run(script, tmp_path)


class TestTwoPollers:
    def test_on_one_machine_the_lock_refuses_the_second(self, tmp_path: Path) -> None:
        async def script() -> None:
            async with Sandbox() as sandbox, run_app(sandbox, tmp_path):
                with pytest.raises(InvalidInput) as refused:
                    async with run_app(sandbox, tmp_path / "other"):
                        pass
            assert refused.value.message.code == "bot-runs-already"

        asyncio.run(script())

    def test_on_two_machines_telegram_refuses_the_second_and_the_first_goes_on(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        async def script(sandbox: Sandbox, store: Store, second: Polling) -> None:
            async with client(sandbox) as bot:
                first = Polling(bot, Inbox(store, Signal()), ["message"], start_s=0)
                task = asyncio.create_task(first.run())
                await sandbox.user(1).text("one")
                await stored(store, 1)
                with pytest.raises(InvalidInput) as refused:
                    async with asyncio.timeout(10):
                        await second.run()
                assert refused.value.message.code == "token-polled-elsewhere"
                assert "TelegramConflictError" in caplog.text
                await sandbox.user(1).text("two")
                await stored(store, 2)
                first.stop()
                await task

        run(script, tmp_path)


@pytest.mark.parametrize(
    ("update", "user"),
    [
        ({"update_id": 1, "message": {"from": {"id": 7}, "chat": {"id": 8}}}, 7),
        ({"update_id": 1, "callback_query": {"from": {"id": 7}}}, 7),
        ({"update_id": 1, "my_chat_member": {"from": {"id": 7}}}, 7),
        ({"update_id": 1, "channel_post": {"chat": {"id": 8}}}, None),
        ({"update_id": 1, "message": {"from": "somebody"}}, None),
        ({"update_id": 1}, None),
    ],
)
def test_an_update_belongs_to_whose_doing_it_is(update: dict[str, object], user: int | None) -> None:
    assert get_sender_id(update) == user
