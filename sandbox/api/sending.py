"""Methods that send messages to a chat."""

from __future__ import annotations

from sandbox.api.entities import parse_text
from sandbox.api.keyboards import keyboard
from sandbox.api.media import album_part, attach
from sandbox.api.parameters import Parameters
from sandbox.state.chats import Chat
from sandbox.state.telegram import Telegram
from sandbox.state.types import BotApiError, Json, bad_request

TEXT_LIMIT = 4096
CAPTION_LIMIT = 1024
ALBUM = range(2, 11)
CONTENT = ("text", "entities", "photo", "document", "animation", "caption", "caption_entities")
"""What a copy takes along."""
ACTIONS = frozenset(
    {
        "typing",
        "upload_photo",
        "record_video",
        "upload_video",
        "record_voice",
        "upload_voice",
        "upload_document",
        "choose_sticker",
        "find_location",
        "record_video_note",
        "upload_video_note",
        "cancel",
    }
)


def get_known_chat(telegram: Telegram, given: Parameters, name: str = "chat_id") -> Chat:
    """Return a chat that the bot knows; 400 for any other."""
    if not given.text(name):
        raise bad_request(f"{name} is empty")
    chat = telegram.chats.get(given.number(name))
    if chat is None or not chat.started:
        raise bad_request("chat not found")
    return chat


def open_chat(telegram: Telegram, given: Parameters) -> Chat:
    """Return a chat that the bot may write to; 403 if the user blocked it, 429 over the limits."""
    chat = get_known_chat(telegram, given)
    if chat.blocked:
        raise BotApiError(403, "Forbidden: bot was blocked by the user")
    if telegram.limits is not None:
        telegram.limits.spend(chat.id)
    return chat


def text_content(given: Parameters) -> Json:
    """Return `text` and `entities` of a call; 400 if the text is empty or too long."""
    if not given.text("text"):
        raise bad_request("message text is empty")
    text, entities = parse_text(given.text("text"), given.text("parse_mode"), given.get_list("entities"))
    if not text:
        raise bad_request("text must be non-empty")
    if len(text) > TEXT_LIMIT:
        raise bad_request("message is too long")
    return {"text": text, "entities": entities or None}


def caption_content(given: Parameters) -> Json:
    """Return `caption` and `caption_entities` of a call, None without a caption; 400 if it is too long."""
    text, entities = parse_text(given.text("caption"), given.text("parse_mode"), given.get_list("caption_entities"))
    if len(text) > CAPTION_LIMIT:
        raise bad_request("message caption is too long")
    return {"caption": text or None, "caption_entities": entities or None}


def find_answered(chat: Chat, given: Parameters) -> Json | None:
    """Return the message that a call replies to."""
    about = given.get_object("reply_parameters")
    wanted = Parameters({"message_id": given.text("reply_to_message_id"), **about})
    if not wanted.number("message_id"):
        return None
    message = chat.find(wanted.number("message_id"))
    if message is None and not (
        wanted.flag("allow_sending_without_reply") or given.flag("allow_sending_without_reply")
    ):
        raise bad_request("message to be replied not found")
    return message


def post(telegram: Telegram, given: Parameters, content: Json) -> Json:
    """Send one message with the options that all send methods share."""
    chat = open_chat(telegram, given)
    extras = {"reply_markup": keyboard(given), "reply_to_message": find_answered(chat, given)}
    return chat.write({**content, **extras}, by_bot=True)


async def send_message(telegram: Telegram, given: Parameters) -> Json:
    """Handle `sendMessage`."""
    return post(telegram, given, text_content(given))


async def send_photo(telegram: Telegram, given: Parameters) -> Json:
    """Handle `sendPhoto`."""
    return await _send_file(telegram, given, "photo")


async def send_document(telegram: Telegram, given: Parameters) -> Json:
    """Handle `sendDocument`; a GIF becomes an animation unless the bot disables content detection."""
    return await _send_file(telegram, given, "document")


async def send_animation(telegram: Telegram, given: Parameters) -> Json:
    """Handle `sendAnimation`."""
    return await _send_file(telegram, given, "animation")


async def _send_file(telegram: Telegram, given: Parameters, kind: str) -> Json:
    caption = caption_content(given)
    get_known_chat(telegram, given)
    media = await attach(telegram.files, given, kind)
    return post(telegram, given, {**media, **caption})


async def send_media_group(telegram: Telegram, given: Parameters) -> list[Json]:
    """Handle `sendMediaGroup`: two to ten photos, or as many documents."""
    given.get_required("media")
    wanted = given.get_list("media") or []
    if len(wanted) not in ALBUM:
        raise bad_request("media group must include 2-10 items")
    get_known_chat(telegram, given)
    parts = [await album_part(telegram.files, given, one) for one in wanted]
    captions = [caption_content(Parameters(one)) for one in wanted]
    if len({tuple(part) for part in parts}) > 1:
        raise bad_request("document can't be mixed with other media types")
    chat = open_chat(telegram, given)
    extras = {"media_group_id": telegram.new_album(), "reply_to_message": find_answered(chat, given)}
    return [
        chat.write({**part, **caption, **extras}, by_bot=True) for part, caption in zip(parts, captions, strict=True)
    ]


async def copy_message(telegram: Telegram, given: Parameters) -> Json:
    """Handle `copyMessage`: send the content again as the bot's own message, with a new caption if one is given."""
    given.get_required("from_chat_id")
    message = get_known_chat(telegram, given, "from_chat_id").find(given.number("message_id"))
    if message is None:
        raise bad_request("message to copy not found")
    content = {name: message[name] for name in CONTENT if name in message}
    if "caption" in given.values and "text" not in content:
        content |= caption_content(given)
    return {"message_id": post(telegram, given, content)["message_id"]}


async def send_chat_action(telegram: Telegram, given: Parameters) -> bool:
    """Handle `sendChatAction`."""
    if given.text("action") not in ACTIONS:
        raise bad_request("wrong parameter action in request")
    chat = get_known_chat(telegram, given)
    if chat.blocked:
        raise BotApiError(403, "Forbidden: bot was blocked by the user")
    telegram.events.publish("action", chat.id, {"action": given.text("action")})
    return True
