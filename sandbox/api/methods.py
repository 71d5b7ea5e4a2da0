"""The supported methods of the Bot API by name."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from sandbox.api import editing, profile, receiving, sending
from sandbox.api.parameters import Parameters
from sandbox.state.telegram import Telegram

Method = Callable[[Telegram, Parameters], Awaitable[object]]

METHODS: dict[str, Method] = {
    "answerCallbackQuery": receiving.answer_callback_query,
    "copyMessage": sending.copy_message,
    "deleteMessage": editing.delete_message,
    "deleteMessages": editing.delete_messages,
    "deleteMyCommands": profile.delete_my_commands,
    "deleteWebhook": receiving.delete_webhook,
    "editMessageCaption": editing.edit_message_caption,
    "editMessageReplyMarkup": editing.edit_message_reply_markup,
    "editMessageText": editing.edit_message_text,
    "getChat": profile.get_chat,
    "getFile": receiving.get_file,
    "getMe": profile.get_me,
    "getMyCommands": profile.get_my_commands,
    "getMyDescription": profile.get_my_description,
    "getMyShortDescription": profile.get_my_short_description,
    "getUpdates": receiving.get_updates,
    "getWebhookInfo": receiving.get_webhook_info,
    "sendAnimation": sending.send_animation,
    "sendChatAction": sending.send_chat_action,
    "sendDocument": sending.send_document,
    "sendMediaGroup": sending.send_media_group,
    "sendMessage": sending.send_message,
    "sendPhoto": sending.send_photo,
    "setMessageReaction": editing.set_message_reaction,
    "setMyCommands": profile.set_my_commands,
    "setMyDescription": profile.set_my_description,
    "setMyShortDescription": profile.set_my_short_description,
    "setWebhook": receiving.set_webhook,
}
BY_LOWER_NAME = {name.lower(): (name, method) for name, method in METHODS.items()}
"""Names of methods are not case-sensitive."""
