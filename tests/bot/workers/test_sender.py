"""The outbox on its way: order, rates, every answer that Telegram has; nothing is lost or repeated for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from itertools import pairwise
from pathlib import Path

import pytest

from storage.records import OutgoingMessage
from tests.support.bot.conversation import picture
from tests.support.bot.outbox import OutboxHarness, open_outbox, texts, until

Script = Callable[[OutboxHarness], Awaitable[None]]


def run(script: Script, folder: Path) -> None:
    """Run a test's script in an open outbox."""

    async def opened() -> None:
        async with open_outbox(folder) as outbox:
            await script(outbox)

    asyncio.run(opened())


class TestOrder:
    def test_a_chat_gets_its_messages_in_order_and_texts_first(self, tmp_path: Path) -> None:
        async def script(outbox: OutboxHarness) -> None:
            anna = await outbox.user()
            await outbox.put(
                OutgoingMessage(1, "progress", priority=2),
                OutgoingMessage(1, "one"),
                OutgoingMessage(1, "two"),
                OutgoingMessage(1, "answer", priority=0),
            )
            async with outbox.sending():
                await outbox.emptied()
            assert texts(anna) == ["answer", "one", "two", "progress"]

        run(script, tmp_path)

    def test_a_slot_is_one_message_that_is_edited(self, tmp_path: Path) -> None:
        async def script(outbox: OutboxHarness) -> None:
            anna = await outbox.user()
            async with outbox.sending():
                for text in ("1 photo", "2 photos"):
                    await outbox.put(OutgoingMessage(1, text, slot="card:1"))
                    await anna.wait(text)
                await outbox.put(OutgoingMessage(1, "new card", slot="card:1", fresh=True))
                await outbox.emptied()
            assert texts(anna) == ["2 photos", "new card"]
            assert [call.method for call in outbox.calls()] == ["sendMessage", "editMessageText", "sendMessage"]

        run(script, tmp_path)

    def test_files_are_sent_as_what_they_are(self, tmp_path: Path) -> None:
        async def script(outbox: OutboxHarness) -> None:
            anna = await outbox.user()
            photos = [tmp_path / f"{colour}.jpg" for colour in ("red", "blue")]
            for path in photos:
                path.write_bytes(picture(path.stem))
            (tmp_path / "export.jsonl").write_text("{}")
            names = tuple(str(path) for path in photos)
            await outbox.put(
                OutgoingMessage(1, "<b>two</b>", photos=names),
                OutgoingMessage(1, "one", photos=names[:1]),
                OutgoingMessage(1, "file", document=str(tmp_path / "export.jsonl")),
                OutgoingMessage(
                    1, "<i>text</i>", keyboard='{"inline_keyboard": [[{"text": "OK", "callback_data": "ok"}]]}'
                ),
            )
            async with outbox.sending():
                await outbox.emptied()
            assert [call.method for call in outbox.calls()] == [
                "sendMediaGroup",
                "sendPhoto",
                "sendDocument",
                "sendMessage",
            ]
            assert texts(anna) == ["two", "", "one", "file", "text"]
            assert anna.messages[-1]["reply_markup"]["inline_keyboard"][0][0]["text"] == "OK"

        run(script, tmp_path)


class TestRates:
    def test_nobody_is_faster_than_allowed(self, tmp_path: Path) -> None:
        async def script(outbox: OutboxHarness) -> None:
            for number in range(1, 9):
                await outbox.user(number)
            await outbox.put(*(OutgoingMessage(number, f"{turn}") for turn in range(3) for number in range(1, 9)))
            async with outbox.sending(outbox.sender(total=10, chat=2)):
                await outbox.emptied()
            times = [call.monotonic for call in outbox.calls()]
            assert len(times) == 24
            assert all(times[outbox + 10] - times[outbox] >= 1 for outbox in range(14))
            for number in range(1, 9):
                own = [call.monotonic for call in outbox.calls() if call.chat_id == number]
                assert all(later - earlier >= 0.5 for earlier, later in pairwise(own))

        run(script, tmp_path)

    def test_progress_that_waits_is_said_once(self, tmp_path: Path) -> None:
        async def script(outbox: OutboxHarness) -> None:
            anna = await outbox.user()
            async with outbox.sending(outbox.sender(chat=2)):
                for step in range(10):
                    await outbox.put(OutgoingMessage(1, f"step {step}", slot="card:1", priority=2))
                    await asyncio.sleep(0.03)
                await outbox.emptied()
            assert texts(anna) == ["step 9"]
            assert len(outbox.calls()) <= 3

        run(script, tmp_path)

    def test_typing_is_shown_where_a_text_is_written_and_keeps_to_the_rates(self, tmp_path: Path) -> None:
        async def script(outbox: OutboxHarness) -> None:
            await outbox.user()
            sender = outbox.sender(chat=2, typing=[1])
            async with outbox.sending(sender):
                await until(lambda: outbox.calls("sendChatAction"))
                await outbox.put(OutgoingMessage(1, "done"))
                await outbox.emptied()
            action, message = outbox.calls("sendChatAction", "sendMessage")
            assert message.monotonic - action.monotonic >= 0.5

        run(script, tmp_path)


