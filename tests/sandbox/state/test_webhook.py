"""Delivery to the bot's own address."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiogram import Bot
from aiohttp import web

from sandbox.server import Sandbox
from sandbox.state.webhook import SECRET_HEADER
from tests.support.sandbox import local, refusal


class Receiver:
    """A bot's web server: keeps what it gets and answers with the statuses in `answers`, then with 200."""

    def __init__(self) -> None:
        self.got: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.secrets: list[str | None] = []
        self.answers: list[int] = []
        self.url = ""

    async def take(self, request: web.Request) -> web.Response:
        self.secrets.append(request.headers.get(SECRET_HEADER))
        self.got.put_nowait(await request.json())
        return web.Response(status=self.answers.pop(0) if self.answers else 200)

    async def texts(self, count: int) -> list[str]:
        """What the next deliveries say."""
        return [(await asyncio.wait_for(self.got.get(), 10))["message"]["text"] for _ in range(count)]


@asynccontextmanager
async def receiver() -> AsyncIterator[Receiver]:
    """A receiver on a free port."""
    one, app = Receiver(), web.Application()
    app.router.add_post("/hook", one.take)
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    one.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    try:
        yield one
    finally:
        await runner.cleanup()


@local
async def test_updates_are_delivered_with_the_secret_and_in_order(sandbox: Sandbox, bot: Bot) -> None:
    async with receiver() as hook:
        await sandbox.user(7).text("a")
        assert await bot.set_webhook(hook.url, secret_token="s3cret")  # noqa: S106
        await sandbox.user(7).text("b")
        assert await hook.texts(2) == ["a", "b"]
        assert hook.secrets == ["s3cret", "s3cret"]


@local
async def test_an_update_is_delivered_again_until_it_is_taken(sandbox: Sandbox, bot: Bot) -> None:
    sandbox.telegram.webhook_pause_s = 0.01
    async with receiver() as hook:
        hook.answers = [500, 302, 404]
        await bot.set_webhook(hook.url)
        await sandbox.user(7).text("a")
        await sandbox.user(7).text("b")
        assert await hook.texts(5) == ["a", "a", "a", "a", "b"]
        info = await bot.get_webhook_info()
        assert info.last_error_message == "Wrong response from the webhook: 404 Not Found"


@local
async def test_a_bot_that_is_away_gets_all_when_it_is_back(sandbox: Sandbox, bot: Bot) -> None:
    sandbox.telegram.webhook_pause_s = 0.01
    async with receiver() as hook:
        url = hook.url
    await bot.set_webhook(url)
    await sandbox.user(7).text("a")
    while (await bot.get_webhook_info()).last_error_message is None:
        await asyncio.sleep(0.01)
    async with receiver() as hook:
        await bot.set_webhook(hook.url)
        assert await hook.texts(1) == ["a"]


@local
async def test_polling_and_a_webhook_exclude_each_other(sandbox: Sandbox, bot: Bot) -> None:
    async with receiver() as hook:
        polling = asyncio.create_task(refusal(bot.get_updates(timeout=30)))
        while not sandbox.telegram.is_connected:
            await asyncio.sleep(0.01)
        await bot.set_webhook(hook.url)
        assert await polling == "Conflict: terminated by setWebhook request"
        assert (await refusal(bot.get_updates())).startswith("Conflict: can't use getUpdates method while webhook")
        assert await bot.delete_webhook()
        assert await bot.get_updates(timeout=0) == []


@local
async def test_what_waits_can_be_dropped(sandbox: Sandbox, bot: Bot) -> None:
    async with receiver() as hook:
        await sandbox.user(7).text("old")
        await bot.set_webhook(hook.url, drop_pending_updates=True)
        await sandbox.user(7).text("new")
        assert await hook.texts(1) == ["new"]
        await bot.delete_webhook()
        await sandbox.user(7).text("old")
        await bot.delete_webhook(drop_pending_updates=True)
        assert await bot.get_updates(timeout=0) == []


@local
async def test_the_sandbox_delivers_to_this_machine_only(sandbox: Sandbox, bot: Bot) -> None:
    assert "this machine only" in await refusal(bot.set_webhook("https://example.com/hook"))
    assert "invalid webhook URL" in await refusal(bot.set_webhook("nonsense"))
    local_url = "http://127.0.0.1:1/hook"
    assert "too long" in await refusal(bot.set_webhook(local_url, secret_token="x" * 257))
    assert "unallowed characters" in await refusal(bot.set_webhook(local_url, secret_token="пароль"))  # noqa: S106
    assert (await bot.get_webhook_info()).url == ""
