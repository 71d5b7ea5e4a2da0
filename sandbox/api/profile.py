"""Methods about the bot and its chats: identity, commands, descriptions."""

from __future__ import annotations

import re

from sandbox.api.parameters import Parameters
from sandbox.api.sending import get_known_chat
from sandbox.state.menu import Command, Scope
from sandbox.state.telegram import Telegram
from sandbox.state.types import BotApiError, Json, bad_request

COMMAND = re.compile(r"[a-z0-9_]{1,32}")
LANGUAGE = re.compile(r"([a-z]{2})?")
MOST_COMMANDS = 100
COMMAND_DESCRIPTION = 256
DESCRIPTION = 512
SHORT_DESCRIPTION = 120
SCOPES = frozenset({"default", "all_private_chats", "all_group_chats", "all_chat_administrators"})
CHAT_SCOPES = frozenset({"chat", "chat_administrators", "chat_member"})
CANNOT = ("can_join_groups", "can_read_all_group_messages", "supports_inline_queries", "supports_guest_queries")
HAS_NOT = (
    "can_connect_to_business",
    "has_main_web_app",
    "has_topics_enabled",
    "allows_users_to_create_topics",
    "can_manage_bots",
)
GIFTS = (
    "unlimited_gifts",
    "limited_gifts",
    "unique_gifts",
    "premium_subscription",
    "gifts_from_channels",
)


async def get_me(telegram: Telegram, given: Parameters) -> Json:
    """Handle `getMe`."""
    return {**telegram.bot, **dict.fromkeys(CANNOT + HAS_NOT, False)}


async def get_chat(telegram: Telegram, given: Parameters) -> Json:
    """`getChat`."""
    chat = get_known_chat(telegram, given)
    return {
        **chat.header,
        "can_send_gift": True,
        "accepted_gift_types": dict.fromkeys(GIFTS, True),
        "accent_color_id": chat.id % 7,
        "max_reaction_count": 11,
    }


async def set_my_commands(telegram: Telegram, given: Parameters) -> bool:
    """Handle `setMyCommands`; an empty list deletes them."""
    given.get_required("commands")
    wanted = given.get_list("commands") or []
    if len(wanted) > MOST_COMMANDS:
        raise bad_request("BOT_COMMANDS_TOO_MUCH")
    telegram.menu.put(scope_of(given), language_of(given), [command(one) for one in wanted])
    telegram.events.publish("commands", None, {})
    return True


async def get_my_commands(telegram: Telegram, given: Parameters) -> list[Command]:
    """Handle `getMyCommands` for exactly this scope and language."""
    return telegram.menu.get(scope_of(given), language_of(given))


async def delete_my_commands(telegram: Telegram, given: Parameters) -> bool:
    """Handle `deleteMyCommands`."""
    telegram.menu.put(scope_of(given), language_of(given), [])
    telegram.events.publish("commands", None, {})
    return True


async def set_my_description(telegram: Telegram, given: Parameters) -> bool:
    """Handle `setMyDescription`."""
    return _set_description(telegram, given, "description", DESCRIPTION)


async def get_my_description(telegram: Telegram, given: Parameters) -> Json:
    """Handle `getMyDescription`."""
    return _get_description(telegram, given, "description")


async def set_my_short_description(telegram: Telegram, given: Parameters) -> bool:
    """Handle `setMyShortDescription`."""
    return _set_description(telegram, given, "short_description", SHORT_DESCRIPTION)


async def get_my_short_description(telegram: Telegram, given: Parameters) -> Json:
    """Handle `getMyShortDescription`."""
    return _get_description(telegram, given, "short_description")


def _set_description(telegram: Telegram, given: Parameters, name: str, limit: int) -> bool:
    if len(given.text(name)) > limit:
        raise bad_request(f"{name.replace('_', ' ')} must not be longer than {limit} characters")
    telegram.descriptions[name, language_of(given)] = given.text(name)
    return True


def _get_description(telegram: Telegram, given: Parameters, name: str) -> Json:
    return {name: telegram.descriptions.get((name, language_of(given)), "")}


def scope_of(given: Parameters) -> Scope:
    """Return the kind of scope and its chat (0 for none); 400 for an unknown kind."""
    wanted = Parameters(given.get_object("scope") or {"type": "default"})
    kind = wanted.text("type")
    if kind in SCOPES:
        return kind, 0
    if kind not in CHAT_SCOPES:
        raise bad_request("can't parse BotCommandScope: Unsupported type specified")
    if not wanted.number("chat_id"):
        raise bad_request("can't parse BotCommandScope: Empty chat_id specified")
    return kind, wanted.number("chat_id")


def language_of(given: Parameters) -> str:
    """Return a two-letter code; empty for all languages."""
    if not LANGUAGE.fullmatch(given.text("language_code")):
        raise bad_request("invalid language code specified")
    return given.text("language_code")


def command(given: object) -> Command:
    """Return one command of the menu; 400 for a name or description that Telegram rejects."""
    if not isinstance(given, dict):
        raise unusable("expected an Object")
    one = Parameters(given)
    name, description = one.text("command").strip().removeprefix("/"), one.text("description").strip()
    if not name or not description:
        raise bad_request(f"command {'description ' if name else ''}must be non-empty")
    if len(name) > 32:
        raise bad_request("command length must not exceed 32")
    if len(description) > COMMAND_DESCRIPTION:
        raise bad_request(f"command description length must not exceed {COMMAND_DESCRIPTION}")
    if not COMMAND.fullmatch(name):
        raise bad_request("BOT_COMMAND_INVALID")
    return {"command": name, "description": description}


def unusable(reason: str) -> BotApiError:
    """Return the 400 for a command that cannot be parsed."""
    return bad_request(f"can't parse BotCommand: {reason}")
