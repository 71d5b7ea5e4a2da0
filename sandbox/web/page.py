"""The HTTP endpoints of the web chat: the page, and what its users do as JSON under `/sandbox`."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from aiohttp import web

from sandbox.loopback import Handler
from sandbox.state.events import Event, Listener
from sandbox.state.faults import Fault
from sandbox.state.telegram import Telegram
from sandbox.testing.people import People
from sandbox.testing.person import Person
from sandbox.web import body
from sandbox.web.body import read_body, read_files

STATIC = Path(__file__).parent / "static"
HEARTBEAT_S = 15.0
ANSWER_S = 15.0
SHOWN = frozenset({"image/jpeg", "image/png", "image/webp", "image/gif", "image/avif", "image/bmp", "video/mp4"})
"""Kinds of files that a browser may show; all others it only downloads, so that none of them acts as a page."""
NOTICE = "A local sandbox, not Telegram: nothing leaves this machine."


@web.middleware
async def plain_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer invalid requests of the page with one sentence."""
    if not request.path.startswith("/sandbox/"):
        return await handler(request)
    try:
        return await handler(request)
    except (KeyError, IndexError):
        raise
    except LookupError as error:
        return _refusal(404, str(error))
    except TimeoutError:
        return _refusal(504, "the bot did not answer in time")
    except ValueError as error:
        return _refusal(400, str(error))


def _refusal(status: int, sentence: str) -> web.Response:
    return web.json_response({"error": sentence}, status=status)


class Page:
    """The routes of the page and of its API."""

    def __init__(self, telegram: Telegram, people: People) -> None:
        self._telegram = telegram
        self._people = people

    def routes(self) -> list[web.AbstractRouteDef]:
        """Return the routes of the page."""
        one = "/sandbox/users/{user}"
        return [
            web.get("/", self.index),
            web.static("/static", STATIC),
            web.get("/sandbox/bot", self.bot),
            web.get("/sandbox/events", self.events),
            web.get("/sandbox/files/{file_id}", self.file),
            web.post("/sandbox/faults", self.add_fault),
            web.delete("/sandbox/faults", self.clear_faults),
            web.get("/sandbox/users", self.users),
            web.post("/sandbox/users", self.add_user),
            web.patch(one, self.change_user),
            web.post(f"{one}/blocked", self.block),
            web.get(f"{one}/messages", self.messages),
            web.post(f"{one}/messages", self.write),
            web.patch(one + "/messages/{message}", self.rewrite),
            web.post(f"{one}/files", self.send_files),
            web.post(f"{one}/callbacks", self.press),
        ]

    async def index(self, request: web.Request) -> web.StreamResponse:
        """Serve the page itself."""
        return web.FileResponse(STATIC / "index.html")

    async def bot(self, request: web.Request) -> web.Response:
        """Return the bot's identity, connection state, and commands per language (of a user's chat if one is given)."""
        chat_id = _number(request.query.get("user", "0"))
        languages = sorted({*self._telegram.menu.languages(), "ru", "en"})
        about = {
            "name": self._telegram.bot["first_name"],
            "username": self._telegram.bot["username"],
            "connected": self._telegram.is_connected,
            "commands": {code: self._telegram.menu.visible(chat_id, code) for code in languages},
            "notice": NOTICE,
        }
        return web.json_response(about)

    async def users(self, request: web.Request) -> web.Response:
        """Return all simulated users."""
        return web.json_response([person.card for person in self._people.everyone])

    async def add_user(self, request: web.Request) -> web.Response:
        """Create a user."""
        new = await read_body(request, body.NewUser)
        person = self._people.add(new.name.strip(), new.language)
        return web.json_response(person.card)

    async def change_user(self, request: web.Request) -> web.Response:
        """Change the user's language."""
        person = self._person(request)
        person.choose_language((await read_body(request, body.NewLanguage)).language)
        return web.json_response(person.card)

    async def block(self, request: web.Request) -> web.Response:
        """Block or unblock the bot."""
        person = self._person(request)
        if (await read_body(request, body.Blocking)).blocked:
            person.block()
        else:
            person.unblock()
        return web.json_response(person.card)

    async def messages(self, request: web.Request) -> web.Response:
        """Return the chat as it looks now."""
        return web.json_response(self._person(request).messages)

    async def write(self, request: web.Request) -> web.Response:
        """Send a text message."""
        person = self._person(request)
        return web.json_response(await person.text((await read_body(request, body.NewMessage)).text))

    async def rewrite(self, request: web.Request) -> web.Response:
        """Edit the text or caption of a message of the user."""
        person, message_id = self._person(request), _number(request.match_info["message"])
        new = await read_body(request, body.NewText)
        return web.json_response(await person.edit(message_id, new.text))

    async def send_files(self, request: web.Request) -> web.Response:
        """Send photos, documents, GIFs; several form an album. Returns the messages."""
        person = self._person(request)
        files, caption = await read_files(request)
        return web.json_response(await person.send(files, caption))

    async def press(self, request: web.Request) -> web.Response:
        """Press a button and wait for the bot's answer; 504 if none arrives."""
        person = self._person(request)
        press = await read_body(request, body.Press)
        return web.json_response(await person.press(press.data, press.message_id, ANSWER_S))

    async def file(self, request: web.Request) -> web.StreamResponse:
        """Serve the bytes of a file."""
        stored = self._telegram.files.of_id(request.match_info["file_id"])
        if stored is None:
            raise LookupError("there is no such file")
        if stored.mime in SHOWN:
            return web.FileResponse(stored.path, headers={"Content-Type": stored.mime})
        headers = {"Content-Type": "application/octet-stream", "Content-Disposition": "attachment"}
        return web.FileResponse(stored.path, headers=headers)

    async def add_fault(self, request: web.Request) -> web.Response:
        """Inject a fault; fields as in `Fault`."""
        self._telegram.faults.inject(await read_body(request, Fault))
        return web.json_response({"ok": True})

    async def clear_faults(self, request: web.Request) -> web.Response:
        """Remove all faults."""
        self._telegram.faults.clear()
        return web.json_response({"ok": True})

    async def events(self, request: web.Request) -> web.StreamResponse:
        """Stream events from now on, of one user if given, as server-sent events."""
        user = _number(request.query["user"]) if "user" in request.query else None
        stream = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        with self._telegram.events.listening() as happened:
            await stream.prepare(request)
            await _relay(stream, happened, user)
        return stream

    def _person(self, request: web.Request) -> Person:
        return self._people.find(_number(request.match_info["user"]))


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise ValueError(f"{text!r} is not a number")
    return int(text)


async def _relay(stream: web.StreamResponse, happened: Listener, user: int | None) -> None:
    """Forward events until the browser disconnects or the sandbox closes."""
    try:
        while True:
            try:
                async with asyncio.timeout(HEARTBEAT_S):
                    event = await happened.get()
            except TimeoutError:
                await stream.write(b": still here\n\n")
                continue
            if event is None:
                return
            if user is None or event.user in (None, user):
                await stream.write(_line(event))
    except ConnectionResetError:
        return


def _line(event: Event) -> bytes:
    data = json.dumps({"user": event.user, **event.data}, ensure_ascii=False)
    return f"event: {event.name}\ndata: {data}\n\n".encode()
