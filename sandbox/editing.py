"""Methods that change messages that are there."""

from __future__ import annotations

from sandbox.chats import Chat
from sandbox.parameters import Parameters
from sandbox.sending import chat_of, keyboard, text_content
from sandbox.shapes import Json, bad_request
from sandbox.telegram import Telegram

NOT_MODIFIED = (
    "message is not modified: specified new message content and reply markup are exactly the same as a current "
    "content and reply markup of the message"
)


def own_message(telegram: Telegram, chat: Chat, given: Parameters) -> Json:
    """The bot's message that shall be edited. 400 when it is not there or a user's."""
    if not given.text("message_id"):
        raise bad_request("message identifier is not specified")
    message = chat.find(given.number("message_id"))
    if message is None:
        raise bad_request("message to edit not found")
    if message["from"]["id"] != telegram.bot["id"]:
        raise bad_request("message can't be edited")
    return message


def change(chat: Chat, message: Json, changes: Json) -> Json:
    """Applies changes; 400 when there are none."""
    if all(message.get(name) == value for name, value in changes.items()):
        raise bad_request(NOT_MODIFIED)
    return chat.change(message["message_id"], changes)


async def edit_message_text(telegram: Telegram, given: Parameters) -> Json:
    """`editMessageText`. Without `reply_markup` the keyboard goes, as on Telegram."""
    content = text_content(given)
    chat = chat_of(telegram, given)
    message = own_message(telegram, chat, given)
    if "text" not in message:
        raise bad_request("there is no text in the message to edit")
    return change(chat, message, {**content, "reply_markup": keyboard(given)})
