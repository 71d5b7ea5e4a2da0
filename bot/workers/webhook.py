"""Receive updates by webhook. Each is stored before the request is answered with 200."""

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

from bot.workers.polling import Inbox, is_update, retry_until_answered
from inference.errors import InvalidInput

_LARGEST_UPDATE: Final = 1024 * 1024
_HEADER: Final = "X-Telegram-Bot-Api-Secret-Token"


class Webhook:
    """An HTTP server that Telegram posts updates to."""

    def __init__(self, inbox: Inbox, url: str, secret: str, host: str, port: int) -> None:
        self._inbox = inbox
        self._secret = secret.encode()
        self._host, self._port = host, port
        self._url = url
        self.accepted = asyncio.Event()  # set once Telegram accepts the token and the URL
        self._runner = web.AppRunner(self._build_application(), access_log=None)

    @property
    def port(self) -> int:
        """The port that the server listens on."""
        port: int = self._runner.addresses[0][1]
        return port

    async def start(self) -> None:
        """Start to listen. Raises `InvalidInput` when the port is taken."""
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self._host, self._port).start()
        except OSError as error:
            await self._runner.cleanup()
            raise InvalidInput("port-taken", port=str(self._port)) from error

    async def register(self, bot: Bot, update_types: Sequence[str]) -> None:
        """Set the webhook at Telegram. Raises `InvalidInput` when it refuses the token or the URL."""
        secret = self._secret.decode()
        try:
            await retry_until_answered(
                lambda: bot.set_webhook(self._url, secret_token=secret, allowed_updates=list(update_types))
            )
        except TelegramBadRequest as error:
            raise InvalidInput("webhook-refused", reason=error.message) from error
        self.accepted.set()

    async def stop(self) -> None:
        """Finish the open requests and close the server.

        The webhook stays set: updates wait at Telegram or go to other processes.
        """
        await self._runner.cleanup()

    def _build_application(self) -> web.Application:
        application = web.Application(client_max_size=_LARGEST_UPDATE)
        application.router.add_get("/health", self._health)
        application.router.add_post(urlsplit(self._url).path or "/", self._receive)
        return application

    async def _health(self, request: web.Request) -> web.Response:
        return web.Response(text="ok")

    async def _receive(self, request: web.Request) -> web.Response:
        secret = request.headers.get(_HEADER, "").encode("utf-8", "surrogateescape")
        if not hmac.compare_digest(secret, self._secret):
            return web.Response(status=HTTPStatus.UNAUTHORIZED)
        try:
            update = json.loads(await request.read())
        except (ValueError, RecursionError):
            return web.Response(status=HTTPStatus.BAD_REQUEST)
        if not is_update(update):
            return web.Response(status=HTTPStatus.BAD_REQUEST)
        await self._inbox.add([update])
        return web.Response()
