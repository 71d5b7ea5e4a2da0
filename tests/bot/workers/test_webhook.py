"""Updates that Telegram sends itself: who may send, what is taken, and several processes on one database."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from io import BytesIO
from pathlib import Path

import pytest
from aiohttp import ClientSession

from bot.app import App
from bot.workers.polling import Inbox
from bot.workers.signals import Signal
from bot.workers.webhook import Webhook
from inference.errors import InvalidInput
from sandbox.server import Sandbox
from storage.errors import StorageError
from storage.store import Store
from tests.support.bot.conversation import FakeEngine, picture
from tests.support.bot.outbox import client, texts, until
from tests.support.bot.running_app import SECRET, run_app
from tests.support.postgres import Cluster

HEADER = "X-Telegram-Bot-Api-Secret-Token"
UPDATE = {"update_id": 1, "message": {"from": {"id": 7}, "text": "привет"}}

Post = Callable[..., Awaitable[int]]


def run(script: Callable[[Post, Store], Awaitable[None]], folder: Path) -> None:
    """Run a script with a webhook and its store."""

    async def opened() -> None:
        store = await Store.open(f"sqlite+aiosqlite:///{folder / 'inbox.db'}")
        webhook = Webhook(Inbox(store, Signal()), "https://example.org/hook", SECRET, "127.0.0.1", 0)
        await webhook.start()
        try:
            async with ClientSession(f"http://127.0.0.1:{webhook.port}") as session:

                async def post(body: object, secret: str | None = SECRET, path: str = "/hook") -> int:
                    data = BytesIO(body if isinstance(body, bytes) else json.dumps(body).encode())
                    headers = {HEADER: secret} if secret is not None else {}
                    async with session.post(path, data=data, headers=headers) as response:
                        return response.status

                await script(post, store)
                async with session.get("/health") as response:
                    assert response.status == 200
        finally:
            await webhook.stop()
            await store.close()

    asyncio.run(opened())


async def waiting(store: Store) -> int:
    """How many updates are stored."""
    async with store.transaction() as tx:
        return await tx.inbox.count_pending()


class TestReceiving:
    def test_an_update_is_stored_when_it_is_answered_and_once(self, tmp_path: Path) -> None:
        async def script(post: Post, store: Store) -> None:
            for _ in range(3):
                assert await post(UPDATE) == 200
                assert await waiting(store) == 1

        run(script, tmp_path)

    @pytest.mark.parametrize("secret", [None, "", "wrong", SECRET + "x", "пароль"])
    def test_without_the_secret_nothing_is_taken(self, tmp_path: Path, secret: str | None) -> None:
        async def script(post: Post, store: Store) -> None:
            assert await post(UPDATE, secret) == 401
            assert await waiting(store) == 0

        run(script, tmp_path)

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"{",
            b"\xff",
            b"[" * 100_000,
            [],
            1,
            {},
            {"update_id": "1"},
            {"update_id": None},
            {"update_id": 2**63},
            {"update_id": True},
            {"message": {}},
        ],
    )
    def test_what_is_no_update_is_refused(self, tmp_path: Path, body: object) -> None:
        async def script(post: Post, store: Store) -> None:
            assert await post(body) == 400
            assert await waiting(store) == 0

        run(script, tmp_path)

    def test_a_huge_body_is_refused(self, tmp_path: Path) -> None:
        async def script(post: Post, store: Store) -> None:
            assert await post(b" " * (2 * 1024 * 1024)) == 413

        run(script, tmp_path)

    def test_other_addresses_lead_nowhere(self, tmp_path: Path) -> None:
        async def script(post: Post, store: Store) -> None:
            assert await post(UPDATE, path="/") == 404

        run(script, tmp_path)

    def test_what_cannot_be_stored_is_not_answered_with_200(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def script(post: Post, store: Store) -> None:
            async def fail(self: Inbox, updates: object) -> int:
                raise StorageError("database-unavailable", reason="gone")

            with monkeypatch.context() as patch:
                patch.setattr(Inbox, "add", fail)
                assert await post(UPDATE) == 500
            assert await post(UPDATE) == 200

        run(script, tmp_path)

    def test_a_taken_port_is_one_sentence(self, tmp_path: Path) -> None:
        async def script() -> None:
            store = await Store.open(f"sqlite+aiosqlite:///{tmp_path / 'inbox.db'}")
            with socket.socket() as taken:
                taken.bind(("127.0.0.1", 0))
                taken.listen()
                port = taken.getsockname()[1]
                webhook = Webhook(Inbox(store, Signal()), "https://example.org/hook", SECRET, "127.0.0.1", port)
                with pytest.raises(InvalidInput) as refused:
                    await webhook.start()
            await store.close()
            assert (refused.value.message.code, refused.value.message.details) == ("port-taken", {"port": str(port)})

        asyncio.run(script())


class TestRegistration:
    def test_the_webhook_is_set_with_url_updates_and_secret(self, tmp_path: Path) -> None:
        async def script() -> None:
            async with Sandbox() as sandbox, client(sandbox) as bot:
                store = await Store.open(f"sqlite+aiosqlite:///{tmp_path / 'inbox.db'}")
                url = "http://127.0.0.1:1/hook"
                sandbox.faults.add("setWebhook", code=502)
                await Webhook(Inbox(store, Signal()), url, SECRET, "127.0.0.1", 0).register(bot, ["message"])
                await store.close()
                _, call = [call for call in sandbox.calls if call.method == "setWebhook"]
                assert call.params["url"] == url
                assert call.params["secret_token"] == SECRET
                assert call.params["allowed_updates"] in ('["message"]', ["message"])

        asyncio.run(script())

    @pytest.mark.parametrize(("code", "complaint"), [(400, "webhook-refused"), (401, "token-refused")])
    def test_a_refusal_ends_the_bot_with_a_sentence(self, tmp_path: Path, code: int, complaint: str) -> None:
        async def script() -> None:
            async with Sandbox() as sandbox:
                sandbox.faults.add("setWebhook", code=code)
                url = "http://127.0.0.1:1/hook"
                async with run_app(sandbox, tmp_path, webhook_url=url, webhook_secret=SECRET, webhook_port=0) as app:
                    with pytest.raises(InvalidInput) as refused:
                        async with asyncio.timeout(10):
                            await app.wait_stopped()
                assert refused.value.message.code == complaint

        asyncio.run(script())


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class TestTwoProcesses:
    """Two bots behind one address: here they take the updates in turns, whole or in parts of an album."""

    def test_they_share_the_work_and_say_everything_once(self, tmp_path: Path) -> None:
        self.share(tmp_path, "")

    def test_on_postgresql_too(self, tmp_path: Path, postgres: Cluster) -> None:
        self.share(tmp_path, postgres.database())

    def share(self, tmp_path: Path, database: str) -> None:
        """Three deliveries of each update, to the one and to the other."""

        async def script() -> None:
            async with Sandbox() as sandbox, AsyncExitStack() as stack:
                ports = [free_port(), free_port()]
                apps: list[App] = []
                for port in ports:
                    given = {"webhook_url": f"http://127.0.0.1:{port}/hook", "webhook_secret": SECRET}
                    given["database_url"] = database
                    running = run_app(sandbox, tmp_path, FakeEngine(tmp_path, ["mini"]), **given, webhook_port=port)
                    apps.append(await stack.enter_async_context(running))
                session = await stack.enter_async_context(ClientSession())
                await until(lambda: [call.method for call in sandbox.calls].count("setWebhook") == 2)
                sandbox.telegram.webhook = None  # delivered by hand, to both
                people = [sandbox.user(number) for number in range(1, 6)]
                for person in people:
                    await person.album([picture("red"), picture("blue"), picture("green")], f"Цена: {person.id}00")
                updates = [delivery.update for delivery in sandbox.telegram.updates.due(100)]
                assert len(updates) == 15
                for place, update in enumerate(updates * 3):
                    url = f"http://127.0.0.1:{ports[place % 2]}/hook"
                    async with session.post(url, json=update, headers={HEADER: SECRET}) as response:
                        assert response.status == 200
                for person in people:
                    card = await person.wait("3 из 10")
                    assert f"{person.id}00" in card["text"]
                sandbox.telegram.updates.drop()
                for app in apps:
                    async with app.store.transaction() as tx:
                        assert await tx.inbox.count_pending() == 0
                assert [len(texts(person)) for person in people] == [1] * 5

        asyncio.run(script())
