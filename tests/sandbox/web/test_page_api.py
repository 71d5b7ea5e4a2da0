"""What the web chat asks of the sandbox, over plain HTTP."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiogram import Bot
from aiogram.types import BotCommand
from aiohttp import ClientResponse, ClientSession, FormData

from sandbox.server import Sandbox
from sandbox.web import body
from tests.support.sandbox import arrived, gif, greeted, keyboard, local, picture


class Browser:
    """Asks as the page does: JSON in, JSON out."""

    def __init__(self, sandbox: Sandbox, session: ClientSession) -> None:
        self.root = sandbox.url
        self.session = session

    async def ask(self, method: str, path: str, content: object = None, **more: Any) -> tuple[int, Any]:
        """The status and the JSON of an answer."""
        async with self.session.request(method, f"{self.root}/sandbox/{path}", json=content, **more) as answer:
            return answer.status, await answer.json()

    async def upload(self, user: int, files: list[tuple[str, bytes]], **fields: str) -> tuple[int, Any]:
        """The answer to files that are sent."""
        form = FormData(default_to_multipart=True)
        for name, data in files:
            form.add_field("files", io.BytesIO(data), filename=name, content_type="application/octet-stream")
        for name, value in fields.items():
            form.add_field(name, value)
        return await self.ask("POST", f"users/{user}/files", data=form)


def browsed(story: Callable[[Sandbox, Bot, Browser], Awaitable[None]]) -> Callable[[], None]:
    """A plain test of a story that needs a browser too."""

    async def play(sandbox: Sandbox, bot: Bot) -> None:
        async with ClientSession() as session:
            await story(sandbox, bot, Browser(sandbox, session))

    play.__name__, play.__doc__ = story.__name__, story.__doc__
    return local(play)


async def happened(stream: ClientResponse, count: int) -> list[tuple[str, Any]]:
    """The next server-sent events: name and data."""
    events: list[tuple[str, Any]] = []
    name = ""
    async with asyncio.timeout(5):
        while len(events) < count:
            line = (await stream.content.readline()).decode().rstrip("\n")
            if line.startswith("event: "):
                name = line.removeprefix("event: ")
            elif line.startswith("data: "):
                events.append((name, json.loads(line.removeprefix("data: "))))
    return events


@browsed
async def test_users_are_made_changed_and_listed(sandbox: Sandbox, bot: Bot, browser: Browser) -> None:
    status, person = await browser.ask("POST", "users", {"name": " Аня ", "language": "ru"})
    assert (status, person["name"], person["language"], person["blocked"]) == (200, "Аня", "ru", False)
    one = f"users/{person['id']}"
    assert (await browser.ask("PATCH", one, {"language": "en"}))[1]["language"] == "en"
    assert (await browser.ask("POST", f"{one}/blocked", {"blocked": True}))[1]["blocked"] is True
    assert (await browser.ask("POST", f"{one}/blocked", {"blocked": False}))[1]["blocked"] is False
    sandbox.user(7, "Боря")
    listed = (await browser.ask("GET", "users"))[1]
    assert [(one["name"], one["language"]) for one in listed] == [("Аня", "en"), ("Боря", "ru")]
    await browser.ask("POST", f"{one}/messages", {"text": "a"})
    update = (await arrived(bot, 3))[-1]
    assert update.message
    assert update.message.from_user
    assert update.message.from_user.language_code == "en"


@browsed
async def test_the_bot_s_name_state_and_commands_are_returned(sandbox: Sandbox, bot: Bot, browser: Browser) -> None:
    assert (await browser.ask("GET", "bot"))[1]["connected"] is False
    await bot.get_updates(timeout=0)
    await bot.set_my_commands([BotCommand(command="start", description="начать")], language_code="ru")
    await bot.set_my_commands([BotCommand(command="start", description="begin")])
    told = (await browser.ask("GET", "bot"))[1]
    assert (told["name"], told["username"], told["connected"]) == ("Описалка", "opisalka_sandbox_bot", True)
    assert "not Telegram" in told["notice"]
    descriptions = {code: commands[0]["description"] for code, commands in told["commands"].items()}
    assert descriptions == {"": "begin", "en": "begin", "ru": "начать"}


@browsed
async def test_messages_are_written_rewritten_and_read(sandbox: Sandbox, bot: Bot, browser: Browser) -> None:
    sandbox.user(7)
    _, message = await browser.ask("POST", "users/7/messages", {"text": "/start"})
    await bot.send_message(7, "<b>hi</b>", parse_mode="HTML")
    path = f"users/7/messages/{message['message_id']}"
    assert (await browser.ask("PATCH", path, {"text": "/help"}))[1]["text"] == "/help"
    _, messages = await browser.ask("GET", "users/7/messages")
    assert [one["text"] for one in messages] == ["/help", "hi"]
    assert messages[1]["entities"] == [{"type": "bold", "offset": 0, "length": 2}]
    assert [update.event_type for update in await arrived(bot, 2)] == ["message", "edited_message"]


@browsed
async def test_files_become_albums_and_can_be_seen(sandbox: Sandbox, bot: Bot, browser: Browser) -> None:
    sandbox.user(7)
    files = [("a.png", picture()), ("b.png", picture(color="blue"))]
    _, photos = await browser.upload(7, files, caption="Цена: 1", **{"as": "photo"})
    assert [one.get("caption") for one in photos] == ["Цена: 1", None]
    assert photos[0]["media_group_id"] == photos[1]["media_group_id"]
    _, documents = await browser.upload(7, files, **{"as": "document"})
    assert [one["document"]["file_name"] for one in documents] == ["a.png", "b.png"]
    _, [film] = await browser.upload(7, [("a.gif", gif())])
    assert film["animation"]["mime_type"] == "video/mp4"
    assert len(await arrived(bot, 5)) == 5
    for file_id, kind in (
        (photos[0]["photo"][0]["file_id"], "image/jpeg"),
        (film["animation"]["file_id"], "video/mp4"),
    ):
        async with browser.session.get(f"{browser.root}/sandbox/files/{file_id}") as answer:
            assert (answer.status, answer.content_type) == (200, kind)
            assert "Content-Disposition" not in answer.headers


@browsed
async def test_a_file_that_could_act_as_a_page_is_only_downloaded(sandbox: Sandbox, bot: Bot, browser: Browser) -> None:
    message = await sandbox.user(7).document(b"<script>alert(1)</script>", "a.html", "text/html")
    async with browser.session.get(f"{browser.root}/sandbox/files/{message['document']['file_id']}") as answer:
        assert answer.content_type == "application/octet-stream"
        assert answer.headers["Content-Disposition"] == "attachment"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


@browsed
async def test_a_press_is_answered(sandbox: Sandbox, bot: Bot, browser: Browser) -> None:
    await greeted(sandbox)
    sent = await bot.send_message(7, "a", reply_markup=keyboard(Да="yes"))
    press = {"message_id": sent.message_id, "data": "yes"}
    pressing = asyncio.create_task(browser.ask("POST", "users/7/callbacks", press))
    [update] = await arrived(bot)
    assert update.callback_query
    await bot.answer_callback_query(update.callback_query.id, "ok")
    assert await pressing == (200, {"text": "ok", "show_alert": False, "url": ""})


@browsed
async def test_events_are_streamed_as_they_happen(sandbox: Sandbox, bot: Bot, browser: Browser) -> None:
    await greeted(sandbox)
    await greeted(sandbox, 8)
    url = f"{browser.root}/sandbox/events"
    async with browser.session.get(url) as every, browser.session.get(url, params={"user": 7}) as own:
        assert own.content_type == "text/event-stream"
        await bot.send_message(8, "чужое")
        sent = await bot.send_message(7, "a")
        await sent.edit_text("b")
        await bot.send_chat_action(7, "typing")
        await sent.delete()
        await bot.set_my_commands([BotCommand(command="a", description="b")])
        visible = await happened(own, 5)
        assert [name for name, _ in visible] == ["message", "edited", "action", "deleted", "commands"]
        assert [data["user"] for _, data in visible] == [7, 7, 7, 7, None]
        assert (visible[1][1]["text"], visible[2][1]["action"]) == ("b", "typing")
        assert visible[3][1]["message_id"] == sent.message_id
        assert (await happened(every, 1))[0][1]["text"] == "чужое"
        sandbox.user(9, "Вера")
        assert (await happened(every, 6))[-1] == ("user", {"user": 9, **sandbox.user(9).card})


@browsed
async def test_faults_can_be_ordered_and_forgotten(sandbox: Sandbox, bot: Bot, browser: Browser) -> None:
    assert (await browser.ask("POST", "faults", {"method": "getMe", "code": 500, "times": 5}))[0] == 200
    fault = sandbox.faults.take("getMe", None)
    assert fault
    assert (fault.code, fault.times) == (500, 4)
    await browser.ask("DELETE", "faults")
    assert sandbox.faults.take("getMe", None) is None


BAD: list[tuple[str, str, object, int, str]] = [
    ("POST", "users", [], 400, "the body must be a JSON object"),
    ("POST", "users", {}, 400, "name is missing"),
    ("POST", "users", {"name": 5, "language": "ru"}, 400, "name must be of type str"),
    ("POST", "users", {"name": " ", "language": "ru"}, 400, "name must hold 1 to 64 characters"),
    ("POST", "users", {"name": "a", "language": "Russian"}, 400, "language must be a code such as ru or en"),
    ("PATCH", "users/5", {"language": "ru"}, 404, "there is no user 5"),
    ("POST", "users/x/messages", {"text": "a"}, 400, "'x' is not a number"),
    ("POST", "users/7/messages", {"text": ""}, 400, "text must hold 1 to 65536 characters"),
    ("POST", "users/7/messages", {"text": None}, 400, "text is missing"),
    ("POST", "users/7/blocked", {"blocked": "yes"}, 400, "blocked must be of type bool"),
    ("PATCH", "users/7/messages/1", {"text": "a"}, 404, "this user wrote no message 1"),
    ("POST", "users/7/callbacks", {"message_id": True, "data": "a"}, 400, "message_id must be of type int"),
    ("POST", "users/7/callbacks", {"message_id": 1, "data": "a"}, 404, "no button 'a' in the chat"),
    ("POST", "users/7/files", {"files": []}, 400, "the body must be multipart/form-data"),
    ("POST", "faults", {"drop": "all"}, 400, "drop must be request or answer"),
    ("POST", "faults", {"times": "2"}, 400, "times must be of type int"),
    ("GET", "files/nothing", None, 404, "there is no such file"),
    ("GET", "events?user=x", None, 400, "'x' is not a number"),
    ("GET", "users/99999999999999999999/messages", None, 400, "'99999999999999999999' is not a number"),
]


@browsed
async def test_an_invalid_request_is_answered_with_a_sentence(sandbox: Sandbox, bot: Bot, browser: Browser) -> None:
    sandbox.user(7)
    told = [await browser.ask(method, path, content) for method, path, content, _, _ in BAD]
    assert told == [(status, {"error": sentence}) for _, _, _, status, sentence in BAD]


@browsed
async def test_files_that_cannot_be_sent_are_refused(sandbox: Sandbox, bot: Bot, browser: Browser) -> None:
    sandbox.user(7)
    one = [("a.png", picture())]
    assert await browser.upload(7, [], caption="c") == (400, {"error": "there are no files in the request"})
    assert await browser.upload(7, [("a.png", b"")]) == (400, {"error": "the file a.png is empty"})
    assert await browser.upload(7, one, **{"as": "video"}) == (400, {"error": "as must be photo or document"})
    assert await browser.upload(7, one, name="x") == (400, {"error": "the fields are files, caption and as"})
    assert await browser.upload(7, one * 31) == (400, {"error": "at most 30 files can be sent at once"})
    long = (400, {"error": "a caption holds at most 1024 characters"})
    assert await browser.upload(7, one, caption="x" * 1025) == long
    assert sandbox.user(7).messages == []


def test_a_file_over_the_limit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body, "FILE_LIMIT", 2**20)

    @browsed
    async def story(sandbox: Sandbox, bot: Bot, browser: Browser) -> None:
        sandbox.user(7)
        assert (await browser.upload(7, [("a.bin", b"x" * 2**20)]))[0] == 200
        refused = (400, {"error": "files must not be larger than 1 MB each"})
        assert await browser.upload(7, [("a.bin", b"x" * (2**20 + 1))]) == refused

    story()


@browsed
async def test_a_body_that_is_no_json_or_no_form_is_refused(sandbox: Sandbox, bot: Bot, browser: Browser) -> None:
    sandbox.user(7)
    plain = {"data": b'{"text": "a"}', "headers": {"Content-Type": "text/plain"}}
    wrong = (400, {"error": "the body must be JSON, sent as application/json"})
    assert await browser.ask("POST", "users/7/messages", **plain) == wrong
    broken = {"data": b"{", "headers": {"Content-Type": "application/json"}}
    assert (await browser.ask("POST", "users/7/messages", **broken))[0] == 400
    form = {"data": b"nonsense", "headers": {"Content-Type": "multipart/form-data; boundary=x"}}
    assert (await browser.ask("POST", "users/7/files", **form))[0] == 400
    bare = {"data": b"nonsense", "headers": {"Content-Type": "multipart/form-data"}}
    assert (await browser.ask("POST", "users/7/files", **bare))[0] == 400


@browsed
async def test_the_page_itself_is_served(sandbox: Sandbox, bot: Bot, browser: Browser) -> None:
    async with browser.session.get(browser.root) as answer:
        assert (answer.status, answer.content_type) == (200, "text/html")
        assert "this is not Telegram" in answer.headers["Server"]
