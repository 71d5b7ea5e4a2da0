"""An update is handled whole or not at all, by one, and never silently lost."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest
from aiogram import Dispatcher
from aiogram.types import CallbackQuery, Message

from bot.conversation.chat import Chat, Rules, open_unit_of_work
from bot.workers.signals import Signals
from bot.workers.updates import UpdateWorker
from sandbox.server import Sandbox
from storage.errors import StorageError
from storage.store import Store
from tests.support.bot.outbox import client, until

Json = dict[str, object]


class DispatcherHarness:
    """Handling on a sandbox and a store, with handlers of the test's own."""

    def __init__(self, sandbox: Sandbox, store: Store, handling: UpdateWorker, dispatcher: Dispatcher) -> None:
        self.sandbox = sandbox
        self.store = store
        self.handling = handling
        self.dispatcher = dispatcher

    async def give(self, *updates: Json | str) -> None:
        """Put updates into the inbox, numbered from 1, and handle all there is."""
        rows = [
            (number, 1, update if isinstance(update, str) else json.dumps({"update_id": number, **update}))
            for number, update in enumerate(updates, start=1)
        ]
        async with self.store.transaction() as tx:
            await tx.inbox.add(rows, time.time())
        while await self.handling.step(1) == 0:
            pass
        await self.handling.drain()

    async def said(self) -> list[str]:
        """What waits in the outbox."""
        async with self.store.transaction() as tx:
            return [each.content.text for each in await tx.outbox.claim("test", time.time() + 99, [], 99)]

    async def waiting(self) -> int:
        """How many updates are not settled."""
        async with self.store.transaction() as tx:
            return await tx.inbox.count_pending()


@asynccontextmanager
async def desks(folder: Path) -> AsyncGenerator[DispatcherHarness]:
    """Handling that is not running yet."""
    async with Sandbox() as sandbox, client(sandbox) as bot:
        store = await Store.open(f"sqlite+aiosqlite:///{folder / 'inbox.db'}")
        rules, dispatcher = Rules(default="mini", data=folder), Dispatcher(disable_fsm=True)
        handling = UpdateWorker(partial(open_unit_of_work, store, list, rules), bot, dispatcher, "here", Signals())
        try:
            yield DispatcherHarness(sandbox, store, handling, dispatcher)
        finally:
            await store.close()


def run(script: Callable[[DispatcherHarness], Awaitable[None]], folder: Path) -> None:
    """Run a test's script."""

    async def opened() -> None:
        async with desks(folder) as place:
            await script(place)

    asyncio.run(opened())


def message(text: str, user: int = 1, place: str = "private", language: str = "ru") -> Json:
    """A message as Telegram gives it."""
    sender = {"id": user, "is_bot": False, "first_name": "Анна", "language_code": language}
    chat = {"id": user, "type": place}
    return {"message": {"message_id": 5, "date": 1, "chat": chat, "from": sender, "text": text}}


def press(data: str, place: str = "private") -> Json:
    """A pressed button."""
    return {
        "callback_query": {
            "id": "77",
            "from": {"id": 1, "is_bot": False, "first_name": "Анна"},
            "chat_instance": "1",
            "data": data,
            **message("card", place=place),
        }
    }


async def echo(event: Message, chat: Chat) -> None:
    """Say the same."""
    await chat.send(event.text or "")


class TestEffects:
    def test_a_handler_answers_through_the_outbox(self, tmp_path: Path) -> None:
        async def script(place: DispatcherHarness) -> None:
            place.dispatcher.message.register(echo)
            await place.give(message("привет"))
            assert await place.said() == ["привет"]
            assert await place.waiting() == 0

        run(script, tmp_path)

    def test_the_first_language_is_the_phone_s(self, tmp_path: Path) -> None:
        async def script(place: DispatcherHarness) -> None:
            place.dispatcher.message.register(echo)
            await place.give(message("hello", language="en"), message("hello", language="ru"))
            async with place.store.transaction() as tx:
                user = await tx.users.get(1)
            assert user is not None
            assert user.language == "en"

        run(script, tmp_path)

    @pytest.mark.parametrize("place_type", ["group", "supergroup", "channel"])
    def test_outside_private_chats_the_bot_is_silent_and_remembers_nobody(
        self, tmp_path: Path, place_type: str
    ) -> None:
        async def script(place: DispatcherHarness) -> None:
            place.dispatcher.message.register(echo)
            await place.give(message("привет", place=place_type), press("x", place_type), {"poll": {"id": "1"}})
            assert await place.said() == []
            assert await place.waiting() == 0
            async with place.store.transaction() as tx:
                assert await tx.users.get(1) is None

        run(script, tmp_path)


