"""Methods by which the bot gets what happened: updates, answers to buttons, files."""

from __future__ import annotations

from sandbox.parameters import Parameters
from sandbox.shapes import Json
from sandbox.telegram import Telegram

POLL_LIMIT = 100
POLL_TIMEOUT_S = 50


async def get_updates(telegram: Telegram, given: Parameters) -> list[Json]:
    """`getUpdates`, long polling included."""
    telegram.updates.allow(given.listed("allowed_updates"))
    limit = min(max(given.number("limit", POLL_LIMIT), 1), POLL_LIMIT)
    timeout = min(max(given.number("timeout"), 0), POLL_TIMEOUT_S)
    return await telegram.updates.poll(given.number("offset"), limit, timeout)


async def answer_callback_query(telegram: Telegram, given: Parameters) -> bool:
    """`answerCallbackQuery`."""
    answer = {"text": given.text("text"), "show_alert": given.flag("show_alert"), "url": given.text("url")}
    telegram.callbacks.answer(given.text("callback_query_id"), answer)
    return True


async def get_file(telegram: Telegram, given: Parameters) -> Json:
    """`getFile`."""
    return telegram.files.link(given.text("file_id"))