class TestTrouble:
    def test_a_flood_is_waited_out_and_others_are_served(self, tmp_path: Path) -> None:
        async def script(outbox: OutboxHarness) -> None:
            anna, boris = await outbox.user(1), await outbox.user(2)
            outbox.sandbox.faults.add("sendMessage", code=429, retry_after=1, chat_id=1)
            await outbox.put(OutgoingMessage(1, "one"), OutgoingMessage(1, "two"), OutgoingMessage(2, "hello"))
            async with outbox.sending():
                await outbox.emptied()
            assert (texts(anna), texts(boris)) == (["one", "two"], ["hello"])
            refused, sent, _ = [call for call in outbox.calls() if call.chat_id == 1]
            assert sent.monotonic - refused.monotonic >= 1
            (other,) = [call for call in outbox.calls() if call.chat_id == 2]
            assert other.monotonic - refused.monotonic < 1

        run(script, tmp_path)

    @pytest.mark.parametrize("fault", [{"code": 500}, {"code": 502}, {"drop": "request"}, {"code": 401}, {"code": 404}])
    def test_what_passes_is_tried_again_in_order(self, tmp_path: Path, fault: dict[str, object]) -> None:
        async def script(outbox: OutboxHarness) -> None:
            anna = await outbox.user()
            outbox.sandbox.faults.add("sendMessage", **fault)
            await outbox.put(OutgoingMessage(1, "one"), OutgoingMessage(1, "two"))
            async with outbox.sending():
                await outbox.emptied()
            assert texts(anna) == ["one", "two"]

        run(script, tmp_path)

    def test_an_answer_that_is_lost_doubles_a_message_at_worst(self, tmp_path: Path) -> None:
        async def script(outbox: OutboxHarness) -> None:
            anna = await outbox.user()
            outbox.sandbox.faults.add("sendMessage", drop="answer")
            await outbox.put(OutgoingMessage(1, "one"), OutgoingMessage(1, "two"))
            async with outbox.sending():
                await outbox.emptied()
            assert texts(anna) == ["one", "one", "two"]

        run(script, tmp_path)

    def test_who_blocks_the_bot_is_left_alone(self, tmp_path: Path) -> None:
        async def script(outbox: OutboxHarness) -> None:
            anna = await outbox.user()
            anna.block()
            await outbox.put(OutgoingMessage(1, "one"), OutgoingMessage(1, "two"), OutgoingMessage(1, "three"))
            async with outbox.sending():
                await outbox.emptied()
            assert len(outbox.calls()) == 1
            async with outbox.store.transaction() as tx:
                user = await tx.users.get(1)
            assert user is not None
            assert user.blocked

        run(script, tmp_path)

    def test_what_telegram_rejects_is_reported_once_with_an_id(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        async def script(outbox: OutboxHarness) -> None:
            anna = await outbox.user()
            await outbox.put(
                OutgoingMessage(1, "<broken", request_id=7), OutgoingMessage(1, "<broken"), OutgoingMessage(1, "fine")
            )
            async with outbox.sending():
                await outbox.emptied()
            fine, apology = texts(anna)
            assert fine == "fine"
            ids = [record.getMessage().rpartition("[")[2].rstrip("]") for record in caplog.records]
            assert ids[0] in apology
            assert "request 7" in caplog.text

        run(script, tmp_path)

    def test_an_apology_that_is_refused_is_not_apologised_for(self, tmp_path: Path) -> None:
        async def script(outbox: OutboxHarness) -> None:
            await outbox.user()
            outbox.sandbox.faults.add("sendMessage", code=400, times=None)
            await outbox.put(OutgoingMessage(1, "one"))
            async with outbox.sending():
                await outbox.emptied()
            assert len(outbox.calls()) == 2

        run(script, tmp_path)

    def test_an_edit_that_changes_nothing_is_fine(self, tmp_path: Path) -> None:
        async def script(outbox: OutboxHarness) -> None:
            anna = await outbox.user()
            async with outbox.sending():
                for _ in range(2):
                    await outbox.put(OutgoingMessage(1, "same", slot="card:1"))
                    await outbox.emptied()
                await outbox.put(OutgoingMessage(1, "other", slot="card:1"))
                await outbox.emptied()
            assert texts(anna) == ["other"]

        run(script, tmp_path)

    @pytest.mark.parametrize("reason", ["message to edit not found", "message can't be edited"])
    def test_a_message_that_cannot_be_edited_is_sent_anew_and_edited_from_then_on(
        self, tmp_path: Path, reason: str
    ) -> None:
        async def script(outbox: OutboxHarness) -> None:
            anna = await outbox.user()
            async with outbox.sending():
                await outbox.put(OutgoingMessage(1, "old", slot="card:1"))
                await outbox.emptied()
                outbox.sandbox.faults.add("editMessageText", code=400, description=f"Bad Request: {reason}")
                for text in ("new", "newer"):
                    await outbox.put(OutgoingMessage(1, text, slot="card:1"))
                    await outbox.emptied()
            assert texts(anna) == ["old", "newer"]

        run(script, tmp_path)

    def test_a_missing_file_is_reported_and_not_retried_forever(self, tmp_path: Path) -> None:
        async def script(outbox: OutboxHarness) -> None:
            anna = await outbox.user()
            await outbox.put(OutgoingMessage(1, "file", document=str(tmp_path / "gone.jsonl")))
            async with outbox.sending():
                await outbox.emptied()
            assert len(texts(anna)) == 1

        run(script, tmp_path)


class TestProcesses:
    def test_one_of_two_sends_and_the_other_takes_over(self, tmp_path: Path) -> None:
        async def script(outbox: OutboxHarness) -> None:
            anna = await outbox.user()
            first, second = outbox.sender("first"), outbox.sender("second")
            async with outbox.sending(second):
                async with outbox.sending(first):
                    for number in range(5):
                        await outbox.put(OutgoingMessage(1, f"{number}"))
                    await outbox.emptied()
                async with outbox.store.transaction() as tx:
                    await tx.leases.release("first")
                    await tx.leases.release("second")
                await outbox.put(OutgoingMessage(1, "last"))
                await outbox.emptied()
            assert texts(anna) == ["0", "1", "2", "3", "4", "last"]

        run(script, tmp_path)

    def test_a_stop_sends_what_waits(self, tmp_path: Path) -> None:
        async def script(outbox: OutboxHarness) -> None:
            anna = await outbox.user()
            await outbox.put(*(OutgoingMessage(1, f"{number}") for number in range(5)))
            await outbox.sender().drain(5)
            assert texts(anna) == ["0", "1", "2", "3", "4"]

        run(script, tmp_path)

    def test_what_a_stop_cannot_send_is_sent_by_the_next_process(self, tmp_path: Path) -> None:
        async def script(outbox: OutboxHarness) -> None:
            anna = await outbox.user()
            outbox.sandbox.faults.add("sendMessage", drop="request", delay=60)
            await outbox.put(OutgoingMessage(1, "one"), OutgoingMessage(1, "two"))
            sender = outbox.sender("first")
            await sender.drain(0.3)
            assert await outbox.pending() == 2
            async with outbox.store.transaction() as tx:
                await tx.leases.release("first")
            async with outbox.sending(outbox.sender("second")):
                await outbox.emptied()
            assert texts(anna) == ["one", "two"]

        run(script, tmp_path)
