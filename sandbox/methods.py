"""The methods of the Bot API that the sandbox knows, by their name."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from sandbox.editing import edit_message_text
from sandbox.parameters import Parameters
from sandbox.profile import get_me
from sandbox.receiving import answer_callback_query, get_file, get_updates
from sandbox.sending import send_message
from sandbox.telegram import Telegram

Method = Callable[[Telegram, Parameters], Awaitable[object]]

METHODS: dict[str, Method] = {
    "answerCallbackQuery": answer_callback_query,
    "editMessageText": edit_message_text,
    "getFile": get_file,
    "getMe": get_me,
    "getUpdates": get_updates,
    "sendMessage": send_message,
}
BY_LOWER_NAME = {name.lower(): (name, method) for name, method in METHODS.items()}
"""Names of methods are not case-sensitive."""
