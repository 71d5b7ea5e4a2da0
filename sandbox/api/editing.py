"""Methods that edit or delete existing messages."""

from __future__ import annotations

import time

from sandbox.api.keyboards import keyboard
from sandbox.api.parameters import Parameters
from sandbox.api.sending import caption_content, get_known_chat, open_chat, text_content
from sandbox.state.chats import Chat
from sandbox.state.telegram import Telegram
from sandbox.state.types import Json, bad_request

NOT_MODIFIED = (
    "message is not modified: specified new message content and reply markup are exactly the same as a current "
    "content and reply markup of the message"
)
CAPTIONED = ("photo", "document", "animation")
MOST_AT_ONCE = 100
DELETABLE_S = 48 * 3600


async def edit_message_text(telegram: Telegram, given: Parameters) -> Json:
    """Handle `editMessageText`; without `reply_markup` the keyboard is removed, as on Telegram."""
    content = text_content(given)
    chat, message = own_message(telegram, given)
    if "text" not in message:
        raise bad_request("there is no text in the message to edit")
    return change(chat, message, {**content, "reply_markup": keyboard(given)})


async def edit_message_caption(telegram: Telegram, given: Parameters) -> Json:
    """Handle `editMessageCaption`; without a caption the old one is removed."""
    content = caption_content(given)
    chat, message = own_message(telegram, given)
    if not any(kind in message for kind in CAPTIONED):
        raise bad_request("there is no caption in the message to edit")
    return change(chat, message, {**content, "reply_markup": keyboard(given)})


async def edit_message_reply_markup(telegram: Telegram, given: Parameters) -> Json:
    """Handle `editMessageReplyMarkup`; without `reply_markup` the keyboard is removed."""
    chat, message = own_message(telegram, given)
    return change(chat, message, {"reply_markup": keyboard(given)})


def own_message(telegram: Telegram, given: Parameters) -> tuple[Chat, Json]:
    """Return the bot's message that is to be edited; 400 if it is missing or a user's."""
    chat = open_chat(telegram, given)
    message = chat.find(given.number("message_id"))
    if message is None:
        raise bad_request("message to edit not found")
    if message["from"]["id"] != telegram.bot["id"]:
        raise bad_request("message can't be edited")
    return chat, message


def change(chat: Chat, message: Json, changes: Json) -> Json:
    """Apply changes to a message; 400 if there are none."""
    if all(message.get(name) == value for name, value in changes.items()):
        raise bad_request(NOT_MODIFIED)
    return chat.change(message["message_id"], changes)


async def delete_message(telegram: Telegram, given: Parameters) -> bool:
    """Handle `deleteMessage`, for messages of the bot and of the user that are younger than 48 hours."""
    if not given.number("message_id"):
        raise bad_request("message identifier is not specified")
    chat = get_known_chat(telegram, given)
    message = chat.find(given.number("message_id"))
    if message is None:
        raise bad_request("message to delete not found")
    if time.time() - message["date"] > DELETABLE_S:
        raise bad_request("message can't be deleted for everyone")
    chat.delete(given.number("message_id"))
    return True


async def delete_messages(telegram: Telegram, given: Parameters) -> bool:
    """Handle `deleteMessages`; unknown ids are skipped."""
    wanted = given.get_list("message_ids") or []
    if not wanted:
        raise bad_request("message identifiers are not specified")
    if len(wanted) > MOST_AT_ONCE:
        raise bad_request("too many message identifiers specified")
    if not all(isinstance(message_id, int) for message_id in wanted):
        raise bad_request("message identifier must be a Number")
    chat = get_known_chat(telegram, given)
    for message_id in wanted:
        if chat.find(message_id) is not None:
            chat.delete(message_id)
    return True


async def set_message_reaction(telegram: Telegram, given: Parameters) -> bool:
    """Handle `setMessageReaction`: at most one emoji; the page is notified."""
    wanted = given.get_list("reaction") or []
    if len(wanted) > 1:
        raise bad_request("REACTIONS_TOO_MANY")
    if not all(isinstance(one, dict) and one.get("type") == "emoji" for one in wanted):
        raise bad_request("can't parse ReactionType: invalid reaction type specified")
    chat = get_known_chat(telegram, given)
    if chat.find(given.number("message_id")) is None:
        raise bad_request("message to react not found")
    told = {"message_id": given.number("message_id"), "reaction": wanted}
    telegram.events.publish("reaction", chat.id, told)
    return True
