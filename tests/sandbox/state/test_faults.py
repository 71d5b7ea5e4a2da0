"""What goes wrong when a test asks for it."""

from __future__ import annotations

import time

import pytest
from aiogram import Bot
from aiogram.exceptions import (
    TelegramBadRequest,
    TelegramForbiddenError,
    TelegramNetworkError,
    TelegramRetryAfter,
    TelegramServerError,
)
from aiohttp import ClientError

from sandbox.server import Sandbox
from sandbox.state.limits import Limits
from sandbox.state.types import BotApiError
from tests.support.sandbox import greeted, local


@local
async def test_an_error_comes_as_often_as_ordered_and_the_method_is_not_carried_out(sandbox: Sandbox, bot: Bot) -> None:
    person = await greeted(sandbox)
    sandbox.faults.add("sendMessage", code=429, retry_after=3, times=2)
    for _ in range(2):
        with pytest.raises(TelegramRetryAfter) as caught:
            await bot.send_message(7, "a")
        assert caught.value.retry_after == 3
    assert len(person.messages) == 1
    assert await bot.send_message(7, "a")


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (400, TelegramBadRequest),
        (403, TelegramForbiddenError),
        (500, TelegramServerError),
        (502, TelegramServerError),
    ],
)
def test_every_code_is_the_error_that_aiogram_knows(code: int, error: type[Exception]) -> None:
    @local
    async def story(sandbox: Sandbox, bot: Bot) -> None:
        sandbox.faults.add("getMe", code=code)
        with pytest.raises(error):
            await bot.get_me()

    story()


@local
async def test_a_fault_can_be_for_one_chat_and_for_ever(sandbox: Sandbox, bot: Bot) -> None:
    for user in (7, 8):
        await greeted(sandbox, user)
    sandbox.faults.add(code=403, chat_id=7, times=None)
    for _ in range(3):
        with pytest.raises(TelegramForbiddenError):
            await bot.send_message(7, "a")
        assert await bot.send_message(8, "a")
    sandbox.faults.clear()
    assert await bot.send_message(7, "a")


@local
async def test_a_lost_request_does_nothing_and_a_lost_answer_did_it(sandbox: Sandbox, bot: Bot) -> None:
    person = await greeted(sandbox)
    for drop, count in (("request", 1), ("answer", 2)):
        sandbox.faults.add("sendMessage", drop=drop)
        with pytest.raises(TelegramNetworkError):
            await bot.send_message(7, "a")
        assert len(person.messages) == count


@local
async def test_a_late_answer_runs_into_the_client_s_time_out(sandbox: Sandbox, bot: Bot) -> None:
    person = await greeted(sandbox)
    sandbox.faults.add("sendMessage", delay=3)
    began = time.monotonic()
    with pytest.raises(TelegramNetworkError, match="timeout"):
        await bot.send_message(7, "a", request_timeout=1)
    assert time.monotonic() - began < 2.5
    assert len(person.messages) == 2


@local
async def test_a_download_can_fail_too(sandbox: Sandbox, bot: Bot) -> None:
    await sandbox.user(7).document(b"abc", "a.txt")
    file = await bot.get_file(sandbox.user(7).messages[0]["document"]["file_id"])
    assert file.file_path
    sandbox.faults.add("download", drop="answer", times=2)  # aiohttp asks once more by itself
    with pytest.raises(ClientError):
        await bot.download_file(file.file_path)
    got = await bot.download_file(file.file_path)
    assert got
    assert got.read() == b"abc"


@local
async def test_limits_are_kept_when_they_are_switched_on(sandbox: Sandbox, bot: Bot) -> None:
    for user in (7, 8):
        await greeted(sandbox, user)
    await bot.send_message(7, "a")
    await bot.send_message(7, "b")
    sandbox.limits = Limits()
    await bot.send_message(7, "c")
    await bot.send_message(8, "c")
    with pytest.raises(TelegramRetryAfter) as caught:
        await bot.send_message(7, "d")
    assert caught.value.retry_after == 1


def test_limits_count_a_window_of_a_second_per_chat_and_in_all() -> None:
    now = 0.0
    limits = Limits(per_chat=1, overall=3, clock=lambda: now)
    for chat in (1, 2, 3):
        limits.spend(chat)
    for chat in (1, 4):
        with pytest.raises(BotApiError, match="429 Too Many Requests: retry after 1"):
            limits.spend(chat)
    now = 1.0
    limits.spend(1)
