"""The queue of updates and long polling."""

from __future__ import annotations

import asyncio
import random
import time

from aiogram import Bot

from sandbox.server import Sandbox
from sandbox.state.updates import Chaos
from tests.support.sandbox import arrived, greeted, local, refusal, rises


async def texts(bot: Bot, offset: int | None = None, limit: int | None = None) -> list[str | None]:
    """What is waiting now."""
    updates = await bot.get_updates(offset=offset, limit=limit, timeout=0)
    return [update.message.text for update in updates if update.message]


@local
async def test_updates_stay_until_a_higher_offset_confirms_them(sandbox: Sandbox, bot: Bot) -> None:
    for text in "abc":
        await sandbox.user(7).text(text)
    first = await bot.get_updates(timeout=0)
    assert rises([update.update_id for update in first])
    assert await texts(bot) == ["a", "b", "c"]
    assert await texts(bot, limit=2) == ["a", "b"]
    assert await texts(bot, offset=first[1].update_id) == ["b", "c"]
    assert await texts(bot) == ["b", "c"]
    assert await texts(bot, offset=-1) == ["c"]
    assert await texts(bot, offset=first[2].update_id + 1) == []


@local
async def test_a_poll_waits_for_an_update_and_no_longer_than_asked(sandbox: Sandbox, bot: Bot) -> None:
    began = time.monotonic()
    assert await bot.get_updates(timeout=1) == []
    assert 0.9 < time.monotonic() - began < 3
    polling = asyncio.create_task(bot.get_updates(timeout=30))
    while not sandbox.telegram.is_connected or sandbox.calls == []:
        await asyncio.sleep(0)
    await sandbox.user(7).text("a")
    assert len(await polling) == 1


@local
async def test_a_second_poll_ends_the_first(sandbox: Sandbox, bot: Bot) -> None:
    first = asyncio.create_task(refusal(bot.get_updates(timeout=30)))
    while not sandbox.telegram.is_connected:
        await asyncio.sleep(0.01)
    second = asyncio.create_task(bot.get_updates(timeout=30))
    assert (await first).startswith("Conflict: terminated by other getUpdates request")
    await sandbox.user(7).text("a")
    assert len(await second) == 1


@local
async def test_only_the_kinds_that_were_asked_for_are_queued(sandbox: Sandbox, bot: Bot) -> None:
    person = await greeted(sandbox)
    await bot.get_updates(timeout=0, allowed_updates=["edited_message"])
    message = await person.text("a")
    await person.edit(message["message_id"], "b")
    [update] = await bot.get_updates(timeout=0)
    assert update.edited_message
    await bot.get_updates(offset=update.update_id + 1, timeout=0, allowed_updates=[])
    await person.text("c")
    sandbox.push({"message_reaction": {}})
    assert await texts(bot) == ["c"]


@local
async def test_any_update_can_be_pushed_as_it_is_and_again(sandbox: Sandbox, bot: Bot) -> None:
    message = await sandbox.user(7).text("a")
    [update] = await arrived(bot)
    pushed = sandbox.push({"update_id": update.update_id, "message": message})
    assert pushed["update_id"] == update.update_id
    assert await texts(bot) == ["a"]


@local
async def test_disorder_brings_every_update_as_often_as_asked_and_shuffled(sandbox: Sandbox, bot: Bot) -> None:
    """Nothing is lost although the bot confirms with the offset of whatever came last."""
    sandbox.chaos = Chaos(copies=3, spread_s=0.3, random=random.Random(1))
    sent = [(await sandbox.user(7).text(str(number)))["message_id"] for number in range(20)]
    came: list[int] = []
    offset = None
    while any(came.count(message_id) < 3 for message_id in sent):
        updates = await bot.get_updates(offset=offset, timeout=5)
        assert updates
        came += [update.message.message_id for update in updates if update.message]
        offset = updates[-1].update_id + 1
    assert set(came) == set(sent)
    assert list(dict.fromkeys(came)) != sent


def test_a_sandbox_started_later_repeats_no_id() -> None:
    """The bot remembers ids that it has seen; the sandbox forgets all when it ends."""

    async def ids() -> tuple[int, int]:
        async with Sandbox() as sandbox:
            message = await sandbox.user(7).text("a")
            return sandbox.push({"message": message})["update_id"], message["message_id"]

    first = asyncio.run(ids())
    assert first[0] > 1_700_000_000
    assert first[1] > 0
    assert first[0] < 2**31


@local
async def test_the_journal_tells_what_was_called_when_and_how_it_ended(sandbox: Sandbox, bot: Bot) -> None:
    await greeted(sandbox)
    sent = await bot.send_message(7, "a")
    await refusal(bot.send_message(7, ""))
    good, bad = (call for call in sandbox.calls if call.method == "sendMessage")
    assert (good.chat_id, good.params["text"], good.error) == (7, "a", None)
    assert isinstance(good.result, dict)
    assert good.result["message_id"] == sent.message_id
    assert (bad.result, bad.error) == (None, "400 Bad Request: message text is empty")
    assert good.monotonic <= bad.monotonic
    assert abs(good.time - time.time()) < 5
