"""What the bot writes, with aiogram's own client."""

from __future__ import annotations

from aiogram import Bot
from aiogram.types import (
    BufferedInputFile,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    InputMediaDocument,
    InputMediaPhoto,
    ReplyParameters,
)

from sandbox.server import Sandbox
from tests.support.sandbox import gif, greeted, keyboard, local, picture, refusal, rises


def named(data: bytes, name: str = "a.png") -> BufferedInputFile:
    return BufferedInputFile(data, name)


@local
async def test_a_message_comes_back_as_it_was_sent_and_is_in_the_chat(sandbox: Sandbox, bot: Bot) -> None:
    person = await greeted(sandbox)
    sent = await bot.send_message(7, "<b>Привет</b>", parse_mode="HTML", reply_markup=keyboard(Да="yes"))
    assert (sent.text, sent.html_text, sent.chat.id) == ("Привет", "<b>Привет</b>", 7)
    assert sent.from_user
    assert sent.from_user.is_bot
    assert sent.reply_markup
    assert sent.reply_markup.inline_keyboard[0][0].callback_data == "yes"
    shown = person.messages[-1]
    assert (shown["text"], shown["message_id"]) == ("Привет", sent.message_id)


@local
async def test_texts_that_telegram_refuses_are_refused(sandbox: Sandbox, bot: Bot) -> None:
    await greeted(sandbox)
    assert await refusal(bot.send_message(7, "")) == "Bad Request: message text is empty"
    assert await refusal(bot.send_message(7, " ")) == "Bad Request: text must be non-empty"
    assert await refusal(bot.send_message(7, "x" * 4097)) == "Bad Request: message is too long"
    assert "can't parse entities" in await refusal(bot.send_message(7, "<b>", parse_mode="HTML"))


@local
async def test_the_limit_counts_characters_after_the_marks_are_read(sandbox: Sandbox, bot: Bot) -> None:
    await greeted(sandbox)
    sent = await bot.send_message(7, f"<b>{'ё' * 4096}</b>", parse_mode="HTML")
    assert sent.text == "ё" * 4096


@local
async def test_a_chat_that_the_bot_does_not_know_is_not_found(sandbox: Sandbox, bot: Bot) -> None:
    """A user counts as known once he has written."""
    assert await refusal(bot.send_message(8, "x")) == "Bad Request: chat not found"
    sandbox.user(8)
    assert await refusal(bot.send_message(8, "x")) == "Bad Request: chat not found"
    assert await refusal(bot.send_message("", "x")) == "Bad Request: chat_id is empty"


@local
async def test_a_user_who_blocked_the_bot_gets_nothing(sandbox: Sandbox, bot: Bot) -> None:
    person = await greeted(sandbox)
    person.block()
    for call in (bot.send_message(7, "x"), bot.send_chat_action(7, "typing"), bot.send_photo(7, named(picture()))):
        assert await refusal(call) == "Forbidden: bot was blocked by the user"
    person.unblock()
    assert (await bot.send_message(7, "x")).text == "x"


@local
async def test_buttons_are_checked(sandbox: Sandbox, bot: Bot) -> None:
    await greeted(sandbox)
    assert (await bot.send_message(7, "x", reply_markup=keyboard(a="ё" * 32))).reply_markup is not None
    assert (
        await refusal(bot.send_message(7, "x", reply_markup=keyboard(a="ё" * 33))) == "Bad Request: BUTTON_DATA_INVALID"
    )
    idle = InlineKeyboardMarkup(inline_keyboard=[[InlineKeyboardButton(text="a")]])
    assert "Text buttons are unallowed" in await refusal(bot.send_message(7, "x", reply_markup=idle))
    blank = InlineKeyboardMarkup(inline_keyboard=[[InlineKeyboardButton(text="", url="https://x.ru")]])
    assert (
        await refusal(bot.send_message(7, "x", reply_markup=blank))
        == "Bad Request: inline keyboard button text must be non-empty"
    )


@local
async def test_an_answer_names_the_message_it_answers_to(sandbox: Sandbox, bot: Bot) -> None:
    person = await greeted(sandbox)
    first = person.messages[0]["message_id"]
    sent = await bot.send_message(7, "x", reply_parameters=ReplyParameters(message_id=first))
    assert sent.reply_to_message
    assert sent.reply_to_message.message_id == first
    gone = ReplyParameters(message_id=first + 999)
    assert (
        await refusal(bot.send_message(7, "x", reply_parameters=gone)) == "Bad Request: message to be replied not found"
    )
    calm = ReplyParameters(message_id=first + 999, allow_sending_without_reply=True)
    assert (await bot.send_message(7, "x", reply_parameters=calm)).reply_to_message is None