class TestFailures:
    def test_what_fails_once_leaves_nothing_behind_and_is_done_again(self, tmp_path: Path) -> None:
        async def script(place: DispatcherHarness) -> None:
            tries = iter([True, False])

            async def stumble(event: Message, chat: Chat) -> None:
                await chat.send("said")
                if next(tries):
                    raise ZeroDivisionError

            place.dispatcher.message.register(stumble)
            await place.give(message("привет"))
            assert await place.said() == ["said"]

        run(script, tmp_path)

    def test_a_repeated_failure_is_reported_with_the_id_of_its_log_line(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        async def script(place: DispatcherHarness) -> None:
            async def fail(event: Message, chat: Chat) -> None:
                await chat.send("said")
                raise ZeroDivisionError

            async with place.store.transaction() as tx:
                await tx.users.get_or_create(1, time.time())
            place.dispatcher.message.register(fail)
            await place.give(message("привет"), message("пока"))
            said = await place.said()
            assert len(said) == 1
            ids = [record.getMessage().rpartition("[")[2].rstrip("]") for record in caplog.records]
            assert ids[1] in said[0]
            assert await place.waiting() == 0

        run(script, tmp_path)

    def test_an_update_that_cannot_be_read_harms_no_other(self, tmp_path: Path) -> None:
        async def script(place: DispatcherHarness) -> None:
            place.dispatcher.message.register(echo)
            await place.give("{", {"message": {"no": "message"}}, message("привет"))
            assert await place.waiting() == 0
            assert "привет" in await place.said()

        run(script, tmp_path)

    def test_a_database_out_of_reach_fails_no_update(self, tmp_path: Path) -> None:
        async def script(place: DispatcherHarness) -> None:
            tries = iter([True, False])

            async def stumble(event: Message, chat: Chat) -> None:
                if next(tries):
                    raise StorageError("database-unavailable", reason="gone")
                await chat.send("said")

            place.dispatcher.message.register(stumble)
            await place.give(message("привет"))
            assert await place.said() == ["said"]

        run(script, tmp_path)


class TestButtons:
    def test_a_pressed_button_is_answered_once_and_after_the_commit(self, tmp_path: Path) -> None:
        async def script(place: DispatcherHarness) -> None:
            async def toast(event: CallbackQuery, chat: Chat) -> None:
                chat.toasts += ["раз", "два"]
                await chat.send("said")

            place.dispatcher.callback_query.register(toast)
            await place.give(press("x"))
            (call,) = [call for call in place.sandbox.calls if call.method == "answerCallbackQuery"]
            assert call.params["text"] == "раз\nдва"
            assert await place.said() == ["said"]

        run(script, tmp_path)

    def test_a_handler_that_fails_leaves_no_button_spinning(self, tmp_path: Path) -> None:
        async def script(place: DispatcherHarness) -> None:
            async def fail(event: CallbackQuery, chat: Chat) -> None:
                raise ZeroDivisionError

            place.dispatcher.callback_query.register(fail)
            await place.give(press("x"))
            await until(lambda: [c for c in place.sandbox.calls if c.method == "answerCallbackQuery"])

        run(script, tmp_path)

    def test_an_answer_that_fails_harms_nothing(self, tmp_path: Path) -> None:
        async def script(place: DispatcherHarness) -> None:
            place.sandbox.faults.add("answerCallbackQuery", drop="request")
            await place.give(press("x"), message("привет"))
            assert await place.waiting() == 0

        run(script, tmp_path)
