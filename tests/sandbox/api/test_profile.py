"""What the bot says about itself, and what it can ask about a chat."""

from __future__ import annotations

from aiogram import Bot
from aiogram.types import BotCommand, BotCommandScopeAllPrivateChats, BotCommandScopeChat

from sandbox.server import Sandbox
from tests.support.sandbox import client, greeted, local, refusal


def commands(*names: str) -> list[BotCommand]:
    return [BotCommand(command=name, description=f"does {name}") for name in names]


@local
async def test_the_bot_learns_its_identity(sandbox: Sandbox, bot: Bot) -> None:
    me = await bot.get_me()
    assert (me.id, me.is_bot, me.username) == (42, True, "opisalka_sandbox_bot")


@local
async def test_another_token_is_unauthorized(sandbox: Sandbox, bot: Bot) -> None:
    stranger = client(sandbox, "43:OTHER")
    assert await refusal(stranger.get_me()) == "Unauthorized"
    await stranger.session.close()


@local
async def test_commands_are_kept_by_scope_and_language(sandbox: Sandbox, bot: Bot) -> None:
    private = BotCommandScopeAllPrivateChats()
    await bot.set_my_commands(commands("start", "help"))
    await bot.set_my_commands(commands("start"), scope=private, language_code="ru")
    assert [one.command for one in await bot.get_my_commands()] == ["start", "help"]
    assert [one.command for one in await bot.get_my_commands(scope=private, language_code="ru")] == ["start"]
    assert await bot.get_my_commands(language_code="ru") == []
    assert await bot.delete_my_commands(scope=private, language_code="ru")
    assert await bot.get_my_commands(scope=private, language_code="ru") == []


@local
async def test_a_user_sees_the_commands_of_the_narrowest_scope_and_the_own_language(sandbox: Sandbox, bot: Bot) -> None:
    await bot.set_my_commands(commands("a"))
    await bot.set_my_commands(commands("b"), language_code="ru")
    await bot.set_my_commands(commands("c"), scope=BotCommandScopeChat(chat_id=7))
    visible = {
        (chat_id, language): [one["command"] for one in sandbox.telegram.menu.visible(chat_id, language)]
        for chat_id in (7, 8)
        for language in ("ru", "en")
    }
    assert visible == {(7, "ru"): ["c"], (7, "en"): ["c"], (8, "ru"): ["b"], (8, "en"): ["a"]}


@local
async def test_commands_that_telegram_refuses_are_refused(sandbox: Sandbox, bot: Bot) -> None:
    for name in ("Start", "st-art", "старт"):
        assert await refusal(bot.set_my_commands(commands(name))) == "Bad Request: BOT_COMMAND_INVALID"
    assert "must not exceed 32" in await refusal(bot.set_my_commands(commands("a" * 33)))
    assert "non-empty" in await refusal(bot.set_my_commands([BotCommand(command="a", description=" ")]))
    long = [BotCommand(command="a", description="x" * 257)]
    assert "must not exceed 256" in await refusal(bot.set_my_commands(long))
    assert await refusal(bot.set_my_commands(commands("a") * 101)) == "Bad Request: BOT_COMMANDS_TOO_MUCH"
    assert "language code" in await refusal(bot.set_my_commands(commands("a"), language_code="rus"))


@local
async def test_descriptions_are_kept_by_language(sandbox: Sandbox, bot: Bot) -> None:
    await bot.set_my_description("Пишу объявления", language_code="ru")
    await bot.set_my_short_description("Объявления")
    assert (await bot.get_my_description(language_code="ru")).description == "Пишу объявления"
    assert (await bot.get_my_description()).description == ""
    assert (await bot.get_my_short_description()).short_description == "Объявления"
    assert "512" in await refusal(bot.set_my_description("x" * 513))


@local
async def test_a_chat_can_be_asked_for(sandbox: Sandbox, bot: Bot) -> None:
    assert await refusal(bot.get_chat(7)) == "Bad Request: chat not found"
    await greeted(sandbox)
    chat = await bot.get_chat(7)
    assert (chat.id, chat.type, chat.first_name) == (7, "private", "Аня")
