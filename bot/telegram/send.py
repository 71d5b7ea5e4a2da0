"""Send or remove one message: choose the Bot API method and classify the outcome of the call. No rate limits here."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from aiogram import Bot
from aiogram.exceptions import (
    ClientDecodeError,
    TelegramAPIError,
    TelegramBadRequest,
    TelegramEntityTooLarge,
    TelegramForbiddenError,
    TelegramRetryAfter,
)
from aiogram.methods import (
    EditMessageReplyMarkup,
    EditMessageText,
    SendDocument,
    SendMediaGroup,
    SendMessage,
    SendPhoto,
    TelegramMethod,
)
from aiogram.types import FSInputFile, InlineKeyboardMarkup, InputMediaPhoto, LinkPreviewOptions, Message

from storage.records import OutgoingMessage

logger = logging.getLogger(__name__)

_NOT_MODIFIED: Final = "message is not modified"
_NOT_EDITABLE: Final = ("message to edit not found", "message can't be edited", "message_id_invalid")
_GONE: Final = "message to delete not found"
_BLOCKED: Final = ("chat not found", "user is deactivated", "peer_id_invalid")
_NO_PREVIEW: Final = LinkPreviewOptions(is_disabled=True)


@dataclass(frozen=True, slots=True)
class Sent:
    """The message arrived; `message_id` is None where the response does not name it."""

    message_id: int | None


@dataclass(frozen=True, slots=True)
class Retry:
    """The call may succeed later, after `retry_after_s` seconds where Telegram names them."""

    reason: str
    retry_after_s: float | None = None


@dataclass(frozen=True, slots=True)
class Stale:
    """The message to edit is gone or too old: it has to be sent as a new one."""


@dataclass(frozen=True, slots=True)
class Blocked:
    """The user has blocked the bot or deleted the account."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Telegram will never accept the message as it is."""

    reason: str


Outcome: TypeAlias = Sent | Retry | Stale | Blocked | Refused


async def send(bot: Bot, outgoing: OutgoingMessage, message_id: int | None, timeout_s: int = 30) -> Outcome:
    """Send a message, or edit message `message_id`, and return the outcome; failures of the call are outcomes too."""
    paths = [*outgoing.photos, *([outgoing.document] if outgoing.document else [])]
    if not all(Path(path).is_file() for path in paths):
        return Refused("a file is gone")  # aiohttp would report it while sending, as a lost connection
    if not outgoing.text and message_id is None:
        return Sent(None)  # a keyboard whose message is gone
    try:
        if len(outgoing.photos) > 1:
            return Sent((await bot(_build_album(outgoing), request_timeout=timeout_s))[-1].message_id)
        if paths or message_id is None:
            return Sent((await bot(_build_message(outgoing), request_timeout=timeout_s)).message_id)
        await bot(_build_edit(outgoing, message_id), request_timeout=timeout_s)
        return Sent(message_id)
    except (TelegramAPIError, ClientDecodeError, OSError, TimeoutError) as error:
        return _to_outcome(error, message_id)


async def remove(bot: Bot, chat_id: int, message_id: int, timeout_s: int = 10) -> None:
    """Delete a message; take the buttons off one that is too old to be deleted. A failure is logged: it stays."""
    try:
        await bot.delete_message(chat_id, message_id, request_timeout=timeout_s)
    except TelegramBadRequest as error:
        if _GONE not in error.message.lower():
            await _remove_buttons(bot, chat_id, message_id, timeout_s)
    except (TelegramAPIError, ClientDecodeError, OSError, TimeoutError) as error:
        logger.warning("a message was not deleted: %s", type(error).__name__)


async def _remove_buttons(bot: Bot, chat_id: int, message_id: int, timeout_s: int) -> None:
    try:
        await bot.edit_message_reply_markup(chat_id=chat_id, message_id=message_id, request_timeout=timeout_s)
    except (TelegramAPIError, ClientDecodeError, OSError, TimeoutError) as error:
        logger.info("the buttons of a message stay: %s", type(error).__name__)


def _build_message(outgoing: OutgoingMessage) -> TelegramMethod[Message]:
    chat_id, text, keyboard = outgoing.chat_id, outgoing.text, _parse_keyboard(outgoing)
    if outgoing.document:
        document = FSInputFile(outgoing.document)
        return SendDocument(chat_id=chat_id, document=document, caption=text, parse_mode="HTML", reply_markup=keyboard)
    if outgoing.photos:
        photo = FSInputFile(outgoing.photos[0])
        return SendPhoto(chat_id=chat_id, photo=photo, caption=text, parse_mode="HTML", reply_markup=keyboard)
    return SendMessage(
        chat_id=chat_id, text=text, parse_mode="HTML", link_preview_options=_NO_PREVIEW, reply_markup=keyboard
    )


def _build_album(outgoing: OutgoingMessage) -> SendMediaGroup:
    """Return the method for an album: its first photo carries the text; albums have no keyboard."""
    first, *others = [FSInputFile(photo) for photo in outgoing.photos]
    captioned = InputMediaPhoto(media=first, caption=outgoing.text, parse_mode="HTML")
    return SendMediaGroup(
        chat_id=outgoing.chat_id, media=[captioned, *(InputMediaPhoto(media=file) for file in others)]
    )


def _build_edit(outgoing: OutgoingMessage, message_id: int) -> EditMessageText | EditMessageReplyMarkup:
    if not outgoing.text:
        return EditMessageReplyMarkup(
            chat_id=outgoing.chat_id, message_id=message_id, reply_markup=_parse_keyboard(outgoing)
        )
    return EditMessageText(
        chat_id=outgoing.chat_id,
        message_id=message_id,
        text=outgoing.text,
        parse_mode="HTML",
        link_preview_options=_NO_PREVIEW,
        reply_markup=_parse_keyboard(outgoing),
    )


def _parse_keyboard(outgoing: OutgoingMessage) -> InlineKeyboardMarkup | None:
    return InlineKeyboardMarkup.model_validate_json(outgoing.keyboard) if outgoing.keyboard else None


def _to_outcome(error: Exception, message_id: int | None) -> Outcome:
    if isinstance(error, TelegramRetryAfter):
        return Retry("429", float(error.retry_after))
    if isinstance(error, TelegramForbiddenError):
        return Blocked()
    if isinstance(error, TelegramBadRequest):
        return _classify_bad_request(error.message, message_id)
    if isinstance(error, TelegramEntityTooLarge):
        return Refused(type(error).__name__)
    if isinstance(error, ClientDecodeError) and isinstance(error.data, dict) and error.data.get("ok") is True:
        return Sent(None)  # accepted: another attempt, only to learn its id, would send it twice
    return Retry(type(error).__name__)


def _classify_bad_request(reason: str, message_id: int | None) -> Outcome:
    lower = reason.lower()
    if _NOT_MODIFIED in lower:
        return Sent(message_id)
    if any(text in lower for text in _NOT_EDITABLE):
        return Stale()
    return Blocked() if any(text in lower for text in _BLOCKED) else Refused(reason[:200])