@local
async def test_a_photo_can_be_sent_and_sent_again_by_its_id(sandbox: Sandbox, bot: Bot) -> None:
    await greeted(sandbox)
    sent = await bot.send_photo(7, named(picture(1600, 800)), caption="<i>a</i>", parse_mode="HTML")
    assert sent.photo
    assert [(size.width, size.height) for size in sent.photo] == [
        (90, 45),
        (320, 160),
        (800, 400),
        (1280, 640),
    ]
    assert (sent.caption, sent.caption_entities and sent.caption_entities[0].type) == ("a", "italic")
    again = await bot.send_photo(7, sent.photo[-1].file_id)
    assert again.photo
    assert again.photo[-1].file_unique_id == sent.photo[-1].file_unique_id


@local
async def test_photos_that_telegram_refuses_are_refused(sandbox: Sandbox, bot: Bot) -> None:
    await greeted(sandbox)
    assert await refusal(bot.send_photo(7, named(b"no picture"))) == "Bad Request: IMAGE_PROCESS_FAILED"
    assert await refusal(bot.send_photo(7, named(picture(2000, 20)))) == "Bad Request: IMAGE_PROCESS_FAILED"
    assert "wrong remote file identifier" in await refusal(bot.send_photo(7, "nonsense"))
    assert "HTTP URL" in await refusal(bot.send_photo(7, "https://x.ru/a.jpg"))
    long = bot.send_photo(7, named(picture()), caption="x" * 1025)
    assert await refusal(long) == "Bad Request: message caption is too long"
    document = await bot.send_document(7, named(b"abc", "a.txt"))
    assert document.document
    assert "can't use file of type" in await refusal(bot.send_photo(7, document.document.file_id))


@local
async def test_documents_and_animations_arrive_as_such(sandbox: Sandbox, bot: Bot) -> None:
    await greeted(sandbox)
    document = await bot.send_document(7, named(b"abc", "отчёт.txt"), caption="c")
    assert document.document
    assert (document.document.file_name, document.document.file_size) == ("отчёт.txt", 3)
    moving = await bot.send_document(7, named(gif(), "a.gif"))
    assert moving.animation
    assert moving.animation.mime_type == "video/mp4"
    kept = await bot.send_document(7, named(gif(), "a.gif"), disable_content_type_detection=True)
    assert kept.animation is None
    assert kept.document
    film = await bot.send_animation(7, moving.animation.file_id)
    assert film.animation
    assert film.animation.file_unique_id == moving.animation.file_unique_id


@local
async def test_a_film_can_be_sent_as_an_animation(sandbox: Sandbox, bot: Bot) -> None:
    await greeted(sandbox)
    made = await bot.send_animation(7, named(gif(), "a.gif"))
    assert made.animation
    file = await bot.download(made.animation.file_id)
    assert file
    sent = await bot.send_animation(7, named(file.read(), "b.mp4"))
    assert sent.animation
    assert (sent.animation.width, sent.animation.file_name) == (30, "b.mp4")


@local
async def test_an_album_has_one_id_and_rising_message_ids(sandbox: Sandbox, bot: Bot) -> None:
    person = await greeted(sandbox)
    colors = ("red", "green", "blue")
    sent = await bot.send_media_group(
        7, [InputMediaPhoto(media=named(picture(color=color)), caption=color) for color in colors]
    )
    assert len({message.media_group_id for message in sent}) == 1
    assert sent[0].media_group_id
    assert rises([message.message_id for message in sent])
    assert [message["caption"] for message in person.messages[1:]] == list(colors)


@local
async def test_albums_hold_two_to_ten_of_one_kind(sandbox: Sandbox, bot: Bot) -> None:
    await greeted(sandbox)
    photo, document = (InputMediaPhoto(media=named(picture())), InputMediaDocument(media=named(b"a", "a.txt")))
    assert "2-10" in await refusal(bot.send_media_group(7, [photo]))
    assert "2-10" in await refusal(bot.send_media_group(7, [photo] * 11))
    mixed = await refusal(bot.send_media_group(7, [photo, document]))
    assert mixed == "Bad Request: document can't be mixed with other media types"
    assert len(await bot.send_media_group(7, [document, document])) == 2


@local
async def test_a_copy_is_a_message_of_the_bot_s_own(sandbox: Sandbox, bot: Bot) -> None:
    person = await greeted(sandbox)
    photo = await person.photo(picture(), "mine")
    copy = await bot.copy_message(7, 7, photo["message_id"])
    shown = person.messages[-1]
    assert (shown["message_id"], shown["caption"], shown["from"]["is_bot"]) == (copy.message_id, "mine", True)
    assert shown["photo"] == photo["photo"]
    await bot.copy_message(7, 7, photo["message_id"], caption="new")
    assert person.messages[-1]["caption"] == "new"
    assert await refusal(bot.copy_message(7, 7, 5)) == "Bad Request: message to copy not found"


@local
async def test_an_action_is_published_and_an_unknown_one_rejected(sandbox: Sandbox, bot: Bot) -> None:
    await greeted(sandbox)
    with sandbox.telegram.events.listening() as happened:
        assert await bot.send_chat_action(7, "upload_photo")
        event = happened.get_nowait()
    assert event
    assert (event.name, event.user, event.data) == ("action", 7, {"action": "upload_photo"})
    assert await refusal(bot.send_chat_action(7, "dance")) == "Bad Request: wrong parameter action in request"
