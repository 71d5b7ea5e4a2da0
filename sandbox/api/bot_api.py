"""The HTTP endpoints of the bot: `/bot<token>/<method>` and `/file/bot<token>/<path>`."""

from __future__ import annotations

import asyncio
import time

from aiohttp import web

from sandbox.api.methods import BY_LOWER_NAME, Method
from sandbox.api.parameters import Parameters, read_parameters
from sandbox.state.faults import Fault
from sandbox.state.telegram import Call, Telegram
from sandbox.state.types import BotApiError


def answer(result: object) -> web.Response:
    """Return the HTTP response for a method's result."""
    return web.json_response({"ok": True, "result": result})


def refusal(error: BotApiError) -> web.Response:
    """Return the HTTP response for an error."""
    body = {"ok": False, "error_code": error.code, "description": error.description}
    if error.parameters:
        body["parameters"] = error.parameters
    return web.json_response(body, status=error.code)


class BotApi:
    """Dispatch calls to methods, record them, and apply injected faults."""

    def __init__(self, telegram: Telegram) -> None:
        self._telegram = telegram

    def routes(self) -> list[web.RouteDef]:
        """Return the routes of the Bot API."""
        return [
            web.route("*", "/bot{token}/{method}", self.call),
            web.get("/file/bot{token}/{place:.+}", self.download),
        ]

    async def call(self, request: web.Request) -> web.StreamResponse:
        """Handle a call of any method."""
        came = time.time(), time.monotonic()
        try:
            name, method = self._method(request)
            given = await read_parameters(request)
        except BotApiError as error:
            return refusal(error)
        fault = self._telegram.faults.take(name, given.chat_id)
        response, result, told = await self._carry_out(method, given, fault)
        self._telegram.calls.append(Call(*came, name, given.values, given.chat_id, result, told))
        await self._strike(request, fault)
        return response

    async def download(self, request: web.Request) -> web.StreamResponse:
        """Serve the bytes of a file."""
        came = time.time(), time.monotonic()
        stored = self._telegram.files.of_place(request.match_info["place"])
        if request.match_info["token"] != self._telegram.token or stored is None:
            return refusal(BotApiError(404, "Not Found"))
        fault = self._telegram.faults.take("download", None)
        params = {"file_path": stored.place}
        error = fault.error if fault else None
        self._telegram.calls.append(Call(*came, "download", params, None, stored.size, str(error) if error else None))
        await self._strike(request, fault)
        return refusal(error) if error else web.FileResponse(stored.path)

    def _method(self, request: web.Request) -> tuple[str, Method]:
        if request.match_info["token"] != self._telegram.token:
            raise BotApiError(401, "Unauthorized")
        found = BY_LOWER_NAME.get(request.match_info["method"].lower())
        if found is None:
            raise BotApiError(404, "Not Found: method not found")
        return found

    async def _carry_out(
        self, method: Method, given: Parameters, fault: Fault | None
    ) -> tuple[web.Response, object, str | None]:
        """Execute a call; return the response, and the result and error for the record."""
        try:
            if fault and fault.error:
                raise fault.error
            if fault and fault.drop == "request":
                return web.Response(), None, "connection dropped"
            result = await method(self._telegram, given)
            return answer(result), result, None
        except BotApiError as error:
            return refusal(error), None, str(error)

    async def _strike(self, request: web.Request, fault: Fault | None) -> None:
        if fault and fault.delay:
            await asyncio.sleep(fault.delay)
        if fault and fault.drop and request.transport:
            request.transport.abort()
