"""Inline keyboards, validated as Telegram validates them."""

from __future__ import annotations

from sandbox.api.parameters import Parameters
from sandbox.state.types import BotApiError, Json, bad_request

CALLBACK_DATA_LIMIT = 64
LOOKS = frozenset({"text", "style", "icon_custom_emoji_id"})
ACTIONS = frozenset(
    {
        "url",
        "callback_data",
        "web_app",
        "login_url",
        "switch_inline_query",
        "switch_inline_query_current_chat",
        "switch_inline_query_chosen_chat",
        "copy_text",
        "callback_game",
        "pay",
    }
)


def keyboard(given: Parameters) -> Json | None:
    """Return the inline keyboard of a call, or None. Other kinds of keyboards are accepted and not shown."""
    markup = given.get_object("reply_markup")
    rows = markup.get("inline_keyboard", [])
    if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
        raise bad_request('field "inline_keyboard" of the InlineKeyboardMarkup must be an Array of Arrays')
    kept = [[button(one) for one in row] for row in rows if row]
    return {"inline_keyboard": kept} if kept else None


def button(given: object) -> Json:
    """Return one button; 400 for one without text or action, or with data that is too long."""
    if not isinstance(given, dict):
        raise unusable("InlineKeyboardButton must be an Object")
    if not isinstance(given.get("text"), str):
        raise unusable('Can\'t find field "text"')
    if not given["text"]:
        raise bad_request("inline keyboard button text must be non-empty")
    if not any(given.get(action) is not None for action in ACTIONS):
        raise unusable("Text buttons are unallowed in the inline keyboard")
    data = given.get("callback_data")
    if data is not None and not 1 <= len(str(data).encode()) <= CALLBACK_DATA_LIMIT:
        raise bad_request("BUTTON_DATA_INVALID")
    return {key: value for key, value in given.items() if key in LOOKS | ACTIONS and value is not None}


def unusable(reason: str) -> BotApiError:
    """Return the 400 for a button that cannot be created."""
    return bad_request(f"can't parse inline keyboard button: {reason}")
