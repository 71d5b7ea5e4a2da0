"""Restrict the sandbox to this machine and to clients that mean to talk to it."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Awaitable, Callable

from aiohttp import web

NAME = "opisalka-sandbox (this is not Telegram)"
HEADERS = {
    "Server": NAME,
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}
HOST = re.compile(r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]+)(:\d{1,5})?")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def is_loopback(host: str) -> bool:
    """Return True for an address or name of this machine's loopback interface."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def stranger(request: web.Request) -> str | None:
    """Return the reason why a request is rejected, or None.

    A page of another site may reach this server through a name that it resolves to this machine (visible in the
    Host header),
    or post from its own origin (visible in the Origin and Sec-Fetch-Site headers). Programs send neither.
    """
    named = HOST.fullmatch(request.headers.get("Host", ""))
    if named is None or not is_loopback(named[1]):
        return "the sandbox answers to the name localhost and loopback addresses only"
    origin = request.headers.get("Origin")
    if origin is not None and origin != f"{request.scheme}://{request.host}":
        return "the sandbox answers to its own page only"
    foreign = request.headers.get("Sec-Fetch-Site") in ("cross-site", "same-site")
    if foreign and request.path != "/":
        return "the sandbox answers to its own page only"
    return None


@web.middleware
async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer requests of strangers with 403."""
    reason = stranger(request)
    if reason is not None:
        body = {"ok": False, "error_code": 403, "description": f"Forbidden: {reason}", "error": reason}
        return web.json_response(body, status=403)
    return await handler(request)


async def mark(request: web.Request, response: web.StreamResponse) -> None:
    """Set the headers that all responses share."""
    response.headers.update(HEADERS)
