"""The other way in: Telegram sends updates to us. Each is stored before it is answered with 200."""

from __future__ import annotations

import asyncio
import hmac
import json
from collections.abc import Sequence
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

from aiogram import Bot
from aiogram.exceptions import TelegramBadRequest
from aiohttp import web

from bot.workers.polling import Inbox, is_update, persist
from inference.errors import InvalidInput

_LARGEST_UPDATE: Final = 1024 * 1024
_HEADER: Final = "X-Telegram-Bot-Api-Secret-Token"


class Webhook:
    """A server that Telegram sends updates to."""

    def __init__(self, inbox: Inbox, url: str, secret: str, host: str, port: int) -> None:
        self._inbox = inbox
        self._secret = secret.encode()
        self._host, self._port = host, port
        self._url = url
        self.accepted = asyncio.Event()  # Telegram knows the address: the token is good
        self._runner = web.AppRunner(self._application(), access_log=None)

    @property
    def port(self) -> int:
        """The port that it listens on."""
        port: int = self._runner.addresses[0][1]
        return port

    async def start(self) -> None:
        """Listen; raises `InvalidInput` when the port is taken."""
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self._host, self._port).start()
        except OSError as error:
            await self._runner.cleanup()
            raise InvalidInput("port-taken", port=str(self._port)) from error

    async def register(self, bot: Bot, allowed: Sequence[str]) -> None:
        """Tell Telegram where to send updates. Raises `InvalidInput` when it refuses the token or the address."""
        secret = self._secret.decode()
        try:
            await persist(lambda: bot.set_webhook(self._url, secret_token=secret, allowed_updates=list(allowed)))
        except TelegramBadRequest as error:
            raise InvalidInput("webhook-refused", reason=error.message) from error
        self.accepted.set()

    async def stop(self) -> None:
        """Answer what came, then listen no more. The webhook stays set: updates wait at Telegram or go to others."""
        await self._runner.cleanup()

    def _application(self) -> web.Application:
        application = web.Application(client_max_size=_LARGEST_UPDATE)
        application.router.add_get("/health", self._health)
        application.router.add_post(urlsplit(self._url).path or "/", self._receive)
        return application

    async def _health(self, request: web.Request) -> web.Response:
        return web.Response(text="ok")

    async def _receive(self, request: web.Request) -> web.Response:
        given = request.headers.get(_HEADER, "").encode("utf-8", "surrogateescape")
        if not hmac.compare_digest(given, self._secret):
            return web.Response(status=HTTPStatus.UNAUTHORIZED)
        try:
            update = json.loads(await request.read())
        except (ValueError, RecursionError):
            return web.Response(status=HTTPStatus.BAD_REQUEST)
        if not is_update(update):
            return web.Response(status=HTTPStatus.BAD_REQUEST)
        await self._inbox.add([update])
        return web.Response()
