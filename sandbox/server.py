"""The local Telegram as a server: one port of this machine with the Bot API and the web chat."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Self

from aiohttp import web

from sandbox.api.bot_api import BotApi
from sandbox.loopback import guard, is_loopback, mark
from sandbox.state.faults import Faults
from sandbox.state.limits import Limits
from sandbox.state.telegram import Call, Telegram
from sandbox.state.types import Json
from sandbox.state.updates import Chaos
from sandbox.testing.people import People
from sandbox.testing.person import Person
from sandbox.web.page import Page, plain_errors

BODY_LIMIT = 50 * 2**20
"""What a bot may upload in one call, bytes."""
SHUTDOWN_S = 1.0


class Sandbox:
    """An async context manager that serves at `url`. It is not Telegram and listens on loopback only.

    `port` 0 picks a free one. Raises `ValueError` for a host that is not this machine's loopback.
    """

    def __init__(self, token: str = "42:SANDBOX", port: int = 0, host: str = "127.0.0.1") -> None:  # noqa: S107
        if not is_loopback(host):
            raise ValueError(f"the sandbox listens on loopback only, not on {host}")
        self._host, self._port = host, port
        self._folder = TemporaryDirectory(prefix="opisalka-sandbox-")
        self.telegram = Telegram(token, Path(self._folder.name))
        self._people = People(self.telegram)
        self._runner: web.AppRunner | None = None

    @property
    def token(self) -> str:
        """Return the only valid token."""
        return self.telegram.token

    @property
    def url(self) -> str:
        """Return the address of the web chat, which is also the base of the Bot API."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._port}"

    @property
    def faults(self) -> Faults:
        """Return the injected faults."""
        return self.telegram.faults

    @property
    def chaos(self) -> Chaos:
        """Return the duplication and reordering of updates; may be changed at any time."""
        return self.telegram.updates.chaos

    @chaos.setter
    def chaos(self, chaos: Chaos) -> None:
        self.telegram.updates.chaos = chaos

    @property
    def calls(self) -> list[Call]:
        """Return all calls of the bot so far."""
        return self.telegram.calls

    @property
    def limits(self) -> Limits | None:
        """Return the rate limits of the bot; None (the default) for none."""
        return self.telegram.limits

    @limits.setter
    def limits(self, limits: Limits | None) -> None:
        self.telegram.limits = limits

    def user(self, id: int, name: str = "", language: str = "ru") -> Person:  # noqa: A002 - Telegram's own word
        """Return a simulated user, created if new; an empty name is filled in."""
        return self._people.user(id, name, language)

    def push(self, update: Json) -> Json:
        """Queue a raw update; one without an `update_id` gets the next."""
        return self.telegram.updates.push(update)

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=BODY_LIMIT, middlewares=[guard, plain_errors])
        app.add_routes(BotApi(self.telegram).routes())
        app.add_routes(Page(self.telegram, self._people).routes())
        app.on_response_prepare.append(mark)
        self._runner = web.AppRunner(app, shutdown_timeout=SHUTDOWN_S, access_log=None)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self._host, self._port).start()
        except OSError:
            await self.__aexit__(None, None, None)  # a taken port leaves nothing behind
            raise
        self._port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.telegram.close()
        if self._runner is not None:
            await self._runner.cleanup()
        self._folder.cleanup()
