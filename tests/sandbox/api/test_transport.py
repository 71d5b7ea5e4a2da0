"""The ways in which parameters can travel, and what happens to those that cannot be read."""

from __future__ import annotations

import itertools
import json
from contextlib import suppress
from typing import Any

import pytest
from aiogram import Bot
from aiohttp import ClientSession, FormData

from sandbox import server
from sandbox.api.methods import METHODS
from sandbox.api.parameters import Parameters
from sandbox.server import Sandbox
from sandbox.state.types import BotApiError
from tests.support.sandbox import greeted, local


async def call(sandbox: Sandbox, method: str, verb: str = "POST", **sent: Any) -> tuple[int, Any]:
    """The status and the body of a bare call."""
    async with (
        ClientSession() as session,
        session.request(verb, f"{sandbox.url}/bot{sandbox.token}/{method}", **sent) as answer,
    ):
        return answer.status, await answer.json()


@local
async def test_parameters_travel_in_the_query_a_form_or_json(sandbox: Sandbox, bot: Bot) -> None:
    person = await greeted(sandbox)
    markup = {"inline_keyboard": [[{"text": "a", "callback_data": "b"}]]}
    plain = {"chat_id": "7", "text": "a", "reply_markup": json.dumps(markup)}
    form = FormData(plain)
    form.add_field("file", b"x", filename="x")
    for sent in (
        {"verb": "GET", "params": plain},
        {"data": plain},
        {"data": form},
        {"json": plain},
        {"json": {"chat_id": 7, "text": "a", "reply_markup": markup}},
    ):
        status, body = await call(sandbox, "sendMessage", **sent)
        assert (status, body["ok"], body["result"]["text"]) == (200, True, "a")
    assert all(message["reply_markup"] == markup for message in person.messages[1:])


@local
async def test_the_name_of_a_method_is_not_case_sensitive(sandbox: Sandbox, bot: Bot) -> None:
    assert (await call(sandbox, "GETME"))[1]["result"]["id"] == 42
    missing = {"ok": False, "error_code": 404, "description": "Not Found: method not found"}
    assert await call(sandbox, "getNothing") == (404, missing)


@local
async def test_what_cannot_be_read_is_a_400_and_never_a_crash(sandbox: Sandbox, bot: Bot) -> None:
    await greeted(sandbox)
    to = {"chat_id": 7, "text": "a"}
    wrong: list[dict[str, Any]] = [
        {"data": b"{", "headers": {"Content-Type": "application/json"}},
        {"json": []},
        {"data": b"x", "headers": {"Content-Type": "multipart/form-data; boundary=y"}},
        {"data": b"x", "headers": {"Content-Type": "multipart/form-data"}},
        {"json": {**to, "reply_markup": "{"}},
        {"json": {**to, "reply_markup": "[]"}},
        {"json": {**to, "reply_markup": {"inline_keyboard": {}}}},
        {"json": {**to, "reply_markup": {"inline_keyboard": [{}]}}},
        {"json": {**to, "reply_markup": {"inline_keyboard": [["a"]]}}},
        {"json": {**to, "reply_markup": {"inline_keyboard": [[{"callback_data": "b"}]]}}},
        {"json": {**to, "entities": ["a"]}},
        {"json": {**to, "entities": [{"type": "bold", "offset": "0", "length": 1}]}},
        {"json": {**to, "entities": [{"offset": 0, "length": 1}]}},
        {"json": {**to, "reply_parameters": 5}},
        {"json": {**to, "chat_id": {"a": 1}}},
        {"json": {**to, "chat_id": "@channel"}},
        {"json": {"chat_id": 7, "text": {"a": 1}, "parse_mode": []}},
    ]
    answers = [await call(sandbox, "sendMessage", **sent) for sent in wrong]
    assert [status for status, _ in answers[:-1]] == [400] * (len(wrong) - 1)
    assert all(body["description"].startswith("Bad Request: ") for _, body in answers[:-1])


NONSENSE: list[Any] = [None, True, -1, 10**30, 0.5, "", "ё", "[", [], [None], [[]], {}, {"type": None}, [{"type": 1}]]


@local
async def test_nonsense_in_any_parameter_of_any_method_crashes_nothing(sandbox: Sandbox, bot: Bot) -> None:
    person = await greeted(sandbox)
    names = (
        *("media", "commands", "scope", "message_ids", "reaction", "photo", "text", "caption", "url", "offset"),
        *("message_id", "from_chat_id", "caption_entities", "allowed_updates", "language_code", "file_id", "limit"),
    )
    for name, value in itertools.product(METHODS.keys() - {"setWebhook"}, NONSENSE):
        given = {"chat_id": 7, "text": "a", **dict.fromkeys(names, value), "timeout": 0}
        there = {**given, "text": "a", "message_id": person.messages[-1]["message_id"]}
        for parameters in (given, there):
            with suppress(BotApiError):
                json.dumps(await METHODS[name](sandbox.telegram, Parameters(parameters)))
        await person.text("again")


def test_a_body_over_the_limit_is_a_413(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "BODY_LIMIT", 1000)

    @local
    async def story(sandbox: Sandbox, bot: Bot) -> None:
        big, form = "x" * 2000, FormData()
        form.add_field("a", big.encode(), filename="a")
        for sent in ({"json": {"text": big}}, {"data": {"text": big}}, {"data": form}):
            status, body = await call(sandbox, "sendMessage", **sent)
            assert (status, body["error_code"]) == (413, 413)

    story()
