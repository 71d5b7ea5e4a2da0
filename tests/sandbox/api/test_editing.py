"""What the bot changes and takes away."""

from __future__ import annotations

import time

from aiogram import Bot
from aiogram.types import BufferedInputFile, ReactionTypeEmoji

from sandbox.server import Sandbox
from tests.support.sandbox import greeted, keyboard, local, picture, refusal


@local
async def test_an_edit_shows_in_the_chat_and_takes_the_keyboard_unless_it_is_given(sandbox: Sandbox, bot: Bot) -> None:
    person = await greeted(sandbox)
    sent = await bot.send_message(7, "a", reply_markup=keyboard(Да="1"))
    assert await sent.edit_text("b", reply_markup=keyboard(Да="1"))
    assert person.messages[-1]["reply_markup"]
    assert await sent.edit_text("<b>c</b>", parse_mode="HTML")
    assert "reply_markup" not in person.messages[-1]
    assert person.messages[-1]["edit_date"] >= person.messages[-1]["date"]
    assert [message["text"] for message in person.messages] == ["/start", "c"]


@local
async def test_an_edit_that_changes_nothing_is_refused(sandbox: Sandbox, bot: Bot) -> None:
    await greeted(sandbox)
    yes = keyboard(Да="1")
    sent = await bot.send_message(7, "<b>a</b>", parse_mode="HTML", reply_markup=yes)
    same = await refusal(sent.edit_text("<b>a</b>", parse_mode="HTML", reply_markup=yes))
    assert same.startswith("Bad Request: message is not modified: specified new message content")
    assert "not modified" in await refusal(sent.edit_reply_markup(reply_markup=yes))
    assert await sent.edit_text("a", reply_markup=yes)
    assert await sent.edit_reply_markup()
    assert "not modified" in await refusal(sent.edit_reply_markup())


@local
async def test_only_the_bot_s_own_messages_can_be_edited(sandbox: Sandbox, bot: Bot) -> None:
    person = await greeted(sandbox)
    theirs = person.messages[0]["message_id"]
    assert (
        await refusal(bot.edit_message_text("x", chat_id=7, message_id=theirs))
        == "Bad Request: message can't be edited"
    )
    gone = bot.edit_message_text("x", chat_id=7, message_id=theirs + 50)
    assert await refusal(gone) == "Bad Request: message to edit not found"


@local
async def test_texts_and_captions_are_edited_each_by_its_own_method(sandbox: Sandbox, bot: Bot) -> None:
    person = await greeted(sandbox)
    text = await bot.send_message(7, "a")
    photo = await bot.send_photo(7, BufferedInputFile(picture(), "a.png"))
    wrong = bot.edit_message_text("x", chat_id=7, message_id=photo.message_id)
    assert await refusal(wrong) == "Bad Request: there is no text in the message to edit"
    wrong = bot.edit_message_caption(chat_id=7, message_id=text.message_id, caption="x")
    assert await refusal(wrong) == "Bad Request: there is no caption in the message to edit"
    assert await bot.edit_message_caption(chat_id=7, message_id=photo.message_id, caption="x")
    assert person.messages[-1]["caption"] == "x"


@local
async def test_deleted_messages_are_gone(sandbox: Sandbox, bot: Bot) -> None:
    """Of both sides; several at once pass over what is not there. After 48 hours nothing can be deleted."""
    person = await greeted(sandbox)
    first, second = [(await bot.send_message(7, text)).message_id for text in "ab"]
    assert await bot.delete_message(7, first)
    assert await refusal(bot.delete_message(7, first)) == "Bad Request: message to delete not found"
    assert await bot.delete_messages(7, [first, second, person.messages[0]["message_id"]])
    assert person.messages == []
    old = (await bot.send_message(7, "c")).message_id
    sandbox.telegram.chats[7].change(old, {"date": int(time.time()) - 49 * 3600})
    assert await refusal(bot.delete_message(7, old)) == "Bad Request: message can't be deleted for everyone"
    assert (
        await refusal(bot.edit_message_text("x", chat_id=7, message_id=first))
        == "Bad Request: message to edit not found"
    )


@local
async def test_a_reaction_needs_a_message(sandbox: Sandbox, bot: Bot) -> None:
    person = await greeted(sandbox)
    emoji = ReactionTypeEmoji(emoji="👍")
    assert await bot.set_message_reaction(7, person.messages[0]["message_id"], [emoji])
    assert await refusal(bot.set_message_reaction(7, 1, [emoji])) == "Bad Request: message to react not found"
