"""Methods about the bot itself."""

from __future__ import annotations

from sandbox.parameters import Parameters
from sandbox.shapes import Json
from sandbox.telegram import Telegram


async def get_me(telegram: Telegram, given: Parameters) -> Json:
    """`getMe`."""
    abilities = dict.fromkeys(("can_join_groups", "can_read_all_group_messages", "supports_inline_queries"), False)
    return {**telegram.bot, **abilities, "can_connect_to_business": False, "has_main_web_app": False}
