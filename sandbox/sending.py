"""Methods that put messages into a chat."""

from __future__ import annotations

from sandbox.chats import Chat
from sandbox.entities import parsed, units
from sandbox.parameters import Parameters
from sandbox.shapes import BotApiError, Json, bad_request
from sandbox.telegram import Telegram

TEXT_LIMIT = 4096
CAPTION_LIMIT = 1024
CALLBACK_DATA_LIMIT = 64


def chat_of(telegram: Telegram, given: Parameters) -> Chat:
    """The chat that a call names. 400 when the bot does not know it, 403 when the user blocked the bot."""
    if not given.text("chat_id"):
        raise bad_request("chat_id is empty")
    chat = telegram.chats.get(given.chat_id or 0)
    if chat is None or not chat.started:
        raise bad_request("chat not found")
    if chat.blocked:
        raise BotApiError(403, "Forbidden: bot was blocked by the user")
    return chat


def keyboard(given: Parameters) -> Json | None:
    """The inline keyboard of a call; None without one. Other keyboards are taken and not shown."""
    markup = given.parsed("reply_markup")
    if markup is None:
        return None
    if not isinstance(markup, dict):
        raise bad_request("object expected as reply markup")
    rows = markup.get("inline_keyboard")
    if rows is None:
        return None
    if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
        raise bad_request("can't parse inline keyboard: an Array of Arrays is expected")
    kept = [[button(one) for one in row] for row in rows if row]
    return {"inline_keyboard": kept} if kept else None


def button(given: object) -> Json:
    """One button, checked."""
    if not isinstance(given, dict):
        raise bad_request("can't parse inline keyboard button: InlineKeyboardButton must be an Object")
    if not given.get("text"):
        raise bad_request("can't parse inline keyboard button: Text buttons must have text")
    data = given.get("callback_data")
    if data is not None and not 1 <= len(str(data).encode()) <= CALLBACK_DATA_LIMIT:
        raise bad_request("BUTTON_DATA_INVALID")
    if len(given.keys() - {"text", "style", "icon_custom_emoji_id"}) != 1:
        raise bad_request("can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard")
    return given


def text_content(given: Parameters) -> Json:
    """`text` and `entities` of a call, checked."""
    text, entities = parsed(given.text("text"), given.text("parse_mode"), given.listed("entities"))
    if not text:
        raise bad_request("message text is empty")
    if units(text) > TEXT_LIMIT:
        raise bad_request("message is too long")
    return {"text": text, "entities": entities or None}


def present(**parts: object) -> Json:
    """Only the parts that there are."""
    return {name: value for name, value in parts.items() if value is not None}


def answered(chat: Chat, given: Parameters) -> Json | None:
    """The message that a call answers to."""
    about = given.parsed("reply_parameters") or {}
    message_id = about.get("message_id") or given.number("reply_to_message_id")
    if not message_id:
        return None
    message = chat.find(int(message_id))
    if message is None and not (about.get("allow_sending_without_reply") or given.flag("allow_sending_without_reply")):
        raise bad_request("message to be replied not found")
    return message


async def send_message(telegram: Telegram, given: Parameters) -> Json:
    """`sendMessage`."""
    content = text_content(given)
    chat = chat_of(telegram, given)
    parts = present(**content, reply_markup=keyboard(given), reply_to_message=answered(chat, given))
    return chat.write(parts, by_bot=True)
